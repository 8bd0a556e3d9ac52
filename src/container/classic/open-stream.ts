/** Opening an object of any size in bounded memory, whatever its bytes claim. */

import { gunzipStream, isGzip } from "../../compression/gunzip.ts";
import { XzDecoder } from "../../compression/xz.ts";
import type { EncryptionType } from "../../crypto/aead.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import { DamagedError } from "../../errors.ts";
import { type ClassicSettings, headBytes, openerFor } from "./layout.ts";
import { ContentCheck, type Expected, withPath } from "./verify.ts";
import { truncated } from "./whole.ts";

/**
 * The content of an object. It is UNVERIFIED until the generator has returned; never more than `expected.size` bytes
 * come out. Errors of `stored` pass unchanged.
 *
 * @throws DamagedError with `expected.path` and a code, at the latest at the end: ETRUNCATED, EAUTH, EDECOMPRESS,
 *   ESIZE or EMD5. EAUTH comes before the others: an object that does not authenticate says nothing of its content.
 */
export async function* openStream(
  stored: AsyncIterable<Buffer>,
  expected: Expected,
  settings: ClassicSettings,
  keyRing: KeyRing | undefined,
): AsyncGenerator<Buffer> {
  const { encryption } = settings;
  const content = encryption === "none" ? asGenerator(stored) : decrypt(stored, encryption, keyRing);
  const check = new ContentCheck(expected);
  try {
    const lent = lend(content);
    for await (const piece of settings.compress ? decompress(lent, expected.size) : lent) {
      check.update(piece);
      yield piece;
    }
    await drain(content); // what stands behind the compressed data is under the tag, too
    check.final();
  } catch (error) {
    if (error instanceof DamagedError && error.code !== "EAUTH") await authenticate(content, expected.path);
    throw withPath(error, expected.path);
  } finally {
    await content.return(undefined);
  }
}

async function* decrypt(
  stored: AsyncIterable<Buffer>,
  encryption: EncryptionType,
  keyRing: KeyRing | undefined,
): AsyncGenerator<Buffer> {
  const wanted = headBytes(encryption);
  let head: Buffer = Buffer.alloc(0);
  let opener: ReturnType<typeof openerFor> | undefined;
  for await (const piece of stored) {
    if (opener !== undefined) {
      yield opener.update(piece);
      continue;
    }
    head = Buffer.concat([head, piece]);
    if (head.length < wanted) continue;
    opener = openerFor(encryption, keyRing, head.subarray(0, wanted));
    yield opener.update(head.subarray(wanted));
  }
  if (opener === undefined) throw truncated(wanted);
  opener.final();
}

/** gzip by the first two bytes, else xz, as the older reader decides. */
async function* decompress(content: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Buffer> {
  const pieces = content[Symbol.asyncIterator]();
  let start: Buffer = Buffer.alloc(0);
  while (start.length < 2) {
    const { done, value } = await pieces.next();
    if (done) break;
    start = Buffer.concat([start, value]);
  }
  const all = resumed(start, pieces);
  yield* isGzip(start) ? gunzipStream(all, limit) : xzStream(all, limit);
}

async function* xzStream(source: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Buffer> {
  const decoder = new XzDecoder(limit);
  try {
    for await (const piece of source) yield* decoder.push(piece);
    yield* decoder.end();
  } finally {
    decoder.close();
  }
}

async function* resumed(start: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield start;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

/** Lends a generator: a borrower that ends early does not end it. */
function lend(generator: AsyncGenerator<Buffer>): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => ({ next: () => generator.next() }) };
}

async function* asGenerator(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* source;
}

async function drain(content: AsyncGenerator<Buffer>): Promise<void> {
  while (!(await content.next()).done);
}

/** Reads on to the tag after another complaint, to tell a changed object from one that was stored like this. */
async function authenticate(content: AsyncGenerator<Buffer>, path: string): Promise<void> {
  try {
    await drain(content);
  } catch (error) {
    throw withPath(error, path);
  }
}
