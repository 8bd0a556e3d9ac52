/** How each tool does each step, set up as its own manual would for a local repository; passwords by environment. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Step } from "./works.ts";

/** Where a tool works; its `home` is its alone and new in every round. */
export interface Place {
  readonly source: string;
  readonly home: string;
  /** Where the step `restore` puts the files; empty before. */
  readonly restored: string;
}

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Tool {
  readonly name: string;
  /** Undefined when it is not installed. */
  readonly version: () => string | undefined;
  /** What comes before a first backup and is not timed: an empty repository, a configuration. */
  readonly prepare: (place: Place) => void;
  readonly command: (step: Step, place: Place) => Command;
  /** The folder whose size counts as stored. */
  readonly store: (place: Place) => string;
}

const PASSWORD = "correct horse battery staple";
const OURS = resolve(import.meta.dirname, "..", "dist", "bin", "backup.js");

/** This tool, with a fixed salt; `settings` are laid over its configuration. */
export function ours(settings: Readonly<Record<string, unknown>>): Tool {
  const config = (place: Place): string => join(place.home, "config.json");
  const flags = { first: [], unchanged: [], verify: ["--verify"], restore: ["--restore"] };
  return {
    name: "backup",
    version: () => {
      const number = versionOf(process.execPath, [OURS, "--version"]);
      return number && `backup ${number}`;
    },
    prepare: (place) =>
      writeFileSync(
        config(place),
        JSON.stringify({
          src: { local_path: place.source },
          dest: { local_path: join(place.home, "store") },
          restore: { local_path: place.restored },
          encryption_password: PASSWORD,
          encryption_salt: "000102030405060708090a0b0c0d0e0f",
          ...settings,
        }),
        { mode: 0o600 },
      ),
    command: (step, place) => ({
      program: process.execPath,
      args: [OURS, "--config", config(place), ...flags[step]],
    }),
    store: (place) => join(place.home, "store"),
  };
}

/** restic: its cache lies in the scratch folder; `check --read-data` is its full verification. */
export const restic: Tool = {
  name: "restic",
  version: () => versionOf("restic", ["version"]),
  prepare: (place) => runQuietly({ program: "restic", args: ["init"], env: resticEnv(place) }),
  command: (step, place) => {
    const args = {
      first: ["backup", "."],
      unchanged: ["backup", "."],
      verify: ["check", "--read-data"],
      restore: ["restore", "latest", "--target", place.restored],
    };
    return { program: "restic", args: args[step], cwd: place.source, env: resticEnv(place) };
  },
  store: (place) => join(place.home, "store"),
};

function resticEnv(place: Place): Record<string, string> {
  return {
    RESTIC_REPOSITORY: join(place.home, "store"),
    RESTIC_PASSWORD: PASSWORD,
    RESTIC_CACHE_DIR: join(place.home, "cache"),
  };
}

/** rclone over a crypt remote; `cryptcheck` reads both sides and compares checksums of the encrypted bytes. */
export const rclone: Tool = {
  name: "rclone",
  version: () => versionOf("rclone", ["version"]),
  prepare: (place) => {
    mkdirSync(join(place.home, "store"));
    writeFileSync(join(place.home, "rclone.conf"), "");
  },
  command: (step, place) => {
    const args = {
      first: ["sync", place.source, "bench:"],
      unchanged: ["sync", place.source, "bench:"],
      verify: ["cryptcheck", place.source, "bench:"],
      restore: ["copy", "bench:", place.restored],
    };
    const env = {
      RCLONE_CONFIG: join(place.home, "rclone.conf"),
      RCLONE_CONFIG_BENCH_TYPE: "crypt",
      RCLONE_CONFIG_BENCH_REMOTE: join(place.home, "store"),
      RCLONE_CONFIG_BENCH_PASSWORD: obscured(),
    };
    return { program: "rclone", args: args[step], env };
  },
  store: (place) => join(place.home, "store"),
};

let obscuredPassword: string | undefined;

/** rclone wants its password in a reversible encoding of its own. */
function obscured(): string {
  obscuredPassword ??= execFileSync("rclone", ["obscure", "-"], { input: PASSWORD, encoding: "utf8" }).trim();
  return obscuredPassword;
}

/** borg with zstd and repokey-blake2, the fastest of its authenticated modes. */
export const borg: Tool = {
  name: "borg",
  version: () => versionOf("borg", ["--version"]),
  prepare: (place) => {
    mkdirSync(join(place.home, "base"));
    runQuietly({ program: "borg", args: ["init", "--encryption", "repokey-blake2"], env: borgEnv(place) });
  },
  command: (step, place) => {
    const create = ["create", "--compression", "zstd"];
    const args = {
      first: [...create, "::first", "."],
      unchanged: [...create, "::unchanged", "."],
      verify: ["check", "--verify-data"],
      restore: ["extract", "::unchanged"],
    };
    return {
      program: "borg",
      args: args[step],
      cwd: step === "restore" ? place.restored : place.source,
      env: borgEnv(place),
    };
  },
  store: (place) => join(place.home, "store"),
};

function borgEnv(place: Place): Record<string, string> {
  return {
    BORG_REPO: join(place.home, "store"),
    BORG_PASSPHRASE: PASSWORD,
    BORG_BASE_DIR: join(place.home, "base"),
    BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
  };
}

/** What it says on stderr (borg has advice) is shown only if it fails, as part of the error. */
function runQuietly({ program, args, env }: Command): void {
  execFileSync(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
}

/** The first line that the program prints of itself. */
function versionOf(program: string, args: readonly string[]): string | undefined {
  const result = spawnSync(program, args, { encoding: "utf8" });
  return result.status === 0 ? result.stdout.split("\n")[0]?.trim() : undefined;
}
