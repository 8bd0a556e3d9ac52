/**
 * A small world for tests of whole runs: folders of files, a configuration between them, and what a run said.
 */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Config, StorageConfig } from "../../src/config/config.ts";
import type { ErrorReport } from "../../src/errors.ts";
import { type BackupOptions, runBackup } from "../../src/run/backup/backup.ts";
import { runVerify, type VerifyOptions } from "../../src/run/look/verify.ts";
import { deriveAhead } from "../../src/run/object/derive-ahead.ts";
import type { DerivedKeys } from "../../src/run/object/keys.ts";
import type { Progress, Reporter } from "../../src/run/reporter.ts";
import { type RestoreOptions, runRestore } from "../../src/run/restore/restore.ts";
import type { RunOptions } from "../../src/run/run-options.ts";
import type { RunResult } from "../../src/run/tally.ts";
import { WORKER_SCRIPT } from "../built.ts";

/** Each run starts threads; two thirds of their start go into compiling the same sources again (170 ms against 60). */
process.env.NODE_COMPILE_CACHE ??= path.resolve(import.meta.dirname, "../../node_modules/.cache/compiled");

/** A time far enough in the past that no test runs into it; whole seconds. */
export const T0 = 1_600_000_000;

/** What a run told. */
export class Recorder implements Reporter {
  readonly infos: string[] = [];
  readonly files: string[] = [];
  readonly warnings: string[] = [];
  readonly errors: ErrorReport[] = [];

  info(text: string): void {
    this.infos.push(text);
  }

  file(action: string, file: string): void {
    this.files.push(`${action} ${file}`);
  }

  warning(text: string, file?: string): void {
    this.warnings.push(file === undefined ? text : `${file}: ${text}`);
  }

  error(report: ErrorReport): void {
    this.errors.push(report);
  }

  progress(_: Progress): void {}
}

/** A finished run: its counts as plain data, and what it told. */
export interface Finished {
  readonly outcomes: Record<string, number>;
  readonly errors: Record<string, number>;
  readonly result: RunResult;
  readonly told: Recorder;
}

type Without<T> = Omit<T, "reporter" | "signal"> & { signal?: AbortSignal; reporter?: Reporter };

export const backup = (config: Config, options: Without<BackupOptions> = {}) =>
  finish(config, (given) => runBackup(config, { ...given, ...options }));
export const restore = (config: Config, options: Without<RestoreOptions> = {}) =>
  finish(config, (given) => runRestore(config, { ...given, ...options }));
export const verify = (config: Config, options: Without<VerifyOptions> = {}) =>
  finish(config, (given) => runVerify(config, { ...given, ...options }));

async function finish(config: Config, run: (given: RunOptions) => Promise<RunResult>): Promise<Finished> {
  const told = new Recorder();
  const { signal } = new AbortController();
  const result = await run({
    reporter: told,
    signal,
    workerScript: WORKER_SCRIPT,
    keysAhead: keysOf(config),
  });
  const outcomes = Object.fromEntries([...result.outcomes].map(([outcome, { files }]) => [outcome, files]));
  return { outcomes, errors: Object.fromEntries(result.errors), result, told };
}

const derived = new Map<string, Promise<DerivedKeys>>();

/** As the command has them, derived once for all runs: most of these take less time than one derivation. */
function keysOf(config: Config): Promise<DerivedKeys> {
  const { password, salt = [], encryptionType, container, encrypt, encryptFilenames } = config;
  const which = JSON.stringify([password, [...salt], encryptionType, container, encrypt || encryptFilenames]);
  const keys = derived.get(which) ?? deriveAhead(config);
  derived.set(which, keys);
  return keys;
}

/** What a run that must not have anything to complain about did. */
export async function clean(run: Promise<Finished>): Promise<Record<string, number>> {
  const { outcomes, told } = await run;
  if (told.errors.length > 0) throw new Error(`the run failed: ${JSON.stringify(told.errors, null, 1)}`);
  return outcomes;
}

/** A configuration with plain names, encryption and a fixed salt; one worker's worth of files in flight. */
export function configOf(
  storages: { src?: StorageConfig | string; dest: StorageConfig | string; restore?: StorageConfig | string },
  settings: Partial<Config> = {},
): Config {
  const storage = (given: StorageConfig | string): StorageConfig =>
    typeof given === "string" ? { kind: "local", path: given } : given;
  return {
    ...(storages.src !== undefined && { src: storage(storages.src) }),
    dest: storage(storages.dest),
    restore: storage(storages.restore ?? "/nonexistent"),
    restoreIsDefault: false,
    encrypt: true,
    encryptFilenames: false,
    encryptionType: "aes",
    password: "a password for tests",
    salt: new Uint8Array(16).fill(7),
    compress: true,
    container: "classic",
    metadata: false,
    compression: "auto",
    zstdLevel: 3,
    lzmaLevel: 1,
    gzipLevel: 1,
    backupProcesses: 1,
    restoreProcesses: 1,
    deletedKeepDays: null,
    ignore: [],
    exclusions: { exclude: [], include: [], caches: false, oneFileSystem: false },
    sourceExcludes: [],
    massDeleteShare: 0.5,
    unfinishedKeepDays: 7,
    versionsKeepDays: null,
    purgeDelayDays: 0,
    retire: "rename",
    delta: "auto",
    deltaDeadShare: 0.25,
    ...settings,
  };
}

/** Folders of one test, removed by `dispose`. */
export class World {
  readonly root = fs.mkdtempSync(path.join(os.tmpdir(), "backup-run-"));
  readonly src = this.at("src");
  readonly dest = this.at("dest");
  readonly restored = this.at("restored");

  constructor() {
    fs.mkdirSync(this.src);
  }

  at(name: string): string {
    return path.join(this.root, name);
  }

  config(settings: Partial<Config> = {}): Config {
    return configOf({ src: this.src, dest: this.dest, restore: this.restored }, settings);
  }

  /** Writes a file of the source; its mtime is `T0` plus `age` seconds. */
  write(file: string, content: string | Uint8Array, age = 0): void {
    writeFile(path.join(this.src, file), content, T0 + age);
  }

  remove(file: string): void {
    fs.rmSync(path.join(this.src, file), { recursive: true });
  }

  stored(): string[] {
    return filesIn(this.dest);
  }

  dispose(): void {
    fs.rmSync(this.root, { recursive: true, force: true });
  }
}

export function writeFile(file: string, content: string | Uint8Array, mtime: number): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
  fs.utimesSync(file, mtime, mtime);
}

/** All files below a folder, and folders that hold nothing as `name/`, sorted. */
export function filesIn(folder: string, prefix = ""): string[] {
  const entries = fs.readdirSync(path.join(folder, prefix), { withFileTypes: true });
  return entries
    .flatMap((entry) => {
      const name = prefix + entry.name;
      if (!entry.isDirectory()) return [name];
      const inside = filesIn(folder, `${name}/`);
      return inside.length === 0 ? [`${name}/`] : inside;
    })
    .sort();
}

/** Path to "md5 mtime" of every file below a folder: what makes two trees equal. */
export function treeOf(folder: string): Record<string, string> {
  return Object.fromEntries(
    filesIn(folder).map((name) => {
      if (name.endsWith("/")) return [name, "empty folder"];
      const file = path.join(folder, name);
      return [name, `${md5(fs.readFileSync(file))} ${Math.floor(fs.statSync(file).mtimeMs / 1000)}`];
    }),
  );
}

export function md5(bytes: string | Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}
