/** Vitest's global setup of what built.ts names: built anew for each run of tests. */
import { execFileSync } from "node:child_process";
import path from "node:path";
import { BUILT } from "./built.ts";

const KILLED = ["test/run/kill/killed-run.ts", "test/run/kill/killed-worker.ts"];

export default function setup(): void {
  const cwd = path.resolve(import.meta.dirname, "..");
  execFileSync(process.execPath, ["build.ts", BUILT, ...KILLED], { cwd, stdio: "inherit" });
}
