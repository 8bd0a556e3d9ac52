/**
 * PutObject from a buffer: replayable, and checked by the server against its Content-MD5 (connection.ts).
 */
import type { StagedObject, WriteOptions } from "../storage.ts";
import type { Connection } from "./connection.ts";

/** Stores `bytes` under `key`; durable and visible when it resolves. Throws `StorageError`. */
export async function putObject(
  connection: Connection,
  key: string,
  bytes: Uint8Array,
  { signal, storageClass }: WriteOptions = {},
): Promise<StagedObject> {
  const { sdk, client, bucket } = connection;
  await connection.attempt("cannot be written", key, signal, () =>
    client.send(
      new sdk.PutObjectCommand({
        Bucket: bucket,
        Key: connection.fullKey(key),
        Body: bytes,
        ContentLength: bytes.length,
        ...connection.classOf(storageClass),
      }),
      signal && { abortSignal: signal },
    ),
  );
  return { key, size: bytes.length };
}
