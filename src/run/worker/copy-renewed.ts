/**
 * Another path or time for a segmented object, which repeats both inside: its body is copied by the storage, with a new
 * trailer behind it.
 */
import { type Header, rewriteTrailer, withUserMetadata } from "../../container/segmented.ts";
import { StorageError } from "../../errors.ts";
import type { StoredVersion } from "../../names/stored-name.ts";
import type { StagedObject } from "../../storage/storage.ts";
import { objectRules } from "../object/object-rules.ts";
import type { FileMeta } from "../object/object-sealer.ts";
import { type OpenContext, openPinned } from "../object/open-object.ts";
import { lookAtCopy } from "./look-at-copy.ts";

/** More than any headers of an S3 object take (2 KiB of user metadata, and some of its own). */
const HEADERS_MOST = 16 * 1024;

/**
 * Stages the copy. "classic" for such an object: it does not repeat its name, so a copy or a renaming is enough. Undefined
 * where there is no key for it.
 *
 * @param keyOver the key of an object that keeps this header; undefined where no copy may go there.
 * @throws DamagedError; the storage's errors; StorageError (EPLAIN) where what is in the clear would get a path whose
 *   files are encrypted.
 */
export async function copyRenewed(
  version: StoredVersion,
  to: FileMeta,
  keyOver: (header: Header) => string | undefined,
  context: OpenContext,
): Promise<StagedObject | "classic" | undefined> {
  const opened = await openPinned(version, context);
  const rules = objectRules(context.config);
  const file = { ...to, size: version.size };
  const inTheClear = opened === undefined ? !context.config.encrypt : opened.object.header.cipher === "none";
  if (inTheClear && rules.for(file).encrypt) {
    throw new StorageError("destination", "is not encrypted, and is to be", {
      path: to.path,
      code: "EPLAIN",
    });
  }
  if (opened === undefined) return "classic";
  const { object, etag } = opened;
  const key = keyOver(object.header);
  if (key === undefined) return undefined;
  const { destination, signal } = context;
  const { path, mtime, headers } = to;
  const fields = headers ? withUserMetadata(object.trailer.fields, headers) : object.trailer.fields;
  const writer = await destination.createWriter(key, {
    sizeHint: object.length + path.length * 3 + HEADERS_MOST,
    signal,
    ...rules.classFor(file),
  });
  let staged: StagedObject;
  try {
    await writer.copyFrom(version.key, { start: 0, end: object.trailer.bodyEnd }, etag);
    await writer.write(rewriteTrailer(object, { path, mtime, fields }));
    staged = await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  // What the storage copied, and did not pass through here, is looked at.
  if (staged.sent !== undefined)
    await lookAtCopy(staged, version, object, { ...version, path, mtime }, context);
  return staged;
}
