/** How decoders report what is wrong with their input; the container adds which object it was. */

import { DamagedError } from "../errors.ts";

/** The input is no stream of its format, or is broken or cut off. */
export function undecodable(format: "xz" | "gzip", what: string, cause?: unknown): DamagedError {
  return new DamagedError(`does not decompress (${format}): ${what}`, { code: "EDECOMPRESS", cause });
}

/** The output outgrew what its name promises; decoding stopped there. */
export function tooLong(limit: number): DamagedError {
  return new DamagedError(`holds more than the ${limit} bytes that its name says`, { code: "ESIZE" });
}
