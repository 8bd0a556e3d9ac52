/**
 * Lays the environment over the file, key by key.
 *
 * A storage's location in the environment (path or bucket) replaces the file's whole block: what else the block
 * says belongs to another place. The three ways to give a password count as one setting.
 */
import { type FileSettings, isPlainObject } from "./file.ts";
import {
  allVariables,
  PASSWORD_KEYS,
  STORAGE_KEYS,
  STORAGES,
  type StorageName,
  storageVariables,
  TOP_KEYS,
  type TopKey,
  topVariable,
} from "./keys.ts";
import { nearest, quoted } from "./text.ts";

export interface Layers {
  /** Values as given: JSON from the file, strings from the environment. */
  readonly values: Record<string, unknown>;
  /** Where a setting comes from, for messages: `"config.json": dest.s3_bucket` or `DEST_S3_BUCKET`. */
  origin(path: string): string;
}

export function mergeLayers(
  file: FileSettings | undefined,
  env: NodeJS.ProcessEnv,
  problems: string[],
  warnings: string[],
): Layers {
  const values: Record<string, unknown> = {};
  const variables = new Map<string, string>();
  for (const key of TOP_KEYS) {
    if (file !== undefined && key in file.settings) values[key] = file.settings[key];
  }
  if (PASSWORD_KEYS.some((key) => given(env, topVariable(key)) !== undefined)) {
    for (const key of PASSWORD_KEYS) delete values[key];
  }
  for (const key of TOP_KEYS) {
    const value = given(env, topVariable(key));
    if (value === undefined) continue;
    values[key] = LISTS.has(key) ? listOf(key, value, problems) : value;
    variables.set(key, topVariable(key));
  }
  for (const storage of STORAGES) {
    const block = mergeStorage(storage, file, env, variables, problems);
    if (block !== undefined) values[storage] = block;
  }
  warnOfUnknownVariables(env, warnings);
  return {
    values,
    origin: (path) => variableOf(path, variables) ?? `${quoted(file?.name ?? "config.json")}: ${path}`,
  };
}

/** The variable that a value comes from; of one that lies deeper in its JSON also where: `BACKUP_KEEP: daily`. */
function variableOf(path: string, variables: ReadonlyMap<string, string>): string | undefined {
  const whole = variables.get(path.replace(/\[\d+\]$/, ""));
  if (whole !== undefined) return whole;
  const [top = ""] = /^\w+/.exec(path) ?? [];
  const variable = variables.get(top);
  return variable && `${variable}: ${path.slice(top.length).replace(/^\./, "")}`;
}

function mergeStorage(
  storage: StorageName,
  file: FileSettings | undefined,
  env: NodeJS.ProcessEnv,
  variables: Map<string, string>,
  problems: string[],
): unknown {
  const fromFile = file?.settings[storage] ?? undefined;
  const fromEnv: Record<string, string> = {};
  for (const key of STORAGE_KEYS) {
    const [first, second] = storageVariables(storage, key).filter((name) => given(env, name) !== undefined);
    if (first === undefined) continue;
    if (second !== undefined && env[first] !== env[second]) {
      problems.push(`${first} and ${second} are both set and differ: keep one`);
    }
    fromEnv[key] = given(env, first) ?? "";
    variables.set(`${storage}.${key}`, first);
  }
  if (Object.keys(fromEnv).length === 0) return fromFile;
  const replaces = "local_path" in fromEnv || "s3_bucket" in fromEnv;
  if (replaces || fromFile === undefined) return fromEnv;
  if (Array.isArray(fromFile)) {
    const [variable] = Object.keys(fromEnv).map((key) => variables.get(`${storage}.${key}`));
    problems.push(`${variable} cannot be laid over a list of sources: write it into the file`);
    return fromFile;
  }
  return isPlainObject(fromFile) ? { ...fromFile, ...fromEnv } : fromFile;
}

/** An empty variable counts as unset. */
function given(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}

/** Settings that are lists. */
const LISTS: ReadonlySet<string> = new Set(["ignore_regex", "exclude", "include"]);

/**
 * A JSON list, or one expression per line. What begins like a JSON list of texts has to be one: read as an
 * expression, a list with a mistake in it would be a class of characters that matches nearly everything.
 */
function listOf(key: TopKey, text: string, problems: string[]): unknown {
  if (/^\s*\[\s*(?:["\]]|$)/.test(text)) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      problems.push(
        `${topVariable(key)} begins like a JSON list but is none: write ["...", "..."] or one per line`,
      );
      return [];
    }
  }
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}

function warnOfUnknownVariables(env: NodeJS.ProcessEnv, warnings: string[]): void {
  const known = allVariables();
  for (const name of Object.keys(env)) {
    if (!name.startsWith("BACKUP_") || known.includes(name)) continue;
    const meant = nearest(name, known);
    const help = meant === undefined ? "" : `; did you mean ${meant}?`;
    warnings.push(`the environment variable ${quoted(name)} is not known and ignored${help}`);
  }
}
