/**
 * What a run would consider of the source before a restore in place writes to it. Rules and tags that lie in its folders are
 * restored like other files; by those of another day files would go that no run has ever stored.
 */
import type { Config } from "../../config/config.ts";
import { errorCode, StorageError } from "../../errors.ts";
import { among } from "../../spill/among.ts";
import { ExternalSorter } from "../../spill/external-sorter.ts";
import { listSource } from "../look/list-source.ts";
import type { Reporter } from "../reporter.ts";
import type { RunOptions } from "../run-options.ts";

/** What is wrong with the source is told by the look at it that follows the restore. */
const QUIET: Reporter = { info() {}, file() {}, warning() {}, error() {}, progress() {} };

export class ConsideredFiles {
  private readonly paths = new ExternalSorter<string>((path) => path);
  /** Whether part of the source could not be listed. */
  isPartial = false;

  /** Throws as a scan does, but for a source that is not there. */
  async list(config: Config, options: RunOptions & { selects(path: string): boolean }): Promise<void> {
    try {
      const { errors } = await listSource(config, { ...options, reporter: QUIET }, ({ path }) =>
        this.paths.add(path),
      );
      this.isPartial = errors.size > 0;
    } catch (error) {
      if (!(error instanceof StorageError) || error.side !== "source" || errorCode(error) !== "ENOENT")
        throw error;
    }
  }

  /** Those of some files, ascending by path, that were considered. Once. */
  of<T extends { readonly path: string }>(files: Iterable<T>): Generator<T> {
    return among(files, ({ path }) => path, this.paths.sorted());
  }

  close(): void {
    this.paths.close();
  }
}
