/**
 * One run of one job: `sh -c COMMAND`, holding the lock of the run folder, in a process group of its own.
 *
 * The job inherits the environment and the output of this process, so settings are never written anywhere and what
 * it prints is the container's log. `flock` hands its descriptor on to the command (`--no-fork`): as long as any
 * process of the run lives the lock is held, whatever becomes of the scheduler.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What `flock` ends with when somebody else has the lock; not among the tool's own exit codes. */
export const LOCKED_STATUS = 75;
/** How often a group that outlives its leader is looked at, in milliseconds. */
const GROUP_POLL_MS = 100;

export interface RunningJob {
  /** Exit status once every process of the run is gone; 128 + n when signal n ended it. */
  readonly done: Promise<number>;
  /** Passes a signal to every process of the run. */
  signal(name: NodeJS.Signals): void;
}

/** Starts a command; it ends with `LOCKED_STATUS` at once if another process holds the lock. */
export function runJob(command: string, folder: string): RunningJob {
  const lock = [
    "--nonblock",
    "--conflict-exit-code",
    String(LOCKED_STATUS),
    "--no-fork",
    join(folder, "lock"),
  ];
  const child = spawn("flock", [...lock, "/bin/sh", "-c", command], {
    detached: true, // a group of its own, so that a signal reaches the whole of a compound command
    stdio: ["ignore", "inherit", "inherit"],
  });
  return { done: finished(child), signal: (name) => signalGroup(child.pid, name) };
}

async function finished(child: ChildProcess): Promise<number> {
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  while (signalGroup(child.pid, 0)) await sleep(GROUP_POLL_MS);
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

/** Whether there was anybody to signal. */
function signalGroup(leader: number | undefined, signal: NodeJS.Signals | 0): boolean {
  if (leader === undefined) return false;
  try {
    return process.kill(-leader, signal);
  } catch {
    return false; // ESRCH: the group is gone
  }
}
