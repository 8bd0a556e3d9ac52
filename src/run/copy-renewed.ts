/**
 * Another path or time for a segmented object, which repeats both inside: its body is copied by the storage, with a new
 * trailer behind it.
 */
import { rewriteTrailer } from "../container/segmented.ts";
import type { StoredVersion } from "../names/stored-name.ts";
import type { StagedObject } from "../storage/storage.ts";
import { lookAtCopy } from "./look-at-copy.ts";
import { type OpenContext, openPinned } from "./open-object.ts";

/**
 * Stages the copy. Undefined for a classic object: it does not repeat its name, so a copy or a renaming is enough.
 *
 * @throws DamagedError; the storage's errors.
 */
export async function copyRenewed(
  version: StoredVersion,
  to: { readonly path: string; readonly mtime: number },
  key: string,
  context: OpenContext,
): Promise<StagedObject | undefined> {
  const opened = await openPinned(version, context);
  if (opened === undefined) return undefined;
  const { object, etag } = opened;
  const { destination, signal } = context;
  const { path, mtime } = to;
  const writer = await destination.createWriter(key, { sizeHint: object.length + path.length * 3, signal });
  let staged: StagedObject;
  try {
    await writer.copyFrom(version.key, { start: 0, end: object.trailer.bodyEnd }, etag);
    await writer.write(rewriteTrailer(object, { path, mtime }));
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
