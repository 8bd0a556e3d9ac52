/** Where a command writes, and what becomes of its exit code when it cannot. */
import { BackupError, errorCode, messageOf } from "../errors.ts";
import { Outlet } from "./outlet.ts";

export interface Streams {
  readonly out: Outlet;
  readonly err: Outlet;
}

/** Whoever reads may stop when they have seen enough: `| head` is no failure. */
const NOBODY_READS: ReadonlySet<string | undefined> = new Set(["EPIPE", "ECONNRESET"]);

export function standardStreams(): Streams {
  return { out: new Outlet(process.stdout), err: new Outlet(process.stderr) };
}

/** Waits until all is written. Resolves to the exit code, which is not 0 where standard output was not written whole. */
export async function settle({ out, err }: Streams, code: number): Promise<number> {
  await out.flushed();
  const lost = out.failure !== undefined && !NOBODY_READS.has(errorCode(out.failure));
  if (lost) {
    const { printError } = await import("./print-error.ts");
    printError(incomplete(out.failure), err);
  }
  await err.flushed();
  return lost && code === 0 ? 1 : code;
}

function incomplete(failure: unknown): BackupError {
  const code = errorCode(failure) ?? messageOf(failure);
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new BackupError(
    "output",
    `standard output could not be written (${code}): not all that was said is there`,
    {
      cause: failure,
      remedy: isFull ? "free some space where it goes" : "look at where it goes",
    },
  );
}
