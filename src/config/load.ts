/**
 * From a configuration file and the environment to one valid `Config`, before anything is touched.
 *
 * All problems that can be found are reported together, one line each, every line with the name of its setting.
 * No line holds a secret.
 */
import { join } from "node:path";
import { ConfigError } from "../errors.ts";
import { GitignoreRules } from "../patterns/gitignore.ts";
import type { Config, StorageConfig } from "./config.ts";
import { describeSettings } from "./describe.ts";
import { readConfigFile } from "./file.ts";
import { CONFIG_VARIABLE, STORAGES, type StorageName } from "./keys.ts";
import { mergeLayers } from "./layers.ts";
import { pathsListed, rulesListed } from "./lists.ts";
import { passwordOf } from "./password.ts";
import { compilePythonRegex } from "./python-regex.ts";
import { pathInside, sourceExcludesOf } from "./relations.ts";
import { rulesOf } from "./rules.ts";
import { isSurprisingYes, type Settings, validateSettings } from "./schema.ts";
import { storageOf } from "./storages.ts";
import { quoted } from "./text.ts";
import { resolveFrom } from "./working-folder.ts";

export const DEFAULT_CONFIG_FILE = "config.json";
export const DEFAULT_RESTORE_FOLDER = "encrypted_s3_backup_restore";
/** Stands for the destination where none is used. */
const NO_STORAGE: StorageConfig = { kind: "local", path: "." };
const SWITCHES = ["encrypt", "encrypt_filenames", "compress"] as const;
/** Paths with nothing in common: what matches them all matches everything. */
const UNLIKE_PATHS = ["a", "Z9/_", "\u{10fffd} ", "\n/\n", "."];

export interface LoadOptions {
  /** `--config`; undefined: `BACKUP_CONFIG`, else `config.json`, which may be absent if the environment suffices. */
  readonly file: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Undefined where that folder was removed: then every path that is used has to be absolute. */
  readonly cwd: string | undefined;
  /** `decrypt` opens a single file: it needs no storage at all. */
  readonly mode: "backup" | "restore" | "verify" | "prune" | "decrypt";
  /** A folder to restore to, in place of the configured one. */
  readonly restoreTo?: string;
  /** Whether a restore goes to `src` itself. */
  readonly inPlace?: boolean;
  /** The system's folder for temporary files, where the default restore target lies. */
  readonly tmpdir: string;
  /** Ends the wait for a command that prints the password. */
  readonly signal?: AbortSignal;
  /** Told where such a command takes long. */
  readonly onWaiting?: (text: string) => void;
}

export interface LoadedConfig {
  readonly config: Config;
  /** One line each, for the log; nothing is wrong. */
  readonly warnings: readonly string[];
  /** What the settings came out as. */
  readonly summary: string;
}

