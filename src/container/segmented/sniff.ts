/** Which container an object is in (docs/format.md, section 11). */

import { hasMagic, MAGIC } from "./header.ts";

/** As much of an object's start as `sniffContainer` wants. */
export const SNIFF_BYTES = MAGIC.length;

/**
 * - `classic`, `segmented`: certain.
 * - `ask-md5`: a segmented object as long as its name says; if the md5 of all its bytes is the name's, it is the file
 *   itself, stored in the classic container without encryption and compression. Otherwise it is segmented.
 */
export type Sniffed = "classic" | "segmented" | "ask-md5";

/**
 * @param start the object's first bytes: `SNIFF_BYTES`, or all there are.
 * @param objectLength how long the object is.
 * @param size what its name says.
 */
export function sniffContainer(start: Uint8Array, objectLength: number, size: number): Sniffed {
  if (!hasMagic(start)) return "classic";
  return objectLength === size ? "ask-md5" : "segmented";
}
