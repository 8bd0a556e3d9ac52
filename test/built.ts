/**
 * The command, its worker threads and the run that kills itself, built for the tests (built-setup.ts): from their sources each
 * process would take half a second more to start, and each thread 60 ms, some thousand times.
 */
import path from "node:path";
import { pathToFileURL } from "node:url";

/** Not `dist`, which somebody may be using. */
export const BUILT = path.resolve(import.meta.dirname, "../node_modules/.cache/built");
export const COMMAND = path.join(BUILT, "bin/backup.js");
export const WORKER_SCRIPT = pathToFileURL(path.join(BUILT, "bin/worker.js"));
export const KILLED_RUN = path.join(BUILT, "bin/killed-run.js");