/** @throws ConfigError with one line per problem; InterruptedError */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const { env, cwd, mode } = options;
  const problems: string[] = [];
  const warnings: string[] = [];
  const named = options.file ?? (env[CONFIG_VARIABLE] || undefined);
  const file = await readConfigFile(
    named ?? DEFAULT_CONFIG_FILE,
    cwd,
    named !== undefined,
    problems,
    warnings,
  );
  const { values, origin } = mergeLayers(file, env, problems, warnings);
  warnOfSwitches(values, origin, warnings);
  const settings = validateSettings(values, origin, problems);
  if (settings === undefined) throw problemsError(problems);

  const storages = storagesOf(settings, origin, problems);
  const { src } = storages;
  const dest = storages.dest ?? (mode === "decrypt" ? NO_STORAGE : undefined);
  if (dest === undefined && !settings.dest) problems.push(missing("dest", file?.name));
  if (mode === "backup" && src === undefined && !settings.src) problems.push(missing("src", file?.name));
  const namedSources = namedSourcesOf(settings, origin, problems);
  checkHistory(settings, origin, problems);
  const rules = rulesOf(settings, dest, origin, problems);
  const ignore = expressionsOf(settings.ignore_regex, origin, problems, warnings);
  if (problems.length > 0 || dest === undefined) throw problemsError(problems);

  const given: StorageConfig | undefined =
    options.restoreTo === undefined ? storages.restore : { kind: "local", path: options.restoreTo };
  const restore: StorageConfig = given ?? {
    kind: "local",
    path: join(options.tmpdir, DEFAULT_RESTORE_FOLDER),
  };
  if (options.restoreTo?.startsWith("s3://")) problems.push("--to takes a folder: set a bucket as `restore`");
  const used = [
    storages.dest,
    ...(mode === "backup" || options.inPlace ? [src, ...namedSources.map(({ storage }) => storage)] : []),
    ...(mode === "restore" && !options.inPlace ? [restore] : []),
  ];
  for (const storage of used) if (storage?.kind === "local") resolveFrom(cwd, storage.path);
  const sourceExcludes =
    (mode === "backup" || options.inPlace) && src !== undefined
      ? await sourceExcludesOf(src, dest, cwd, problems, warnings)
      : [];
  const sources = [];
  for (const { name, storage } of namedSources) {
    const excludes = mode === "backup" ? await sourceExcludesOf(storage, dest, cwd, problems, warnings) : [];
    sources.push({ name, storage, excludes });
  }
  if (options.inPlace && namedSources.length > 0)
    problems.push("--in-place needs one source, not a list of them");
  if (mode === "restore" && (await pathInside(restore, dest, cwd)) !== undefined) {
    problems.push("restore lies inside dest: restore to a place outside of the backup");
  }
  if (problems.length > 0) throw problemsError(problems);
  const { exclude_file, files_from } = settings;
  // A restore to another place must not depend on what there is to back up, or on where its rules were.
  const usesSource = mode === "backup" || options.inPlace === true;
  const moreRules = usesSource && exclude_file != null ? await rulesListed(exclude_file, cwd) : [];
  warnOfRules(settings.exclude, origin("exclude"), warnings);
  warnOfRules(moreRules, origin("exclude_file"), warnings);
  warnOfRules(settings.include, origin("include"), warnings);
  for (const [i, { match }] of (settings.rules ?? []).entries()) {
    warnOfRules(match, origin(`rules[${i}].match`), warnings);
  }
  const only = usesSource && files_from != null ? await pathsListed(files_from, cwd) : undefined;
  if (only?.length === 0) warnings.push(`${origin("files_from")} lists nothing: no file is considered`);
  const exclusions = {
    exclude: [...settings.exclude, ...moreRules],
    include: settings.include,
    caches: settings.exclude_caches,
    ...(settings.exclude_larger_than != null && { largerThan: settings.exclude_larger_than }),
    oneFileSystem: settings.one_file_system,
    ...(only !== undefined && { only }),
  };
  // Last, since a command may ask somebody for it.
  const password = await passwordOf(
    settings,
    { ...options, writes: mode === "backup" || mode === "prune", origin },
    warnings,
  );

  const config: Config = {
    ...(src !== undefined && { src }),
    ...(sources.length > 0 && { sources }),
    dest,
    restore,
    restoreIsDefault: given === undefined,
    encrypt: settings.encrypt,
    encryptFilenames: settings.encrypt_filenames,
    encryptionType: settings.encryption_type,
    ...(password !== undefined && { password }),
    ...saltOf(settings),
    container: settings.container,
    metadata: settings.metadata ?? settings.container === "segmented",
    compress: settings.compress,
    compression: settings.compress ? settings.compression : "none",
    zstdLevel: settings.zstd_level,
    lzmaLevel: settings.lzma_level,
    gzipLevel: settings.gzip_level,
    ...rules,
    backupProcesses: settings.backup_processes,
    restoreProcesses: settings.restore_processes,
    deletedKeepDays: settings.deleted_keep_days,
    versionsKeepDays: settings.versions_keep_days,
    ...(settings.keep && { keep: settings.keep }),
    purgeDelayDays: settings.purge_delay_days,
    retire: settings.retire,
    ignore,
    exclusions,
    sourceExcludes,
    massDeleteShare: settings.mass_delete_share,
    unfinishedKeepDays: settings.unfinished_keep_days,
    delta: settings.delta,
    deltaDeadShare: settings.delta_dead_share,
  };
  return { config, warnings, summary: describeSettings(config) };
}

