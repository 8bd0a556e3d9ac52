/**
 * Reading objects and ranges of them, to the last byte.
 *
 * A body that breaks off is resumed where it broke, pinned by If-Match to the ETag of the first answer: what comes
 * out is one version of the object, whole, or an error. A server or a cache may not mind If-Match, so the
 * ETag of every answer is compared as well.
 */
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import { StorageError } from "../../errors.ts";
import { allocate } from "../../memory/release.ts";
import type { ByteRange, ReadOptions } from "../storage.ts";
import type { Connection } from "./connection.ts";
import { toStorageError } from "./errors.ts";
import { headersOf } from "./headers.ts";
import { bareEtag, quotedEtag } from "./keys.ts";
import { backoffMs, detailsOf } from "./retry.ts";
import { statObject } from "./stat.ts";

const WHAT = "cannot be read";
/** A connection that gets on, but breaks again and again, is given up in the end. */
const BREAKS_ALLOWED = 50;
const BYTES_PER_BREAK = 16 * 1024 * 1024;

/** A body on its way: bytes `[at, end)` of the object. */
interface OpenBody {
  readonly body: Readable;
  readonly at: number;
  readonly end: number;
  readonly etag: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Yields the bytes asked for, clamped to the object. Throws `StorageError`: `ENOENT`, `ECHANGED` when the object is
 * no longer the one of `etag` (or of the first byte), `ESHORT` when its end never came.
 *
 * @param onLength is told how many bytes will come, before they do.
 */
export async function* readObject(
  connection: Connection,
  key: string,
  { range, etag, signal, onHeaders }: ReadOptions = {},
  onLength: (bytes: number) => void = () => {},
): AsyncGenerator<Buffer> {
  let open = await openBody(connection, key, await plainRange(connection, key, range), etag, signal);
  if (open === undefined) return;
  const { end, at: start } = open;
  onHeaders?.(open.headers);
  onLength(end - start);
  const pin = etag ?? open.etag;
  const breaksAllowed = BREAKS_ALLOWED + Math.floor((end - start) / BYTES_PER_BREAK);
  let at = start;
  let inVain = 0;
  for (let breaks = 1; ; breaks++) {
    const before = at;
    let failure: unknown;
    const iterator = open.body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const step = await nextChunk(iterator);
        if ("failure" in step) failure = step.failure;
        if (step.chunk === undefined) break;
        at += step.chunk.length;
        if (at > end) throw wrongLength(connection, key, `more than ${end} bytes came`);
        yield step.chunk;
      }
    } finally {
      open.body.destroy(); // a body that is left unread would hold its connection
    }
    if (at === end) return;
    signal?.throwIfAborted();
    inVain = at > before ? 0 : inVain + 1;
    if (inVain >= connection.tuning.attempts || breaks >= breaksAllowed) {
      throw failure === undefined
        ? wrongLength(connection, key, `only ${at - start} of ${end - start} bytes came`)
        : toStorageError(connection, WHAT, key, failure);
    }
    await sleep(backoffMs(inVain + 1, connection.tuning.retryBaseMs), undefined, signal && { signal });
    const again = await openBody(connection, key, { start: at, end }, pin, signal);
    if (again?.at !== at || again.end !== end || again.etag !== open.etag) {
      again?.body.destroy();
      throw changed(connection, key);
    }
    open = again;
  }
}

/**
 * The same, in one piece. Each piece that comes is copied at once: they are views of 64 KiB that a socket was read into, and
 * by the time that all are there the garbage collector would take them for long-lived.
 */
export async function readWhole(connection: Connection, key: string, options?: ReadOptions): Promise<Buffer> {
  let length = 0;
  let whole: Buffer | undefined;
  let at = 0;
  const pieces = readObject(connection, key, options, (bytes) => {
    length = bytes;
  });
  for await (const piece of pieces) {
    if (piece.length === length) return piece;
    whole ??= allocate(length);
    whole.set(piece, at);
    at += piece.length;
  }
  return whole ?? Buffer.alloc(0);
}

