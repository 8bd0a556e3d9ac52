/** The command as a process of its own, with a configuration between the folders of a world. */
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { COMMAND } from "../built.ts";
import type { World } from "./world.ts";

/** That of world.ts. */
export const PASSWORD = "a password for tests";

/** Writes a configuration file for the command. */
export function configure(
  world: World,
  dest: Record<string, unknown> = { local_path: world.dest },
  settings: Record<string, unknown> = {},
): string {
  const file = world.at("config.json");
  const config = {
    src: { local_path: world.src },
    dest,
    restore: { local_path: world.restored },
    encryption_password: PASSWORD,
    lzma_level: 1,
    ...settings,
  };
  fs.writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once standard output holds the text; rejects when the command ends without it. */
  said(text: string): Promise<void>;
}

/** Starts the command in the folder of the configuration, with nothing of this environment but the path. */
export function start(config: string, ...args: string[]): Started {
  const child = spawn(process.execPath, [COMMAND, "--config", config, ...args], {
    cwd: path.dirname(config),
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
  });
  let output = "";
  let errors = "";
  child.stderr.on("data", (piece) => {
    errors += piece;
  });
  child.stdout.on("data", (piece) => {
    output += piece;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output, errors }));
  });
  const said = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (output.includes(text)) resolve();
      };
      child.stdout.on("data", look);
      ended.then(
        (end) => reject(new Error(`ended without saying ${text}: ${end.output}${end.errors}`)),
        reject,
      );
      look();
    });
  return { child, ended, said };
}
