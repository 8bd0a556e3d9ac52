/**
 * A changed large file as a delta: a copy of the old object's body, made by the destination, and behind it what has
 * changed and a new trailer (docs/format.md, section 5.5).
 *
 * The file is read twice: once to match it against the old table and to know its md5, which the key needs and a full
 * upload too, and once to seal what is new, checked against the first. Whatever does not fit, or fails for good, leads
 * to a full upload; the old object is left alone until the new one has been looked at.
 */
import { createHash } from "node:crypto";
import { CONTINUES } from "../../compression/codecs.ts";
import {
  blockLogFor,
  type DeltaWriter,
  type ExtentTable,
  Matcher,
  type MatchPlan,
  type OpenedObject,
  openObject,
  sealPlan,
  tailBytes,
  withUserMetadata,
} from "../../container/segmented.ts";
import { StorageError } from "../../errors.ts";
import { md5ToBase36, type NameFields, type StoredVersion } from "../../names/stored-name.ts";
import type { SourceFile } from "../../scan/source.ts";
import type { StagedObject } from "../../storage/storage.ts";
import { objectRules } from "../object/object-rules.ts";
import type { FileMeta } from "../object/object-sealer.ts";
import { rangesOf, readingOf } from "../object/open-object.ts";
import { lookAtCopy } from "./look-at-copy.ts";
import {
  type Attempt,
  ChangedMeanwhile,
  fallBack,
  hashPass,
  keyFor,
  Progress,
  type StoreContext,
  watched,
} from "./store-context.ts";

/** Smaller files are sent again. */
const FILE_LEAST = 32 * 2 ** 20;
/** So are those whose stored body is not worth the requests; a bucket copies from 5 MiB on. */
const BODY_LEAST = 8 * 2 ** 20;
/** The table may be so many times as long as that of a new object, and a few rows. */
const TABLE_GROWTH = 2;
const TABLE_SPARE = 1000;

/** A stored version that a delta may stand behind, and what writes that delta: for one use. */
export interface Base {
  readonly version: StoredVersion;
  readonly object: OpenedObject;
  readonly etag: string | undefined;
  readonly delta: DeltaWriter;
}

/** The version before, opened: two reads of its ends. Undefined where only a full upload will do. */
export async function openBase(
  file: SourceFile,
  { previous: version }: Attempt,
  context: StoreContext,
): Promise<Base | undefined> {
  const { config, sealer, learned, destination } = context;
  if (config.delta === "off" || sealer.continueObject === undefined || learned.cannotCopyParts)
    return undefined;
  if (version === undefined || Math.min(file.size, version.size) < FILE_LEAST) return undefined;
  try {
    const stat = await destination.stat(version.key);
    // An object as long as its file may be the file itself; ours is longer where nothing compresses.
    if (stat === undefined || stat.size < BODY_LEAST || stat.size === version.size) return undefined;
    const ranges = rangesOf(version, context, stat.etag);
    const object = await openObject(stat.size, ranges, version, readingOf(context));
    const { bodyEnd, extents, type } = object.trailer;
    if (type !== "file" || bodyEnd < BODY_LEAST || !standsAlone(extents)) return undefined;
    const delta = sealer.continueObject(object, { path: version.path, size: file.size });
    return delta && { version, object, etag: stat.etag, delta };
  } catch (error) {
    return fallBack(error, context);
  }
}

/** The md5 of the file, and what it is made of; no plan where a delta is not worth it. */
export async function matchPass(
  { object }: Base,
  file: SourceFile,
  context: StoreContext,
): Promise<{ md5: string; plan: MatchPlan | undefined }> {
  const { size } = file;
  const { extents } = object.trailer;
  let matcher: Matcher | undefined = new Matcher(extents, object.keys, {
    size,
    blockSize: 2 ** object.header.blockLog,
  });
  const md5 = await hashPass(file, context, (piece) => {
    matcher?.push(piece);
    if (matcher !== undefined && isMostlyNew(matcher.plan, size)) matcher = undefined;
  });
  const plan = matcher?.end();
  const worth = plan !== undefined && isWorthwhile(plan, object, size, context.config.deltaDeadShare);
  return { md5, plan: worth ? plan : undefined };
}

