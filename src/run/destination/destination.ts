/**
 * Opening a destination for any kind of run: the listing's beginning, the password check, the workers, the names.
 */
import type { Config } from "../../config/config.ts";
import { BackupError, type ErrorReport, errorCode, reportOf } from "../../errors.ts";
import { looksSealed, type StoredVersion } from "../../names/stored-name.ts";
import type { Version } from "../../plan/group.ts";
import { UnsortedListingError } from "../../plan/order.ts";
import { Threads } from "../../pool/threads.ts";
import type { ListedObject, Storage } from "../../storage/storage.ts";
import { chooseSalt, exportKeys, openKeys, type RunKeys } from "../object/keys.ts";
import { type ObjectSealer, openSealer } from "../object/object-sealer.ts";
import type { RunOptions } from "../run-options.ts";
import type { Tally } from "../tally.ts";
import type { Overwrite } from "../worker/restore-file.ts";
import type { WorkerSettings } from "../worker/worker.ts";
import { poolFor, startEarly, type Workers } from "../worker/workers.ts";
import {
  type BegunListing,
  type CatalogueFindings,
  hasSealedNames,
  lookAhead,
  readNames,
  sortedVersions,
  streamedVersions,
} from "./catalogue.ts";
import { NameOpener } from "./name-opener.ts";
import { checkSettings } from "./password-check.ts";
import { type TombstoneSealer, tombstoneSealer } from "./tombstones.ts";

/** So many listed objects are looked at before anything is done. */
const LOOK_AHEAD = 1000;
/** So many are listed before anyone asks for them: some 8 MB, while a key is derived or the source is surveyed. */
const READ_AHEAD = 20000;
/** Names decrypted by one task. */
const NAMES_PER_TASK = 200;

export interface OpenDestination {
  readonly storage: Storage;
  readonly workers: Workers;
  readonly keys: RunKeys;
  readonly sealer: ObjectSealer;
  readonly sealTombstone: TombstoneSealer;
  /** Opens encrypted names of both forms; undefined where one does not open. */
  openNames(keys: readonly string[]): Promise<readonly (StoredVersion | undefined)[]>;
  /** Whether there was nothing of anyone's when the run began. */
  readonly empty: boolean;
  /** All versions in the order of the join. A first pass uses the listing that is under way, a later one lists anew. */
  versions(sorted: boolean): AsyncIterable<Version[]>;
  /** All versions, in whatever order they are listed. */
  objects(): AsyncIterable<Version[]>;
  /** Whether names have been met that could not be read. */
  readonly isPartlyUnread: () => boolean;
  /** Whether to sort from the beginning. */
  readonly sealedNames: boolean;
}

export interface OpenOptions {
  readonly mode: WorkerSettings["mode"];
  readonly overwrite?: Overwrite;
  readonly checksum?: boolean;
  /** Of a restore: a folder of the backup that becomes the root of the target. */
  readonly stripPrefix?: string | undefined;
  /** Whether a destination that is missing counts as empty, and is not made. */
  readonly dryRun?: boolean;
  /** Whether nothing is written there, so that no harm is done where it is all damaged. */
  readonly readsOnly?: boolean;
  /** Whether workers will read the objects that are listed, or most of them: then they start early. */
  readonly readsObjects?: boolean;
  /** Whether versions carry the sizes of their objects, where the listing tells them. */
  readonly sizes?: boolean;
}

/**
 * @throws StorageError (ENOENT) when a destination that has to be there is not; WrongPasswordError; ConfigError.
 */
export async function openDestination(
  config: Config,
  storage: Storage,
  options: Required<RunOptions>,
  tally: Tally,
  opening: OpenOptions,
): Promise<OpenDestination> {
  const { signal } = options;
  const onUnlistable = opening.readsObjects ? tellOnce(tally) : undefined;
  const list = () => storage.list(signal, onUnlistable);
  const listing = await beginListing(storage, list, opening);
  const threads = new Threads(options.workerScript);
  if (isCertainOfWork(listing.first, opening)) startEarly(config, opening.mode, threads);
  try {
    return await openListed(config, storage, { ...listing, list }, threads, options, tally, opening);
  } catch (error) {
    await listing.stop();
    await threads.close();
    throw error;
  }
}

/** Whether workers will have something to do, unless the other side is as empty or nothing is selected. */
function isCertainOfWork(
  listed: readonly ListedObject[],
  { mode, readsObjects = false, dryRun = false }: OpenOptions,
): boolean {
  if (dryRun) return false;
  return mode === "backup" ? listed.length === 0 : readsObjects && listed.length > 0;
}

