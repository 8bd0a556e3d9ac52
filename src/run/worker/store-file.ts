/**
 * From a file of the source to a staged object.
 *
 * The name holds the md5 of the content, so what was hashed has to be what was stored: small files are read once into
 * memory; large ones are hashed while they stream where the storage takes its key last, and otherwise read twice, the
 * second pass checked against the first. The file is examined before and after; when it changed in between, all is
 * thrown away and tried again from its new state.
 */

import type { MatchPlan } from "../../container/segmented.ts";
import { digestOf } from "../../crypto/digest.ts";
import { BackupError, errorCode, FileChangedError, reportOf } from "../../errors.ts";
import { release } from "../../memory/release.ts";
import { LIVE } from "../../names/stamp.ts";
import { md5ToBase36 } from "../../names/stored-name.ts";
import type { SourceFile } from "../../scan/source.ts";
import type { StagedObject } from "../../storage/storage.ts";
import { objectRules } from "../object/object-rules.ts";
import { hintedMd5, learnFromEtag, md5ByEtag, readByEtag } from "./by-etag.ts";
import { importFile } from "./import-file.ts";
import { isSealedAgain, keepContent } from "./keep-content.ts";
import { ManifestFile } from "./manifest-file.ts";
import {
  type Attempt,
  ChangedMeanwhile,
  hashPass,
  headersOf,
  keyFor,
  type StoreContext,
} from "./store-context.ts";
import { matchPass, openBase, storeDelta } from "./store-delta.ts";
import { storeWhole } from "./store-whole.ts";
import type { HashOutcome, ReadFile, SourceRef, StoreOutcome, Task } from "./tasks.ts";

const ATTEMPTS = 3;

/** Stages one file, or finds that one of the versions of the same size has its content. Never throws. */
export function storeFile(task: Task & { do: "store" }, context: StoreContext): Promise<StoreOutcome> {
  return withRetries(task.file, context, async (file, attempt, onRead) => {
    const sameSize = task.sameSize.filter((version) => version.size === file.size);
    const isSmall = file.size <= context.sealer.wholeLimit;
    const store = isSmall ? storeSmall : storeLarge;
    const { previous, unfinished } = task;
    const type = task.file.manifest ? "manifest" : "file";
    // Those of a small file come with its content.
    const headers = isSmall ? {} : await headersOf(file, context);
    const { path } = task.file;
    const given: Attempt = { path, type, headers, sameSize, previous, unfinished, attempt, onRead };
    const copied = task.byEtag && (await importFile(file, given, context));
    return copied ?? store(file, given, context);
  });
}

/** The md5 of one file as it is now. Never throws. */
export function hashFile(task: Task & { do: "hash" }, context: StoreContext): Promise<HashOutcome> {
  return withRetries(task.file, context, async (file) => {
    const md5 = (task.byEtag && (await md5ByEtag(file))) ?? (await hashPass(file, context));
    return { kind: "hashed", read: { size: file.size, mtime: file.mtime, md5 } };
  });
}

async function withRetries<T>(
  ref: SourceRef,
  context: StoreContext,
  work: (file: SourceFile, attempt: number, onRead: (read: ReadFile) => void) => Promise<T>,
) {
  for (let attempt = 1; ; attempt++) {
    if (context.stopped()) return { kind: "stopped" } as const;
    let file: SourceFile | undefined;
    let known: { read?: ReadFile } = {};
    const onRead = (read: ReadFile) => {
      known = { read };
    };
    try {
      // What was listed is only trusted at the first attempt; later ones look afresh.
      const { etag: _, ...fresh } = ref;
      file = ref.manifest
        ? new ManifestFile(ref.manifest.text)
        : await context.source.open(attempt === 1 ? ref : fresh);
      return await work(file, attempt, onRead);
    } catch (error) {
      if (context.stopped()) return { kind: "stopped" } as const;
      if (isFromSource(error) && errorCode(error) === "ENOENT") return { kind: "vanished" } as const;
      if (!hasChanged(error)) {
        return { kind: "failed", report: reportOf(error, "source", ref.path), ...known } as const;
      }
      if (attempt === ATTEMPTS) {
        return { kind: "failed", report: reportOf(new FileChangedError(ref.path), "source") } as const;
      }
    } finally {
      await file?.close();
    }
  }
}