/** Settings that mean something only where a history is kept. */
function checkHistory(
  { versions_keep_days, keep, purge_delay_days, retire }: Settings,
  origin: (path: string) => string,
  problems: string[],
): void {
  const needs = "needs versions_keep_days, which keeps a history";
  if (versions_keep_days === null) {
    if (keep) problems.push(`${origin("keep")} ${needs}`);
    if (purge_delay_days > 0) problems.push(`${origin("purge_delay_days")} ${needs}`);
    if (retire === "tombstone") problems.push(`${origin("retire")} "tombstone" ${needs}`);
  } else if (versions_keep_days === "forever" && keep) {
    problems.push(`${origin("keep")} thins out nothing while versions_keep_days is "forever": give it days`);
  }
}

function problemsError(problems: readonly string[]): ConfigError {
  return new ConfigError(problems.join("\n"));
}

function missing(name: StorageName, file: string | undefined): string {
  const where =
    file === undefined
      ? `there is no ${DEFAULT_CONFIG_FILE} here, and`
      : `${quoted(file)} has no ${name}, and`;
  const upper = name.toUpperCase();
  return `${name} is missing: ${where} the environment has neither ${upper}_LOCAL_PATH nor ${upper}_S3_BUCKET`;
}

function storagesOf(
  settings: Settings,
  origin: (path: string) => string,
  problems: string[],
): Partial<Record<StorageName, StorageConfig>> {
  const found: Partial<Record<StorageName, StorageConfig>> = {};
  for (const name of STORAGES) {
    const block = settings[name];
    if (!block || Array.isArray(block)) continue;
    const storage = storageOf(name, block, origin, problems);
    if (storage !== undefined) found[name] = storage;
  }
  return found;
}

/** The sources of a list. */
function namedSourcesOf(
  { src }: Settings,
  origin: (path: string) => string,
  problems: string[],
): { name: string; storage: StorageConfig }[] {
  if (!Array.isArray(src)) return [];
  return src.flatMap((block, i) => {
    const storage = storageOf(`src[${i}]`, block, origin, problems);
    return storage === undefined ? [] : [{ name: block.name, storage }];
  });
}

/** The older tool's readings that surprise: they are kept, and said. */
function warnOfSwitches(
  values: Record<string, unknown>,
  origin: (path: string) => string,
  warnings: string[],
): void {
  for (const key of SWITCHES) {
    if (values[key] === null && key !== "encrypt_filenames")
      warnings.push(`${origin(key)} is null, which means no`);
    if (isSurprisingYes(values[key])) {
      warnings.push(`${origin(key)} is none of yes, true, y, t, 1, no, false, n, f, 0: it counts as yes`);
    }
  }
}

function expressionsOf(
  expressions: readonly string[],
  origin: (path: string) => string,
  problems: string[],
  warnings: string[],
): RegExp[] {
  return expressions.flatMap((expression, i) => {
    const path = `ignore_regex[${i}]`;
    const key = origin(path) === "IGNORE_REGEX" ? `IGNORE_REGEX, expression ${i + 1}` : origin(path);
    try {
      const regex = compilePythonRegex(expression, key);
      if (UNLIKE_PATHS.every((unlike) => regex.test(unlike))) {
        warnings.push(
          `${key}: ${quoted(expression)} matches at the start of nearly every path: those are not backed up`,
        );
      }
      return [regex];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(error.message);
      return [];
    }
  });
}

/** Rules that cannot mean what somebody meant by them: with git, they match nothing, without a word. */
function warnOfRules(lines: readonly string[], key: string, warnings: string[]): void {
  for (const { rule, why } of new GitignoreRules(lines).problems) {
    warnings.push(`${key}: the rule ${quoted(rule)} can match nothing: ${why}`);
  }
}

function saltOf(settings: Settings): { salt?: Uint8Array } {
  const digits = (settings.encryption_salt ?? "").replace(/\s/g, "");
  return digits === "" ? {} : { salt: Buffer.from(digits, "hex") };
}
