/**
 * Makes the test vectors of docs/format.md: `node test/vectors/generate.ts`. Deterministic but for the versions of
 * zstd and zlib underneath, so the committed files are the vectors, and this says how they came to be.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { prepareCrypto } from "../../src/crypto/aead.ts";
import { badScenarios } from "./bad.ts";
import { goodScenarios } from "./good.ts";
import type { Vector } from "./vector.ts";

await prepareCrypto("cha");
const good = await goodScenarios();
const vectors: Record<string, Vector> = { ...good, ...badScenarios(good) };
for (const [name, vector] of Object.entries(vectors)) {
  const file = join(import.meta.dirname, `${name}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(vector, null, 2)}\n`);
}