async function nextChunk(
  iterator: NodeJS.AsyncIterator<unknown>,
): Promise<{ chunk: Buffer | undefined } | { chunk: undefined; failure: unknown }> {
  try {
    const step = await iterator.next();
    return { chunk: step.done === true ? undefined : (step.value as Buffer) };
  } catch (failure) {
    return { chunk: undefined, failure };
  }
}

/** A range that HTTP can say: "the last n bytes, but not all of those" it cannot, so the size is asked for first. */
async function plainRange(
  connection: Connection,
  key: string,
  range: ByteRange | undefined,
): Promise<ByteRange | undefined> {
  if (range === undefined || range.end === undefined || range.start >= 0) return range;
  const size = (await statObject(connection, key))?.size ?? 0;
  return { start: Math.max(0, size + range.start), end: range.end };
}

/** Sends GetObject; undefined when the range holds nothing (the object is there, though). */
async function openBody(
  connection: Connection,
  key: string,
  range: ByteRange | undefined,
  etag: string | undefined,
  signal: AbortSignal | undefined,
): Promise<OpenBody | undefined> {
  if (range?.end !== undefined && range.end <= range.start) {
    await mustExist(connection, key, etag);
    return undefined;
  }
  const { sdk, client, bucket } = connection;
  const header = rangeHeader(range);
  const output = await connection.attempt(WHAT, key, signal, async () => {
    const command = new sdk.GetObjectCommand({
      Bucket: bucket,
      Key: connection.fullKey(key),
      ...(header !== undefined && { Range: header }),
      ...(etag !== undefined && { IfMatch: quotedEtag(etag) }),
    });
    try {
      return await client.send(command, signal && { abortSignal: signal });
    } catch (error) {
      // RFC 9110, section 15.5.17: nothing of the object lies in the range.
      const { name, status } = detailsOf(error);
      if (header !== undefined && (status === 416 || name === "InvalidRange")) return undefined;
      throw error;
    }
  });
  if (output === undefined) return undefined;
  const open = positioned(connection, key, range, output);
  // A server that gives no ETags with objects has only its own word, that of If-Match.
  if (etag === undefined || open.etag === undefined || open.etag === etag) return open;
  open.body.destroy();
  throw changed(connection, key);
}

function rangeHeader(range: ByteRange | undefined): string | undefined {
  if (range === undefined) return undefined;
  const { start, end } = range;
  if (start < 0) return `bytes=${start}`;
  if (end === undefined) return start === 0 ? undefined : `bytes=${start}-`;
  return `bytes=${start}-${end - 1}`;
}

/** Finds out which bytes the body holds, and makes sure that they are those asked for. */
function positioned(
  connection: Connection,
  key: string,
  range: ByteRange | undefined,
  output: GetObjectCommandOutput,
): OpenBody {
  const body = output.Body as Readable;
  const length = output.ContentLength;
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(output.ContentRange ?? "") ?? [];
  const at = Number(first ?? 0);
  const end = last === undefined ? (length ?? Number.NaN) : Number(last) + 1;
  const size = total === undefined ? end : Number(total);
  const wantedAt = Math.min(
    size,
    range === undefined ? 0 : range.start < 0 ? size + range.start : range.start,
  );
  const wantedEnd = Math.min(size, range?.end ?? size);
  if (Math.max(0, wantedAt) !== at || wantedEnd !== end || (length !== undefined && length !== end - at)) {
    body.destroy();
    throw wrongLength(connection, key, "the server did not answer with the range asked for");
  }
  return { body, at, end, etag: bareEtag(output.ETag), headers: headersOf(output) ?? {} };
}

async function mustExist(connection: Connection, key: string, etag: string | undefined): Promise<void> {
  const stat = await statObject(connection, key);
  if (stat === undefined) {
    throw new StorageError(connection.side, `${WHAT} (no such object)`, { path: key, code: "ENOENT" });
  }
  if (etag !== undefined && stat.etag !== etag) {
    throw changed(connection, key);
  }
}

function changed(connection: Connection, key: string): StorageError {
  return new StorageError(connection.side, `${WHAT} (it changed meanwhile)`, { path: key, code: "ECHANGED" });
}

function wrongLength(connection: Connection, key: string, detail: string): StorageError {
  return new StorageError(connection.side, `${WHAT} (${detail})`, { path: key, code: "ESHORT" });
}
