/**
 * The folder that holds the backup itself, where a source or the target of a restore lies around it: nothing of it is backed up, and
 * nothing is restored to it.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import type { StorageConfig } from "../../config/config.ts";
import { fsPath } from "../../names/path-text.ts";

export class BackupFolder {
  /** Known by its identity: it may have been mounted at several places. Undefined: it is no folder, or cannot be seen. */
  private readonly stat: fs.BigIntStats | undefined;

  constructor(destination: StorageConfig) {
    this.stat = destination.kind === "local" ? statOf(path.resolve(destination.path)) : undefined;
  }

  /** Whether it lies at a place. @param known of what is there */
  isAt(location: string | Buffer, known?: fs.Stats): boolean {
    if (this.stat === undefined) return false;
    const { dev, ino } = this.stat;
    const stat = known ?? fs.lstatSync(location, { throwIfNoEntry: false });
    if (stat?.ino !== Number(ino) || stat.dev !== Number(dev)) return false;
    return fs.lstatSync(location, { bigint: true }).ino === ino; // numbers are not exact
  }
}

function statOf(folder: string): fs.BigIntStats | undefined {
  try {
    return fs.statSync(fsPath(folder), { bigint: true });
  } catch {
    return undefined; // whoever opens the destination says so
  }
}
