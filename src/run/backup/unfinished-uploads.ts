/**
 * Multipart uploads that an earlier run left unfinished: they cost storage, and nobody sees them in a listing.
 *
 * One is gone on with when this run has the same to store (store-whole.ts). It goes when this run has stored the same
 * path, or when for longer than any run would take nothing was added to it. Others may belong to a run that is going on
 * somewhere else. Uploads of other programs are never touched.
 */
import { errorCode, messageOf } from "../../errors.ts";
import { parseStoredName } from "../../names/stored-name.ts";
import { isPassing } from "../../storage/passing.ts";
import type { Storage, UnfinishedUpload } from "../../storage/storage.ts";
import type { OpenNames } from "../destination/catalogue.ts";
import { looksEncrypted } from "../destination/name-opener.ts";
import type { Reporter } from "../reporter.ts";

const DAY_MS = 86_400_000;

export class UnfinishedUploads {
  private readonly storage: Storage;
  private readonly byPath = new Map<string, UnfinishedUpload[]>();
  private readonly aborting: Promise<void>[] = [];
  private readonly reporter: Reporter;

  constructor(storage: Storage, reporter: Reporter) {
    this.storage = storage;
    this.reporter = reporter;
  }

  /** Looks for uploads that began before this run; aborts the old ones. A storage that will not tell is no failure. */
  async find(openNames: OpenNames, now: Date, keepDays: number): Promise<void> {
    let uploads: UnfinishedUpload[];
    try {
      uploads = await this.storage.listUploads();
    } catch (error) {
      if (isGivenUp(error)) throw error;
      this.reporter.warning(`unfinished uploads cannot be listed: ${messageOf(error)}`);
      return;
    }
    const sealed = uploads.filter(({ key }) => looksEncrypted(key));
    const opened = sealed.length === 0 ? [] : await openNames(sealed.map(({ key }) => key));
    for (const upload of uploads) {
      const version = parseStoredName(upload.key) ?? opened[sealed.indexOf(upload)];
      if (version === undefined) continue;
      if (await this.isOlder(upload, now.getTime() - keepDays * DAY_MS)) this.abort(upload);
      else this.byPath.set(version.path, [...(this.byPath.get(version.path) ?? []), upload]);
    }
  }

  /** Those of a path that this run may go on with. */
  of(path: string): readonly UnfinishedUpload[] {
    return this.byPath.get(path) ?? [];
  }

  /** This run has stored the path: what others began for it will not be needed. */
  completed(path: string): void {
    for (const upload of this.byPath.get(path) ?? []) this.abort(upload);
    this.byPath.delete(path);
  }

  async finish(): Promise<void> {
    await Promise.all(this.aborting);
  }

  /** A large file over a slow line may take many runs: what counts is the newest part, where that is told. */
  private async isOlder(upload: UnfinishedUpload, than: number): Promise<boolean> {
    if (upload.initiated >= than) return false;
    try {
      return (await this.storage.lastActivity(upload)) < than;
    } catch (error) {
      if (isGivenUp(error)) throw error;
      // Not allowed to list parts, or gone. What did not work this time, or was no answer, says nothing.
      return !isPassing(error) && errorCode(error) !== "EANSWER";
    }
  }

  private abort(upload: UnfinishedUpload): void {
    const done = this.storage.abortUpload(upload).catch((error: unknown) => {
      this.reporter.warning(`an unfinished upload cannot be aborted: ${messageOf(error)}`, upload.key);
    });
    this.aborting.push(done);
  }
}

/** The run is to stop. */
function isGivenUp(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
