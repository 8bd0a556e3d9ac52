/**
 * Streams of any length into an object: restoring into S3.
 *
 * lib-storage's Upload sends parts side by side and aborts the multipart upload when the stream or a part fails. It
 * would read such a stream to its end first, so the stream is made to fail with the first part that does.
 */
import { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { StorageError } from "../../errors.ts";
import type { StagedObject, UploadOptions } from "../storage.ts";
import type { Connection } from "./connection.ts";
import { toStorageError } from "./errors.ts";
import { putParameters } from "./headers.ts";
import { partBytesFor, partsInFlight } from "./parts.ts";
import { detailsOf } from "./retry.ts";
import { statObject } from "./stat.ts";

/** Sizes that are not known beforehand get parts large enough for 156 GiB. */
const UNKNOWN_SIZE_HINT = 156 * 2 ** 30;

/**
 * Stores all of `body` under `key`. What `body` throws is thrown on as it is; then neither the object nor an
 * unfinished upload stays. `mtime` is kept as rclone does: user metadata `mtime`, seconds since 1970.
 */
export async function uploadStream(
  connection: Connection,
  key: string,
  body: AsyncIterable<Uint8Array>,
  { mtime, headers = new Map(), sizeHint = UNKNOWN_SIZE_HINT, signal }: UploadOptions = {},
): Promise<StagedObject> {
  const { Upload } = await import("@aws-sdk/lib-storage");
  const { bucket } = connection;
  const partSize = partBytesFor(sizeHint);
  const given = putParameters(headers);
  const watch = new FailureWatch();
  const counted = watch.pass(body, signal);
  const stream = Readable.from(counted, { objectMode: false });
  const upload = new Upload({
    client: watch.client(connection.client),
    params: {
      Bucket: bucket,
      Key: connection.fullKey(key),
      Body: stream,
      ...connection.classOf(undefined),
      ...given,
      Metadata: { ...(mtime !== undefined && { mtime: String(mtime / 1000) }), ...given.Metadata },
    },
    partSize,
    queueSize: partsInFlight(partSize),
  });
  try {
    await upload.done();
  } catch (error) {
    if (watch.fromBody !== undefined) throw watch.fromBody.error;
    if (!(await wasCompleted(connection, key, error, watch.bytes))) {
      throw toStorageError(connection, "cannot be written", key, watch.fromServer?.error ?? error);
    }
  } finally {
    stream.destroy();
  }
  return { key, size: watch.bytes };
}

/** Notes whether it was the body or the server that failed first, and stops the one when the other has. */
class FailureWatch {
  bytes = 0;
  fromBody: { error: unknown } | undefined;
  fromServer: { error: unknown } | undefined;

  async *pass(body: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    try {
      signal?.throwIfAborted();
      for await (const piece of body) {
        signal?.throwIfAborted();
        if (this.fromServer !== undefined) return;
        this.bytes += piece.length;
        yield piece;
      }
    } catch (error) {
      // When the server failed first, the stream is destroyed, and that arrives here too.
      if (this.fromServer === undefined) this.fromBody = { error };
      throw error;
    }
  }

  /** The client as before, but noting the first request that fails for good. */
  client(client: S3Client): S3Client {
    const request = client.send.bind(client) as (...args: unknown[]) => Promise<unknown>;
    const send = async (...args: unknown[]): Promise<unknown> => {
      try {
        return await request(...args);
      } catch (error) {
        this.fromServer ??= { error };
        throw error;
      }
    };
    return Object.create(client, { send: { value: send } });
  }
}

/** A repeated CompleteMultipartUpload finds no such upload where the first one worked and its answer was lost. */
async function wasCompleted(
  connection: Connection,
  key: string,
  error: unknown,
  size: number,
): Promise<boolean> {
  if (error instanceof StorageError || detailsOf(error).name !== "NoSuchUpload") return false;
  const stat = await statObject(connection, key);
  return stat?.size === size;
}