async function storeSmall(file: SourceFile, given: Attempt, context: StoreContext): Promise<StoreOutcome> {
  const { size, mtime } = file;
  const { sameSize } = given;
  const plain = await readByEtag(file, context);
  const attempt = { ...given, headers: await headersOf(file, context) };
  // The name is to tell size and md5 of the same bytes.
  if (plain.length !== size || !(await file.isUnchanged())) throw new ChangedMeanwhile();
  if (sameSize.length > 0) {
    const read = { size, mtime, md5: md5ToBase36(digestOf("md5", plain)) };
    const version = sameSize.find(({ md5 }) => md5 === read.md5);
    const sealAgain = isSealedAgain(size, context.sealer, context.destination)
      ? async () => (await sealSmall(plain, mtime, attempt, context)).staged
      : undefined;
    const kept = version && (await keepContent(version, attempt, read, context, sealAgain));
    if (kept !== undefined) return kept;
  }
  const { md5, staged } = await sealSmall(plain, mtime, attempt, context);
  return { kind: "stored", read: { size, mtime, md5 }, staged };
}

/** Stages what was read; `plain` is done with then. */
async function sealSmall(
  plain: Buffer,
  mtime: number,
  { path, type, headers, onRead }: Attempt,
  context: StoreContext,
): Promise<{ md5: string; staged: StagedObject }> {
  const size = plain.length;
  const { bytes, md5 } = context.sealer.sealSmall(plain, { path, mtime, type, ...headers });
  onRead({ size, mtime, md5 });
  const key = keyFor({ path, size, mtime, md5, stamp: LIVE }, context);
  const { destination, signal } = context;
  const placing = objectRules(context.config).classFor({ path, size, type });
  const staged = await destination.write(key, bytes, { signal, ...placing });
  release(plain);
  release(bytes);
  return { md5, staged };
}

async function storeLarge(file: SourceFile, attempt: Attempt, context: StoreContext): Promise<StoreOutcome> {
  const { size, mtime } = file;
  const { path, sameSize } = attempt;
  const base = await openBase(file, attempt, context);
  let md5: string | undefined;
  let plan: MatchPlan | undefined;
  if (base !== undefined) {
    ({ md5, plan } = await matchPass(base, file, context));
  } else {
    const hint = hintedMd5(file, context);
    md5 = attempt.attempt === 1 ? hint : undefined;
    // What was no md5, or was damaged on the way, is told by two passes.
    const isDoubtful = hint !== undefined || sameSize.length > 0 || !context.destination.lateKeys;
    if (isDoubtful) md5 ??= await hashPass(file, context);
  }
  const version = sameSize.find((candidate) => candidate.md5 === md5);
  if (version !== undefined && md5 !== undefined) {
    const kept = await keepContent(version, attempt, { size, mtime, md5 }, context);
    if (kept !== undefined) return kept;
    plan = undefined; // what kept that version from being copied is in the way of a delta, too
  }
  if (base !== undefined && plan !== undefined && md5 !== undefined) {
    const fields = { path, size, mtime, md5, stamp: LIVE };
    const staged = await storeDelta(base, plan, file, { ...fields, ...attempt.headers }, context);
    if (staged !== undefined) return { kind: "stored", read: { size, mtime, md5 }, staged };
  }
  const stored = await storeWhole(file, attempt, md5, context);
  learnFromEtag(stored.md5, file, context);
  return { kind: "stored", read: { size, mtime, md5: stored.md5 }, staged: stored.staged };
}

function isFromSource(error: unknown): boolean {
  return error instanceof BackupError && error.side === "source";
}

function hasChanged(error: unknown): boolean {
  if (error instanceof ChangedMeanwhile) return true;
  const code = errorCode(error);
  return isFromSource(error) && (code === "ECHANGED" || code === "ESHORT");
}
