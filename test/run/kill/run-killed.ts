import { spawn } from "node:child_process";
import type { Config } from "../../../src/config/config.ts";
import { KILLED_RUN } from "../../built.ts";
import type { Moment } from "./call-counter.ts";
import type { Job } from "./job.ts";

/** What a run that was killed comes to. */
export const KILLED = Symbol("killed");

/** Runs one backup, or restore, in a process of its own; resolves to its number of calls, or `KILLED`. */
export function runKilled(
  config: Config,
  layer: Job["layer"],
  at: number,
  moment: Moment,
  now: Date,
  command: Job["command"] = "backup",
) {
  return new Promise<number | typeof KILLED>((resolve, reject) => {
    const { ignore: _, salt = new Uint8Array(), ...rest } = config;
    const job: Job = { command, config: { ...rest, salt: [...salt] }, now: now.getTime(), layer, at, moment };
    const child = spawn(process.execPath, [KILLED_RUN], { stdio: ["pipe", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stdout.on("data", (piece) => {
      output += piece;
    });
    child.stderr.on("data", (piece) => {
      errors += piece;
    });
    child.stdin.end(JSON.stringify(job));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (signal === "SIGKILL") resolve(KILLED);
      else if (code === 0) resolve(Number(output));
      else reject(new Error(`the run failed (${code ?? signal}):\n${errors}`));
    });
  });
}
