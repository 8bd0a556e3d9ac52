/**
 * Stored names: `<path>.<mtime>.<size>.<md5>.<deleted>.enc`, the whole state of the tool (docs/format.md, section 2).
 *
 * A path may hold dots, end in one, or look like a stored name itself, so names are parsed from the right and by
 * hand: a run over millions of objects parses each of their names.
 */

import { BackupError } from "../errors.ts";
import { bigIntOfBytes, digitValue, parseBigInt, parseInteger } from "./base36.ts";
import { formatStamp, parseStamp, type Stamp } from "./stamp.ts";

/** One stored object of a path, as its name tells. */
export interface StoredVersion {
  /** The object's key at the destination, verbatim. */
  readonly key: string;
  /** Path text (path-text.ts). */
  readonly path: string;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  /** Bytes of the original. */
  readonly size: number;
  /** Of the original: canonical base 36, lower case without leading zeros. */
  readonly md5: string;
  /** Whether it is live, and if not, when it was (the name's deleted field). */
  readonly stamp: Stamp;
  /** Whether the key is an encrypted name. */
  readonly sealed: boolean;
}

/** What a name is made of. */
export type NameFields = Pick<StoredVersion, "path" | "mtime" | "size" | "md5" | "stamp">;

/** Whether a version is the newest of a file that is there, as far as its name tells. */
export function isLive({ stamp }: { readonly stamp: Stamp }): boolean {
  return stamp.form === "live";
}

/** Every object of ours ends so, encrypted or not. */
export const SUFFIX = ".enc";

/** 2^128 - 1, the largest MD5. */
export const LARGEST_MD5 = "f5lxx1zz5pnorynqglhzmsp33";
const DOT = 0x2e;
const SEALED = /^[0-9a-z]+\.enc$/i;

/**
 * The fewest characters of an encrypted name before the suffix: salt, nonce and tag of the shorter container (48
 * bytes) and the shortest plain name (`a.0.0.0.0`), a byte taking at least one character.
 */
const SEALED_LEAST = 48 + 9;

/**
 * Reads a plain stored name; undefined when it is not one of ours. Leading zeros and upper case are accepted as the
 * older reader does; its other liberties (`_`, `+`, white space in numbers) it never writes, and they are refused.
 */
export function parseStoredName(key: string): StoredVersion | undefined {
  if (!key.endsWith(SUFFIX)) return undefined;
  return parsePlainName(key, key.length - SUFFIX.length, key, false);
}

/** Reads a decrypted name, which has no suffix, for the object under `key`. */
export function parseOpenedName(plainName: string, key: string): StoredVersion | undefined {
  return parsePlainName(plainName, plainName.length, key, true);
}

function parsePlainName(name: string, end: number, key: string, sealed: boolean): StoredVersion | undefined {
  const dot4 = dotBefore(name, end);
  const dot3 = dotBefore(name, dot4);
  const dot2 = dotBefore(name, dot3);
  const dot1 = dotBefore(name, dot2);
  if (dot1 < 1) return undefined; // too few fields, or an empty path
  const stamp = parseStamp(name, dot4 + 1, end);
  if (stamp === undefined) return undefined;
  const size = parseInteger(name, dot2 + 1, dot3);
  const mtime = parseInteger(name, dot1 + 1, dot2);
  if (size < 0 || mtime < 0) return undefined;
  const md5 = parseMd5(name, dot3 + 1, dot4);
  if (md5 === undefined) return undefined;
  return { key, path: name.slice(0, dot1), mtime, size, md5, stamp, sealed };
}

/**
 * The plain stored name of a version, with its suffix.
 *
 * @throws BackupError (ERANGE) for a time that the layout cannot hold: a file system may have any of 64 bits.
 */
export function formatStoredName(fields: NameFields): string {
  return formatPlainName(fields) + SUFFIX;
}

/** The same without the suffix: what is encrypted when names are. Throws as `formatStoredName` does. */
export function formatPlainName({ path, mtime, size, md5, stamp }: NameFields): string {
  if (!Number.isSafeInteger(mtime) || mtime < 0) {
    throw new BackupError("source", "its modification time is beyond what a stored name can hold", {
      path,
      code: "ERANGE",
      remedy: "give the file another time, for example with touch",
    });
  }
  if (!Number.isSafeInteger(size) || size < 0 || path === "") {
    throw new BackupError("internal", "these fields make no stored name", { path, code: "EINVAL" });
  }
  return `${path}.${mtime.toString(36)}.${size.toString(36)}.${md5}.${formatStamp(stamp)}`;
}

/**
 * What the key of an unchanged file begins with. Only for sorting and comparing: a time that no stored name can hold
 * still gets a text of its own.
 */
export function sortKeyOf(path: string, mtime: number, size: number): string {
  return `${path}.${mtime.toString(36)}.${size.toString(36)}.`;
}

/** The name field of an MD5 digest of 16 bytes. */
export function md5ToBase36(digest: Uint8Array): string {
  return bigIntOfBytes(digest).toString(36);
}

/** The 16 bytes of an MD5 in canonical base 36, as names hold it. */
export function md5FromBase36(text: string): Buffer {
  return Buffer.from(parseBigInt(text).toString(16).padStart(32, "0"), "hex");
}

/** Whether a key could be an encrypted name: base 36 only and long enough. No plain name is, for want of dots. */
export function looksSealed(key: string): boolean {
  return key.length >= SEALED_LEAST + SUFFIX.length && SEALED.test(key) && key.endsWith(SUFFIX);
}

/** The last dot of `name` before `end`, or -1; the numbers it is looked for behind are short. */
function dotBefore(name: string, end: number): number {
  for (let i = end - 1; i >= 0; i--) if (name.charCodeAt(i) === DOT) return i;
  return -1;
}

/** The md5 field in canonical form; undefined when it is no number below 2^128. */
function parseMd5(name: string, start: number, end: number): string | undefined {
  let from = start;
  while (from < end - 1 && name.charCodeAt(from) === 0x30) from++;
  const length = end - from;
  if (length < 1 || length > LARGEST_MD5.length) return undefined;
  let upper = false;
  for (let i = from; i < end; i++) {
    const code = name.charCodeAt(i);
    if (digitValue(code) < 0) return undefined;
    if (code >= 0x41 && code <= 0x5a) upper = true;
  }
  const digits = name.slice(from, end);
  const text = upper ? digits.toLowerCase() : digits;
  return length === LARGEST_MD5.length && text > LARGEST_MD5 ? undefined : text;
}
