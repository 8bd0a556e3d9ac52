/** Small files, in memory and synchronously: for worker threads. */

import { gunzipWhole, isGzip } from "../../compression/gunzip.ts";
import { gzipStored } from "../../compression/gzip-format.ts";
import { compresses } from "../../compression/probe.ts";
import { xzCompress, xzDecompress } from "../../compression/xz.ts";
import { checkMessageLength } from "../../crypto/aead.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import { BackupError, DamagedError } from "../../errors.ts";
import {
  type ClassicSettings,
  HeadSealer,
  headBytes,
  openerFor,
  type Sealing,
  WHOLE_LIMIT,
} from "./layout.ts";
import { checkWhole, type Expected, withPath } from "./verify.ts";

/**
 * The stored bytes of a file of up to `WHOLE_LIMIT`. What does not compress is stored in a gzip member; the empty
 * file is an empty xz stream, as the older tool writes it.
 *
 * @param now for the gzip header.
 */
export function sealWhole(
  plain: Buffer,
  settings: ClassicSettings,
  sealing: Sealing | undefined,
  now: Date,
): Buffer {
  if (plain.length > WHOLE_LIMIT) throw new BackupError("internal", "too large to be sealed whole");
  const content = settings.compress ? compress(plain, settings.lzmaLevel, now) : plain;
  if (settings.encryption === "none") return content;
  const sealer = new HeadSealer(settings.encryption, sealing);
  const body = sealer.update(content);
  return Buffer.concat([sealer.final(), body]);
}

/**
 * The content of a stored object, complete and verified. Synchronous; holds the object and its content, so it is for
 * those whose name says `WHOLE_LIMIT` or less.
 *
 * @throws DamagedError with `expected.path` and a code: ETRUNCATED, EAUTH, EDECOMPRESS, ESIZE or EMD5.
 */
export function openWhole(
  stored: Buffer,
  expected: Expected,
  settings: ClassicSettings,
  keyRing: KeyRing | undefined,
): Buffer {
  try {
    const content = decryptWhole(stored, settings.encryption, keyRing);
    const plain = settings.compress ? decompressWhole(content, expected.size) : content;
    checkWhole(plain, expected);
    return plain;
  } catch (error) {
    throw withPath(error, expected.path);
  }
}

/** Takes off the encryption. Throws DamagedError: ETRUNCATED, EAUTH. */
export function decryptWhole(
  stored: Buffer,
  encryption: ClassicSettings["encryption"],
  keyRing: KeyRing | undefined,
): Buffer {
  if (encryption === "none") return stored;
  const head = headBytes(encryption);
  if (stored.length < head) throw truncated(head);
  checkMessageLength(encryption, stored.length - head);
  const opener = openerFor(encryption, keyRing, stored.subarray(0, head));
  const content = opener.update(stored.subarray(head));
  opener.final();
  return content;
}

/** Takes off the compression: gzip by its first bytes, else xz. Throws DamagedError: EDECOMPRESS, ESIZE. */
export function decompressWhole(content: Buffer, limit: number): Buffer {
  return isGzip(content) ? gunzipWhole(content, limit) : xzDecompress(content, limit);
}

/** An object shorter than its head. */
export function truncated(head: number): DamagedError {
  return new DamagedError(`is cut off: it has not even the ${head} bytes of its head`, {
    code: "ETRUNCATED",
  });
}

function compress(plain: Buffer, level: number, now: Date): Buffer {
  if (plain.length > 0 && !compresses(plain)) return gzipStored(plain, now);
  return xzCompress(plain, level);
}
