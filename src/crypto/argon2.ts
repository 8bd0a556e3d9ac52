/** Argon2id 1.3 (RFC 9106) with any number of lanes. The native module is loaded when it is needed first. */
import { createRequire } from "node:module";

const ARGON2ID = 2;
const V13 = 1;

export interface Argon2Costs {
  readonly iterations: number;
  readonly memoryKib: number;
  readonly lanes: number;
}

/** Blocks for as long as it takes. */
export function argon2id(
  password: Uint8Array,
  salt: Uint8Array,
  costs: Argon2Costs,
  outputLength: number,
): Buffer {
  return native().hashRawSync(password, optionsOf(salt, costs, outputLength));
}

/** The same on another thread. */
export function argon2idAside(
  password: Uint8Array,
  salt: Uint8Array,
  costs: Argon2Costs,
  outputLength: number,
): Promise<Buffer> {
  return native().hashRaw(password, optionsOf(salt, costs, outputLength));
}

function native() {
  return createRequire(import.meta.url)("@node-rs/argon2") as typeof import("@node-rs/argon2");
}

function optionsOf(
  salt: Uint8Array,
  { iterations, memoryKib, lanes }: Argon2Costs,
  outputLen: number,
): import("@node-rs/argon2").Options {
  return {
    algorithm: ARGON2ID,
    version: V13,
    timeCost: iterations,
    memoryCost: memoryKib,
    parallelism: lanes,
    outputLen,
    salt,
  };
}
