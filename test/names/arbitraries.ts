/** Paths of every kind for property tests. */

import fc from "fast-check";
import { pathOfBytes } from "../../src/names/path-text.ts";

/** Any well-formed text. (fast-check's own `binary` unit takes seconds to set up.) */
export function anyText(constraints: { minLength?: number; maxLength?: number } = {}) {
  const character = fc.oneof(
    fc.integer({ min: 0, max: 0x7f }),
    fc.integer({ min: 0x80, max: 0xd7ff }),
    fc.integer({ min: 0xe000, max: 0x10ffff }),
  );
  return fc.array(character, constraints).map((characters) => String.fromCodePoint(...characters));
}

/** Any path text, with bytes that are not UTF-8 too, and such that look like stored names. */
export function anyPath() {
  return fc.oneof(
    anyText({ minLength: 1, maxLength: 60 }),
    fc.uint8Array({ minLength: 1, maxLength: 60 }).map(pathOfBytes),
    fc.stringMatching(/^[a-z0-9./]{1,30}(\.enc)?$/),
  );
}
