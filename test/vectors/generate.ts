/**
 * Makes the test vectors of docs/format.md: `node test/vectors/generate.ts`. Deterministic but for the versions of
 * zstd and zlib underneath, so the committed files are the vectors, and this says how they came to be.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { prepareCrypto } from "../../src/crypto/aead.ts";
import { allScenarios } from "./all.ts";
import type { Vector } from "./vector.ts";

await prepareCrypto("cha");
const vectors: Record<string, Vector> = await allScenarios();
for (const [name, vector] of Object.entries(vectors)) {
  const file = join(import.meta.dirname, `${name}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(vector, null, 2)}\n`);
}
const { zstd, zlib } = process.versions;
writeFileSync(join(import.meta.dirname, "made-with.json"), `${JSON.stringify({ zstd, zlib }, null, 2)}\n`);
