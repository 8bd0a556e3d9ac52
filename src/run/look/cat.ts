/**
 * One file of the backup, or a range of it, as a stream of which nothing leaves before it is authenticated: block by
 * block in the segmented container; a classic object vouches for its content only at its end, so it is read twice.
 */
import type { Config } from "../../config/config.ts";
import { openRange, openStream } from "../../container/segmented.ts";
import { DamagedError, type ErrorReport, StorageError } from "../../errors.ts";
import { type Choice, chooseLife, isAmbiguous } from "../../plan/choice.ts";
import type { Version } from "../../plan/group.ts";
import { plainPath } from "../../plan/selection.ts";
import type { OpenDestination } from "../destination/destination.ts";
import { withDestination } from "../destination/with-destination.ts";
import { explainMisfit } from "../object/misfit.ts";
import {
  type OpenContext,
  openPinned,
  opensWhole,
  rangesOf,
  readOriginal,
  streamOriginal,
} from "../object/open-object.ts";
import type { RunOptions } from "../run-options.ts";
import { Tally } from "../tally.ts";
import { histories, versionsInOrder } from "./look.ts";

export interface CatOptions extends RunOptions {
  readonly path: string;
  readonly choice: Choice;
  /** Bytes; what lies behind the end of the file is left out. */
  readonly offset: number;
  readonly length: number;
}

type Range = Pick<CatOptions, "offset" | "length">;

/**
 * Hands the content to `write`, piece by piece.
 * @throws StorageError (ENOENT: no such file then), DamagedError; `InterruptedError` after a signal
 */
export async function runCat(
  config: Config,
  options: CatOptions,
  write: (piece: Buffer) => Promise<void>,
): Promise<void> {
  const tally = new Tally(options.reporter);
  await withDestination(config, options, tally, { mode: "verify", readsOnly: true }, async (destination) => {
    const version = await find(config, destination, options);
    const { storage, keys } = destination;
    const context: OpenContext = { config, keys, destination: storage, signal: options.signal };
    for await (const piece of explained(version, context, options)) await write(piece);
  });
}

/** The version that is meant; the listing is read to its end only where names have no order. */
async function find(config: Config, destination: OpenDestination, options: CatOptions): Promise<Version> {
  const { choice, signal } = options;
  const path = plainPath(options.path);
  const versions = await versionsInOrder(destination, signal);
  let isFolder = false;
  const selects = (file: string) => {
    isFolder ||= file.startsWith(`${path}/`);
    return file === path;
  };
  const onFailure = ({ message, ...report }: ErrorReport) => {
    throw new StorageError("destination", message, report);
  };
  const looking = { needsTimes: choice.at !== undefined, selects, signal, onFailure };
  for await (const file of histories(config, destination, versions, looking)) {
    if (choice.md5 !== undefined && isAmbiguous(file.history, choice.md5)) {
      throw missing(path, "has several versions whose md5 begins so: give more digits");
    }
    const life = chooseLife(file.history, choice);
    if (life !== undefined) return life.version;
    throw missing(path, "has no such version: backup list --all-versions shows those it has");
  }
  throw missing(path, isFolder ? "is a folder: cat writes one file" : "is not in the backup");
}

/** The content; an object that was made with other settings says so. */
async function* explained(version: Version, context: OpenContext, range: Range): AsyncGenerator<Buffer> {
  try {
    yield* contentOf(version, context, range);
  } catch (error) {
    throw await explainMisfit(error, version, context);
  }
}

async function* contentOf(
  version: Version,
  context: OpenContext,
  { offset, length }: Range,
): AsyncGenerator<Buffer> {
  const pinned = await openPinned(version, context);
  if (pinned !== undefined) {
    const { object, etag } = pinned;
    const ranges = rangesOf(version, context, etag);
    if (offset === 0 && length >= version.size) yield* openStream(object, ranges, { parallel: 2 });
    else yield* openRange(object, ranges, offset, length, { parallel: 2 });
  } else if (opensWhole(version)) {
    yield (await readOriginal(version, context)).subarray(offset, offset + length);
  } else {
    yield* verifiedRange(version, context, offset, offset + length);
  }
}

async function* verifiedRange(
  version: Version,
  context: OpenContext,
  start: number,
  end: number,
): AsyncGenerator<Buffer> {
  const before = await context.destination.stat(version.key);
  for await (const _ of streamOriginal(version, context)) context.signal.throwIfAborted();
  const after = await context.destination.stat(version.key);
  if (before?.modified !== after?.modified || before?.etag !== after?.etag || before?.size !== after?.size) {
    throw new DamagedError("was replaced while it was read", { path: version.path, code: "ECHANGED" });
  }
  let position = 0;
  for await (const piece of streamOriginal(version, context)) {
    const from = Math.max(0, start - position);
    const to = Math.min(piece.length, end - position);
    if (from < to) yield piece.subarray(from, to);
    position += piece.length;
  }
}

function missing(path: string, message: string): StorageError {
  return new StorageError("destination", message, { path, code: "ENOENT" });
}
