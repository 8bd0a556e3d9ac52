/**
 * The clock of a folder is that of its machine. Where that has lost the time (a board without a battery, before it has met
 * a time server) it goes on from when the folder was last written to: what a run marks as of 1970 would expire at once
 * when the time is known again.
 */
import * as fs from "node:fs";

/** No clock that is right shows less: this tool is younger. */
const EARLIEST_MS = Date.UTC(2025, 0, 1);

export class RootClock {
  private readonly root: string;
  private before: number | undefined;
  private ahead = 0;

  constructor(root: string) {
    this.root = root;
  }

  /** To be called before anything is written there. Throws the file system's error where the folder is not there. */
  meet(): void {
    if (this.before !== undefined) return;
    this.before = fs.statSync(this.root).mtimeMs;
    const now = Date.now();
    if (now < EARLIEST_MS) this.ahead = Math.max(this.before, EARLIEST_MS) - now;
  }

  /** In milliseconds; 0 where the machine's clock may be right. */
  offset(): number {
    return this.ahead;
  }

  /** What was written has left the lost time on the folder: it gets the one that the next run is to go on from. Never throws. */
  keep(): void {
    if (this.ahead === 0) return;
    try {
      const time = (Date.now() + this.ahead) / 1000;
      if (fs.statSync(this.root).mtimeMs !== this.before) fs.utimesSync(this.root, time, time);
    } catch {
      // Then the next run knows less, and marks as of the earliest time.
    }
  }
}
