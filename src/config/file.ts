/** Reads the configuration file: JSON to plain values, with the names and the permissions looked at. */
import { readFile, stat } from "node:fs/promises";
import { ConfigError, errorCode } from "../errors.ts";
import { JsonSyntaxError, parseJson } from "./json.ts";
import { PASSWORD_KEYS, SECRET_KEYS, STORAGE_KEYS, STORAGES, TOP_KEYS } from "./keys.ts";
import { nearest, quoted } from "./text.ts";
import { resolveFrom } from "./working-folder.ts";

export type PlainObject = Readonly<Record<string, unknown>>;

export interface FileSettings {
  /** As the user named it, for messages. */
  readonly name: string;
  readonly settings: PlainObject;
}

export function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The settings of a file.
 * @param required whether its absence is an error, else undefined is returned
 * @throws ConfigError when it cannot be read or is no JSON object
 */
export async function readConfigFile(
  name: string,
  cwd: string | undefined,
  required: boolean,
  problems: string[],
  warnings: string[],
): Promise<FileSettings | undefined> {
  // A folder that was removed holds nothing.
  if (cwd === undefined && !required) return undefined;
  const path = resolveFrom(cwd, name);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" && !required) return undefined;
    throw new ConfigError(`${quoted(name)} cannot be read (${code ?? "unknown error"})`, {
      remedy: "name an existing configuration file with --config, or give the settings in the environment",
      cause: error,
    });
  }
  const settings = parseSettings(name, bytes, warnings);
  reportUnknownKeys(name, settings, problems);
  await warnIfReadable(name, path, settings, warnings);
  return { name, settings };
}

function parseSettings(name: string, bytes: Buffer, warnings: string[]): PlainObject {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError(`${quoted(name)} is not UTF-8 text`, { remedy: "save it as UTF-8" });
  }
  try {
    const { value, duplicates } = parseJson(text);
    for (const key of duplicates)
      warnings.push(`${quoted(name)} gives ${quoted(key)} twice; the last one counts`);
    if (isPlainObject(value)) return value;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new ConfigError(`${quoted(name)}:${error.line}:${error.column}: not valid JSON: ${error.message}`);
  }
  throw new ConfigError(`${quoted(name)} must hold one JSON object, { ... }`);
}

function reportUnknownKeys(name: string, settings: PlainObject, problems: string[]): void {
  const report = (prefix: string, object: PlainObject, known: readonly string[]) => {
    for (const key of Object.keys(object)) {
      if (known.includes(key)) continue;
      const meant = nearest(key, known);
      const help = meant === undefined ? "remove it" : `did you mean ${prefix}${meant}?`;
      problems.push(`${quoted(name)}: unknown setting ${quoted(prefix + key)}: ${help}`);
    }
  };
  report("", settings, [...STORAGES, ...TOP_KEYS]);
  for (const storage of STORAGES) {
    const block = settings[storage];
    if (isPlainObject(block)) report(`${storage}.`, block, STORAGE_KEYS);
  }
  if (!Array.isArray(settings.src)) return;
  for (const [i, block] of settings.src.entries()) {
    if (isPlainObject(block)) report(`src[${i}].`, block, ["name", ...STORAGE_KEYS]);
  }
}

async function warnIfReadable(
  name: string,
  path: string,
  settings: PlainObject,
  warnings: string[],
): Promise<void> {
  const blocks = [settings, ...STORAGES.flatMap((storage) => settings[storage]).filter(isPlainObject)];
  const holdsSecret = blocks.some((block) =>
    Object.entries(block).some(
      ([key, value]) => SECRET_KEYS.has(key) && typeof value === "string" && value !== "",
    ),
  );
  const found = await stat(path);
  if (!holdsSecret || process.platform === "win32" || !found.isFile() || (found.mode & 0o044) === 0) return;
  const what = PASSWORD_KEYS.some((key) => key in settings) ? "a password" : "a secret key";
  warnings.push(`${quoted(name)} holds ${what} and other users can read it: chmod 600 ${quoted(name)}`);
}