/** From a listing that has begun; the threads are the destination's when it has resolved. */
async function openListed(
  config: Config,
  storage: Storage,
  { first, whole, list }: BegunListing & { list(): AsyncIterable<ListedObject[]> },
  threads: Threads,
  options: Required<RunOptions>,
  tally: Tally,
  {
    mode,
    overwrite = "always",
    checksum = false,
    stripPrefix,
    dryRun = false,
    sizes = false,
    readsOnly = false,
  }: OpenOptions,
): Promise<OpenDestination> {
  const keys = await openKeys(config, await options.keysAhead);
  const names = new NameOpener(config, keys, storage);
  const context = { config, keys, destination: storage, signal: options.signal };
  const found = await checkSettings(first, context, names);
  // Reading changes nothing, and says of every object by itself that it is damaged.
  if (found.undecided !== undefined && !readsOnly) throw found.undecided;
  const salt = chooseSalt(config, keys, found.salt);
  const sealer = openSealer(config, keys, salt, options.now);
  const settings: WorkerSettings = {
    mode,
    config,
    keys: exportKeys(keys),
    ...(salt !== undefined && { salt }),
    overwrite,
    checksum,
    stripPrefix,
    dryRun,
    slowMs: options.calls.slowFrom,
  };
  const workers = poolFor(settings, threads, options, (bytes) => tally.partial(bytes));
  const told = reportOnce(tally, options, names);
  let isPartlyUnread = false;
  const onUnreadable = (key: string) => {
    isPartlyUnread = true;
    told.onUnreadable(key);
  };
  const findings = { ...told, onUnreadable };
  const openNames = (listed: readonly string[]) => openEach(listed, names, workers);
  let begun: AsyncIterable<ListedObject[]> | undefined = whole;
  const listing = () => {
    const objects = begun ?? list();
    begun = undefined;
    return objects;
  };
  return {
    storage,
    workers,
    keys,
    sealer,
    sealTombstone: tombstoneSealer(config, keys.segmented, salt),
    openNames,
    empty: first.length === 0,
    isPartlyUnread: () => isPartlyUnread,
    sealedNames: hasSealedNames(first),
    versions: (sorted) => (sorted ? sortedVersions : streamedVersions)(listing(), openNames, findings, sizes),
    objects: () => readNames(listing(), openNames, findings),
  };
}

/** Runs `pass` over a listing as it comes; should it turn out not to be sorted, once more over a sorted one. */
export async function withSortedFallback(
  destination: OpenDestination,
  pass: (versions: AsyncIterable<Version[]>, sorted: boolean) => Promise<void>,
): Promise<void> {
  if (!destination.sealedNames) {
    try {
      return await pass(destination.versions(false), false);
    } catch (error) {
      if (!(error instanceof UnsortedListingError)) throw error;
    }
  }
  await pass(destination.versions(true), true);
}

/** A backup's destination may be missing, it will be made; to verify or restore nothing would be a mistake. */
async function beginListing(
  storage: Storage,
  list: () => AsyncIterable<ListedObject[]>,
  { mode, dryRun }: OpenOptions,
): Promise<BegunListing> {
  try {
    return await lookAhead(list(), LOOK_AHEAD, READ_AHEAD);
  } catch (error) {
    if (mode !== "backup" || errorCode(error) !== "ENOENT") throw error;
    if (dryRun) return lookAhead(nothing(), LOOK_AHEAD, 0);
    await storage.create();
    return lookAhead(list(), LOOK_AHEAD, READ_AHEAD);
  }
}

/**
 * What can be listed is restored and verified, be there a folder that a damaged disk does not give any more: each such is
 * an error, told once for all listings.
 */
function tellOnce(tally: Tally): (error: BackupError) => void {
  const told = new Set<string>();
  return (error) => {
    const place = error.path ?? "";
    if (!told.has(place)) tally.error(reportOf(error, "destination"));
    told.add(place);
  };
}

async function* nothing(): AsyncGenerator<never[]> {}

/**
 * In the order of `keys`: segmented names here, classic ones in the workers. The first of a tag may be of objects whose
 * headers are damaged; once another has taught the key, they open, too.
 */
async function openEach(
  keys: readonly string[],
  names: NameOpener,
  workers: Workers,
): Promise<readonly (StoredVersion | undefined)[]> {
  const classic = keys.filter(looksSealed);
  const opened = (await openInWorkers(workers, classic)).values();
  const versions: (StoredVersion | undefined)[] = [];
  for (const key of keys) {
    versions.push(looksSealed(key) ? opened.next().value : await names.openSegmented(key));
  }
  return versions.map((version, i) => version ?? names.openKnown(keys[i] as string));
}

async function openInWorkers(
  workers: Workers,
  keys: readonly string[],
): Promise<readonly (StoredVersion | undefined)[]> {
  const tasks: Promise<readonly (StoredVersion | undefined)[]>[] = [];
  for (let at = 0; at < keys.length; at += NAMES_PER_TASK) {
    const some = keys.slice(at, at + NAMES_PER_TASK);
    tasks.push(
      workers.ask({ do: "open-names", keys: some }).then((outcome) => {
        if (outcome.kind === "names") return outcome.versions;
        throw new BackupError("internal", "stored names could not be decrypted", { code: "ENAMES" });
      }),
    );
  }
  return (await Promise.all(tasks)).flat();
}

/** A second pass over the listing finds the same again; each is told once. */
function reportOnce(tally: Tally, { reporter }: Required<RunOptions>, names: NameOpener): CatalogueFindings {
  const seen = new Set<string>();
  const once = (key: string, tell: () => void) => {
    if (seen.has(key)) return;
    seen.add(key);
    tell();
  };
  return {
    onForeign: (key) => once(key, () => reporter.warning("not an object of this tool, left alone", key)),
    onUnreadable: (key) => once(key, () => tally.error(unreadableName(key, names))),
  };
}

function unreadableName(key: string, names: NameOpener): ErrorReport {
  const failure = names.failureOf(key);
  if (failure !== undefined) return reportOf(failure, "destination", key);
  return {
    side: "crypto",
    kind: "damaged",
    message: "its encrypted name does not authenticate, so what it holds cannot be told; left alone",
    path: key,
    code: "ENAME",
  };
}
