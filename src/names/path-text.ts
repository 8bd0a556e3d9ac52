/**
 * Paths as text without loss.
 *
 * Linux paths are bytes; JavaScript strings are UTF-16. A path that is valid UTF-8 is an ordinary string. A byte
 * that is not (a name from another century, say) becomes one lone surrogate U+DC80..U+DCFF, as in Python's
 * "surrogateescape" (PEP 383), which the older tool used too: so nothing is lost, regular expressions see the
 * same text in both tools, and every other name costs nothing extra.
 *
 * Everything is ordered by the *bytes* of the path. JavaScript's own order agrees except where surrogates are
 * involved (U+10000 and above sort before U+E000..U+FFFF in UTF-16), so `comparePaths` looks at those alone.
 */

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const SURROGATE = /[\ud800-\udfff]/;
const ESCAPED_BYTE = /[\udc80-\udcff]/;

/** Decodes path bytes; bytes that are not UTF-8 become U+DC80..U+DCFF. Inverse of `bytesOfPath`. */
export function pathOfBytes(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return escapeInvalid(bytes);
  }
}

/** The bytes of a path as the file system or an object key has them. Inverse of `pathOfBytes`. */
export function bytesOfPath(path: string): Buffer {
  if (!ESCAPED_BYTE.test(path)) return Buffer.from(path, "utf8");
  const parts: Buffer[] = [];
  let plainFrom = 0;
  for (let i = 0; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff && isLowSurrogate(path.charCodeAt(i + 1))) {
      i++; // a proper pair, encoded with its neighbours below
    } else if (unit >= 0xdc80 && unit <= 0xdcff) {
      parts.push(Buffer.from(path.slice(plainFrom, i), "utf8"), Buffer.of(unit - 0xdc00));
      plainFrom = i + 1;
    }
  }
  parts.push(Buffer.from(path.slice(plainFrom), "utf8"));
  return Buffer.concat(parts);
}

/** What to hand to `node:fs`: the string itself, or bytes where the string holds escaped ones. */
export function fsPath(path: string): string | Buffer {
  return ESCAPED_BYTE.test(path) ? bytesOfPath(path) : path;
}

/** Whether the path is valid UTF-8, as object keys have to be. */
export function isUtf8(path: string): boolean {
  return path.isWellFormed();
}

/** Orders two paths by their bytes: negative, zero or positive. */
export function comparePaths(a: string, b: string): number {
  if (a === b) return 0;
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(bytesOfPath(a), bytesOfPath(b));
  return a < b ? -1 : 1;
}

/** Sorts in place by bytes; the common case (no surrogates) is the engine's own order. */
export function sortPaths(paths: string[]): string[] {
  return paths.some((path) => SURROGATE.test(path)) ? paths.sort(comparePaths) : paths.sort();
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** Decodes the longest valid sequences and escapes each byte in between (Unicode 15, table 3-7). */
function escapeInvalid(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i);
    if (length === 0) {
      text += String.fromCharCode(0xdc00 + (bytes[i] ?? 0));
      i++;
    } else {
      text += strictDecoder.decode(bytes.subarray(i, i + length));
      i += length;
    }
  }
  return text;
}

/** The length of the well-formed UTF-8 sequence at `at`, or 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (length === 0 || lead > 0xf4 || at + length > bytes.length) return 0;
  const second = bytes[at + 1] ?? 0;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let i = 2; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}
