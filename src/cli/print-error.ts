/** What ended a command before it could do its work. */
import { BackupError, reportOf } from "../errors.ts";
import { formatError, type TextSink } from "./output.ts";
import { exitCodeOf } from "./summary.ts";

/** Prints what ended a command before it could do its work, a line per problem; returns the exit code. */
export function printError(error: unknown, err: TextSink): number {
  const report = reportOf(error, "internal");
  for (const message of report.message.split("\n")) {
    err.write(`${formatError({ ...report, message })}\n`);
  }
  return error instanceof BackupError ? exitCodeOf(new Map([[error.kind, 1]])) : 1;
}