/** Stages the delta; undefined where it cannot be made. Throws what a full upload would not make better. */
export async function storeDelta(
  base: Base,
  plan: MatchPlan,
  file: SourceFile,
  fields: NameFields & Pick<FileMeta, "headers">,
  context: StoreContext,
): Promise<StagedObject | undefined> {
  const key = keyFor(fields, context);
  if (key === base.version.key) return undefined;
  const progress = new Progress(context);
  try {
    const staged = await write(base, plan, file, fields, key, progress, context);
    await lookAtCopy(staged, base.version, base.object, fields, context);
    return staged;
  } catch (error) {
    progress.takeBack();
    return fallBack(error, context);
  }
}

async function write(
  { version, object, etag, delta }: Base,
  plan: MatchPlan,
  file: SourceFile,
  fields: NameFields & Pick<FileMeta, "headers">,
  key: string,
  progress: Progress,
  context: StoreContext,
): Promise<StagedObject> {
  const { trailer } = object;
  const kept = fields.headers ? withUserMetadata(trailer.fields, fields.headers) : trailer.fields;
  const meta = { ...trailer, path: fields.path, mtime: fields.mtime, fields: kept };
  const tail = tailBytes(meta, plan.extents, true);
  const writer = await context.destination.createWriter(key, {
    sizeHint: trailer.bodyEnd + plan.newBytes + 16 * plan.extents + tail,
    ...objectRules(context.config).classFor(fields),
    signal: context.signal,
  });
  const digest = createHash("md5");
  const pieces = watched(file, context, (piece) => {
    digest.update(piece);
    progress.add(piece.length);
  });
  const { path } = fields;
  const blockSize = 2 ** object.header.blockLog;
  const options = {
    extents: trailer.extents,
    blockSize,
    path,
    parallel: context.threads?.parallelFor(blockSize) ?? 1,
  };
  try {
    await writer.copyFrom(version.key, { start: 0, end: trailer.bodyEnd }, etag);
    for await (const bytes of sealPlan(plan, delta, pieces, options)) await writer.write(bytes);
    const md5 = digest.digest();
    if (md5ToBase36(md5) !== fields.md5 || !(await file.isUnchanged())) throw new ChangedMeanwhile();
    await writer.write(delta.finish({ ...meta, md5 }));
    await checkUnchanged(version, etag, context);
    return await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Not every server minds the condition of a copy (x-amz-copy-source-if-match). */
async function checkUnchanged(
  { key }: StoredVersion,
  etag: string | undefined,
  { destination }: StoreContext,
): Promise<void> {
  if (etag === undefined || (await destination.stat(key))?.etag === etag) return;
  throw new StorageError("destination", "was replaced while it was copied", { path: key, code: "ECHANGED" });
}

/** Blocks that go on with the stream of another cannot be kept one by one; only other writers make such large objects. */
function standsAlone(extents: ExtentTable): boolean {
  if (!extents.positioned) return false;
  for (let i = 0; i < extents.count; i++) if ((extents.codecAt(i) & CONTINUES) !== 0) return false;
  return true;
}

function isMostlyNew({ newBytes }: MatchPlan, size: number): boolean {
  return newBytes * 2 > size;
}

/** Whether the copied body stays of enough use, and the table short enough. */
function isWorthwhile(
  plan: MatchPlan,
  { header, trailer }: OpenedObject,
  size: number,
  deadShare: number,
): boolean {
  if (isMostlyNew(plan, size)) return false;
  const usual = Math.ceil(size / 2 ** blockLogFor(size));
  if (plan.extents > TABLE_GROWTH * usual + TABLE_SPARE) return false;
  const used = new Map<number, number>();
  for (const step of plan) {
    if (step.kind === "data") continue;
    for (let i = step.first; i < step.first + step.count; i++) {
      const { offset, stored } = trailer.extents.at(i);
      used.set(offset, stored);
    }
  }
  let live = 0;
  for (const stored of used.values()) live += stored;
  const body = trailer.bodyEnd - header.bytes.length;
  return body - live <= deadShare * body;
}
