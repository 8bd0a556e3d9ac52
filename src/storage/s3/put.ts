/**
 * PutObject from a buffer: replayable, and checked by the server against its Content-MD5 (connection.ts).
 */
import type { StagedObject, WriteOptions } from "../storage.ts";
import type { Connection } from "./connection.ts";
import type { ContentHeaders } from "./headers.ts";

/** What is kept beside the content of an object. */
export interface Beside {
  /** User metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly headers?: ContentHeaders;
}

/** Stores `bytes` under `key`; durable and visible when it resolves. Throws `StorageError`. */
export async function putObject(
  connection: Connection,
  key: string,
  bytes: Uint8Array,
  { signal, storageClass, metadata, headers }: WriteOptions & Beside = {},
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
        ...headers,
        ...(metadata !== undefined && { Metadata: metadata }),
      }),
      signal && { abortSignal: signal },
    ),
  );
  return { key, size: bytes.length };
}
