/**
 * Whether a folder is on the file system that it was on when it was first met. What is unmounted leaves an empty folder in
 * its place, which would take all that comes after.
 *
 * The file system's number tells; that of the folder is not the same for long everywhere.
 */
import * as fs from "node:fs";
import { type Side, StorageError } from "../../errors.ts";

export class RootDevice {
  private readonly root: string;
  private device: number | undefined;

  constructor(root: string) {
    this.root = root;
  }

  /** Throws the file system's error where the folder is not there. */
  meet(): void {
    this.device ??= fs.statSync(this.root).dev;
  }

  /** The error of everything that is to be stored from now on; undefined while all is well. */
  problem(side: Side): StorageError | undefined {
    const now = fs.statSync(this.root, { throwIfNoEntry: false })?.dev;
    if (this.device === undefined || now === undefined || now === this.device) return undefined;
    return new StorageError(side, "not stored: the destination is on another file system than before", {
      path: this.root,
      code: "EUNMOUNTED",
      remedy: `check that ${this.root} is mounted, and run again`,
    });
  }
}

/** The error of a run in which the folder was removed, unmounted, or another came in its place, with what was in it. */
export function wentAway(side: Side, root: string): StorageError {
  return new StorageError(
    side,
    "went away, or became another, while it was written to: what was stored may be gone",
    {
      path: root,
      code: "EREPLACED",
      remedy: "check that it is mounted, and run again",
    },
  );
}
