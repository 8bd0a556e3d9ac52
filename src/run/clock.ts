/**
 * Whether the clocks of this machine and of the storage can be trusted to say what has expired.
 */
import type { Storage } from "../storage/storage.ts";
import type { Reporter } from "./reporter.ts";

const APART_MS = 3_600_000;

/** False, with a warning, where they are more than an hour apart: one of them is wrong, and nothing may expire by it. */
export function clocksAgree(storage: Storage, reporter: Reporter): boolean {
  const offset = storage.clockOffset();
  if (Math.abs(offset) <= APART_MS) return true;
  const hours = Math.round(Math.abs(offset) / APART_MS);
  const where = offset > 0 ? "behind" : "ahead of";
  const other = storage.kind === "local" ? "what the folder of the destination shows" : "that of the storage";
  reporter.warning(
    `the clock of this machine is ${hours} h ${where} ${other}: nothing expires until they agree`,
  );
  return false;
}
