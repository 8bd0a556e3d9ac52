/** The folder that holds the backup itself, where a restore comes upon it: a target may lie around it. Nothing is written there. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { StorageConfig } from "../config/config.ts";
import { fsPath } from "../names/path-text.ts";

export class BackupFolder {
  /** Known by its identity: it may have been mounted at several places. Undefined: it is no folder, or cannot be seen. */
  private readonly stat: fs.BigIntStats | undefined;

  constructor(destination: StorageConfig) {
    this.stat = destination.kind === "local" ? statOf(path.resolve(destination.path)) : undefined;
  }

  /** Whether it lies at a place. @param stat of what is there */
  isAt(location: string | Buffer, stat: fs.Stats): boolean {
    if (this.stat === undefined) return false;
    const { dev, ino } = this.stat;
    if (stat.ino !== Number(ino) || stat.dev !== Number(dev)) return false;
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
