/** Argon2id 1.3 (RFC 9106) with any number of lanes. The native module is loaded when it is needed first. */
import { createRequire } from "node:module";

const ARGON2ID = 2;
const V13 = 1;

/** @param memoryKib in KiB. Blocks for as long as it takes. */
export function argon2id(
  password: Uint8Array,
  salt: Uint8Array,
  {
    iterations,
    memoryKib,
    lanes,
  }: { readonly iterations: number; readonly memoryKib: number; readonly lanes: number },
  outputLength: number,
): Buffer {
  const require = createRequire(import.meta.url);
  const { hashRawSync } = require("@node-rs/argon2") as typeof import("@node-rs/argon2");
  return hashRawSync(password, {
    algorithm: ARGON2ID,
    version: V13,
    timeCost: iterations,
    memoryCost: memoryKib,
    parallelism: lanes,
    outputLen: outputLength,
    salt,
  });
}
