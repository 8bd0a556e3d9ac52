/**
 * Keys: between the tool's (relative to the base path) and the bucket's, and into the encodings that S3 wants.
 */

import { pathOfBytes } from "../../names/path-text.ts";

/** S3 user guide, "Naming Amazon S3 objects": a key is at most 1,024 bytes of UTF-8. */
const KEY_MAX_BYTES = 1024;

/** Characters that XML 1.0 (section 2.2) cannot carry, even escaped; a lone surrogate never gets this far. */
const NOT_XML = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** XML parsers turn these into `\n` or a space, and Ceph's refuses keys with control characters altogether. */
const CONTROL = /[\x00-\x1f\x7f]/;

export class KeySpace {
  /** Empty, or the base path with its closing slash. */
  readonly prefix: string;

  constructor(basePath: string) {
    this.prefix = basePath === "" ? "" : `${basePath}/`;
  }

  /** Why `key` cannot be stored, or undefined. */
  problem(key: string): string | undefined {
    if (key === "") return "an object key cannot be empty";
    if (!key.isWellFormed()) return "the name is not valid UTF-8, as object keys have to be";
    if (key.split("/").some((part) => part === "." || part === "..")) {
      return "a component of '.' or '..' in a key is rewritten or refused by many S3 servers";
    }
    const atMost = 3 * (this.prefix.length + key.length);
    if (atMost > KEY_MAX_BYTES && Buffer.byteLength(this.prefix) + Buffer.byteLength(key) > KEY_MAX_BYTES) {
      return `the object key is longer than ${KEY_MAX_BYTES} bytes`;
    }
    return undefined;
  }

  full(key: string): string {
    return this.prefix + key;
  }

  /** Undefined for what is not below the base path. */
  relative(full: string): string | undefined {
    return full.startsWith(this.prefix) && full.length > this.prefix.length
      ? full.slice(this.prefix.length)
      : undefined;
  }
}

/** Whether DeleteObjects can name this key: its XML body has no way to say some characters. */
export function fitsXml(key: string): boolean {
  return !CONTROL.test(key) && !NOT_XML.test(key);
}

/** The value of `x-amz-copy-source`; slashes stay, everything else is encoded (the SDK leaves it as it is). */
export function copySource(bucket: string, fullKey: string): string {
  return `${bucket}/${fullKey.split("/").map(encodeURIComponent).join("/")}`;
}

/**
 * Decodes a key listed with `encoding-type=url`. A space may come as `+`, so that goes first; a real plus sign is
 * `%2B`. A key that is not UTF-8 becomes a path that is not (names/path-text.ts): it cannot be addressed, which is for
 * whoever asks for it to hear, and does not end the listing.
 */
export function decodeListed(encoded: string): string {
  const text = encoded.replaceAll("+", " ");
  try {
    return decodeURIComponent(text);
  } catch {
    const bytes = Buffer.from(text).toString("latin1"); // one character for each
    const plain = bytes.replace(/%([0-9a-f]{2})/gi, (_, hex) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    return pathOfBytes(Buffer.from(plain, "latin1"));
  }
}

/** An ETag without its quotes; undefined when the server sent none. */
export function bareEtag(etag: string | undefined): string | undefined {
  const bare = etag?.replace(/^(?:W\/)?"(.*)"$/, "$1");
  return bare === "" ? undefined : bare;
}

/** An ETag as conditional headers want it. */
export function quotedEtag(etag: string): string {
  return `"${etag}"`;
}
