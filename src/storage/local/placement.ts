/**
 * Putting staged objects into their places, so that a power cut at any moment leaves for each key the old object or
 * the new one, whole: flush the data of all, rename each to its key, flush every folder that changed.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { errorCode, type Side, StorageError } from "../../errors.ts";
import { folderOf } from "../../names/folders.ts";
import { fsPath } from "../../names/path-text.ts";
import type { PublishResult, StagedObject } from "../storage.ts";
import { flushFiles } from "./durability.ts";
import { removeQuietly } from "./file-io.ts";
import type { Folders } from "./folders.ts";
import { LetterCase } from "./letter-case.ts";
import { localError } from "./local-error.ts";
import { type RootDevice, wentAway } from "./root-device.ts";
import type { TemporaryFolder } from "./temporary.ts";

/** Some 3 ms. */
const MOVED_AT_ONCE = 200;

export interface PlacementContext {
  readonly side: Side;
  readonly location: string;
  readonly folders: Folders;
  readonly temporary: TemporaryFolder;
  readonly device: RootDevice;
}

export class Placement {
  private readonly context: PlacementContext;
  private readonly letterCase: LetterCase;
  private hasPublished = false;

  constructor(context: PlacementContext) {
    this.context = context;
    this.letterCase = new LetterCase(context.location);
  }

  /** As `Storage.publish`. */
  async publish(staged: readonly StagedObject[], at?: number): Promise<PublishResult[]> {
    const { location, device, side, folders } = this.context;
    if (at !== undefined) {
      for (const { temporary, notBefore = at } of staged) setTime(temporary, Math.max(at, notBefore));
    }
    const flushed = await flushFiles(
      location,
      staged.map((object) => temporaryOf(object)),
    );
    const problem = device.problem(side);
    const failures = problem === undefined ? flushed : staged.map(() => problem);
    const results: PublishResult[] = [];
    for (const [i, object] of staged.entries()) {
      // Others wait for this thread: workers for their next files.
      if (i % MOVED_AT_ONCE === MOVED_AT_ONCE - 1) await turn();
      results.push(this.moveIntoPlace(object, failures[i]));
    }
    this.hasPublished ||= results.some(({ error }) => error === undefined);
    try {
      await folders.flush();
      return results;
    } catch (error) {
      const failure = localError(side, error, "could not be made durable", location);
      return results.map((result) => ({ error: failure, ...result }));
    }
  }

  /** As `Storage.rename`; throws what the file system says. */
  rename(from: string, to: string): void {
    this.renameIntoPlace(this.pathOf(from), to);
    // Between two names of one file (hard links, as `copy` makes them) rename(2) does nothing, and says it did.
    fs.rmSync(this.pathOf(from), { force: true });
    this.context.folders.touch(from, true);
  }

  /** As `Storage.placeProblem`. Our temporary folder is in the root as long as we are: nobody else removes it. */
  problem(): StorageError | undefined {
    if (!this.hasPublished || this.context.temporary.isThere()) return undefined;
    return wentAway(this.context.side, this.context.location);
  }

  /** `failure`: why the disk did not take the data; such an object never gets its name. */
  private moveIntoPlace(object: StagedObject, failure: unknown): PublishResult {
    try {
      if (failure !== undefined) throw failure;
      this.checkFolder(object.key);
      this.renameIntoPlace(temporaryOf(object), object.key);
      return { staged: object };
    } catch (error) {
      removeQuietly(temporaryOf(object));
      const what = failure === undefined ? "cannot be put in its place" : "could not be made durable";
      return { staged: object, error: localError(this.context.side, error, what, object.key) };
    }
  }

  /** In a folder of another name it would be listed as another file. */
  private checkFolder(key: string): void {
    const folder = folderOf(key);
    if (folder === "" || !this.letterCase.isIgnoredAt(path.basename(this.context.temporary.path))) return;
    const there = this.letterCase.namesakeOf(folder);
    if (there === undefined) return;
    throw new StorageError(
      this.context.side,
      `cannot be stored: its folder is called ${there} there already`,
      {
        path: key,
        code: "ECASE",
        remedy:
          "this file system does not tell upper from lower case: set encrypt_filenames, or store on another",
      },
    );
  }

  private renameIntoPlace(from: string | Buffer, key: string): void {
    const { folders } = this.context;
    folders.ensureFor(key);
    try {
      fs.renameSync(from, this.pathOf(key));
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
      // Another run may have removed the folder while it was empty; if not, the second try fails the same way.
      folders.forget(key);
      folders.ensureFor(key);
      try {
        fs.renameSync(from, this.pathOf(key));
      } catch (second) {
        folders.touch(key, true); // a folder made for nothing goes with the next flush
        throw second;
      }
    }
  }

  private pathOf(key: string): string | Buffer {
    return fsPath(`${this.context.location}/${key}`);
  }
}

/** Before the flush, which makes it durable with the data. A failure shows when the object is put in its place. */
function setTime(temporary: string | undefined, at: number): void {
  try {
    if (temporary !== undefined) fs.utimesSync(temporary, at / 1000, at / 1000);
  } catch {
    // Then it keeps the moment at which it was written, which is nearly the same.
  }
}

function temporaryOf(object: StagedObject): string {
  if (object.temporary === undefined) throw new Error("not staged by a local storage");
  return object.temporary;
}
