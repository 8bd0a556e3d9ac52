/**
 * Copies from another bucket, by the server: for objects that are stored as they are.
 */
import { StorageError } from "../../errors.ts";
import type { PlaceOptions, RemoteObject, StagedObject } from "../storage.ts";
import type { Connection } from "./connection.ts";
import { isMissing } from "./errors.ts";
import { bareEtag, copySource, KeySpace, quotedEtag } from "./keys.ts";
import { removeObjects } from "./remove.ts";
import { headObject, md5Of } from "./stat.ts";

const UNLIKE = "the server's copy is not like the original";

/**
 * Copies an object under `to`, in place of reading and writing it.
 *
 * What is relied on is that its ETag is the md5 of its bytes, which it is unless HEAD says otherwise (`md5Of`). What
 * CopyObject answers, and a HEAD of the copy, have to show the same ETag, and the size that was listed.
 *
 * @returns undefined where that cannot be known, or the object is not as listed any more: then it has to be read.
 * @throws StorageError: `ECHANGED` when it is replaced meanwhile; `ECOPY` when the copy was another and is gone again;
 *   `EKEPT` when that one cannot be removed; what the server says.
 */
export async function importObject(
  connection: Connection,
  from: RemoteObject,
  to: string,
  { storageClass }: PlaceOptions = {},
): Promise<StagedObject | undefined> {
  const { sdk, client, tuning } = connection;
  const { bucket, key, etag, size } = from;
  if (size > tuning.copyLimitBytes) return undefined;
  const full = new KeySpace(bucket.basePath).full(key);
  const what = `cannot be copied from ${bucket.bucket}`;
  const { stop } = connection;
  const head = await connection.attempt(what, key, stop, async () => {
    try {
      return await client.send(
        new sdk.HeadObjectCommand({ Bucket: bucket.bucket, Key: full }),
        stop && { abortSignal: stop },
      );
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  });
  if (head === undefined || md5Of(head) !== etag || head.ContentLength !== size) return undefined;
  const { CopyObjectResult: result } = await connection.attempt(what, key, undefined, () =>
    client.send(
      new sdk.CopyObjectCommand({
        Bucket: connection.bucket,
        Key: connection.fullKey(to),
        CopySource: copySource(bucket.bucket, full),
        CopySourceIfMatch: quotedEtag(etag),
        // As if it had been written from here: without the source's headers and tags.
        MetadataDirective: "REPLACE",
        TaggingDirective: "REPLACE",
        ...connection.classOf(storageClass),
      }),
    ),
  );
  // A failure of this look removes nothing: what the answer told is right, and another run may have listed the copy by now.
  const copy = bareEtag(result?.ETag) === etag ? await headObject(connection, to) : undefined;
  if (copy?.ContentLength === size && md5Of(copy) === etag) return { key: to, size, sent: 0 };
  await takeBack(connection, to);
  throw new StorageError(connection.side, UNLIKE, { path: key, code: "ECOPY" });
}

/** The copy has a name that tells of another content: it must not stay. */
async function takeBack(connection: Connection, key: string): Promise<void> {
  const [failure] = await removeObjects(connection, [key]);
  if (failure === undefined) return;
  throw new StorageError(connection.side, `${UNLIKE}, and cannot be removed`, {
    path: key,
    code: "EKEPT",
    remedy: `remove the object ${key} from the destination: its name does not tell what it holds`,
    cause: failure.error,
  });
}
