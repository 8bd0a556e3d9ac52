/**
 * Streams into an object: restoring into S3.
 */
import type { StagedObject, UploadOptions } from "../storage.ts";
import type { Connection } from "./connection.ts";
import { putParameters } from "./headers.ts";
import { MultipartWriter } from "./multipart-writer.ts";

/** S3 takes no more user metadata: names and values together (S3 user guide, "Working with object metadata"). */
const METADATA_MOST = 2048;

/**
 * Stores all of `body` under `key`. What `body` throws is thrown on as it is; then neither the object nor an
 * unfinished upload stays. The body is not read on once a part has failed for good. `mtime` is kept as rclone does:
 * user metadata `mtime`, seconds since 1970; where there is no room for it, what the user gave goes first.
 */
export async function uploadStream(
  connection: Connection,
  key: string,
  body: AsyncIterable<Uint8Array>,
  { mtime, headers = new Map(), sizeHint, signal }: UploadOptions,
): Promise<StagedObject> {
  connection.fullKey(key); // a key that cannot be stored is refused before the work
  const { content, metadata } = putParameters(headers);
  const withTime = { ...(mtime !== undefined && { mtime: String(mtime / 1000) }), ...metadata };
  const hasRoom = Buffer.byteLength(Object.entries(withTime).flat().join("")) <= METADATA_MOST;
  const writer = new MultipartWriter(
    connection,
    key,
    { sizeHint, ...(signal && { signal }) },
    { headers: content, metadata: hasRoom ? withTime : metadata },
  );
  try {
    for await (const piece of body) await writer.write(piece);
    return await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
