/**
 * `backup init`: a sound configuration from a few answers, or flags. Never replaces one that is there.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { DEFAULT_CONFIG_FILE, loadConfig } from "../config/load.ts";
import { resolveFrom } from "../config/working-folder.ts";
import { ConfigError, errorCode } from "../errors.ts";
import { openStorage } from "../storage/open.ts";
import { SALT_BYTES } from "./generate-salt.ts";
import type { Questions } from "./questions.ts";

export interface InitAnswers {
  /** Where the configuration goes; undefined: `config.json`. */
  readonly config: string | undefined;
  /** A folder, or `s3://bucket/base`. */
  readonly src: string | undefined;
  readonly dest: string | undefined;
  /** Holds the password in its first line; one that is not there is made, with a random password. */
  readonly passwordFile: string | undefined;
}

/** Beside the configuration. */
const PASSWORD_FILE = "backup-password";
const PRIVATE = 0o600;
/** What nobody misses: trash, what a file system check saves, caches that say so by their name. */
const EXCLUDED = ["lost+found/", ".Trash-*/", ".cache/"];

/**
 * Writes the configuration, and the password's file if there is none.
 * @param questions undefined where nobody can be asked
 * @returns what to tell at the end, line by line
 * @throws ConfigError: something is there already, is missing, or does not fit together. Nothing is left behind then.
 */
export async function initialize(
  answers: InitAnswers,
  questions: Questions | undefined,
  cwd: string | undefined,
): Promise<string[]> {
  const file = resolveFrom(cwd, answers.config ?? DEFAULT_CONFIG_FILE);
  if (fs.existsSync(file)) {
    throw new ConfigError("is there already, and is not replaced", {
      path: file,
      remedy: "edit it, or name another file with --config",
    });
  }
  const src = storageOf(
    answers.src ?? (await ask(questions, "What is to be backed up (a folder, or s3://bucket/path)", "--src")),
    cwd,
  );
  checkSource(src);
  const dest = storageOf(
    answers.dest ?? (await ask(questions, "Where to (a folder, or s3://bucket/path)", "--dest")),
    cwd,
  );
  checkDestination(dest);
  const password = await passwordOf(answers.passwordFile, questions, path.dirname(file), cwd);
  const settings = {
    src,
    dest,
    container: "segmented",
    encryption_password_file: password.file,
    ...((await isEmpty(dest)) && { encryption_salt: randomBytes(SALT_BYTES).toString("hex") }),
    metadata: true,
    versions_keep_days: 30,
    exclude: EXCLUDED,
    exclude_caches: true,
  };
  const made: string[] = [];
  try {
    if (password.text !== undefined) {
      writeNew(password.file, `${password.text}\n`);
      made.push(password.file);
    }
    writeNew(file, `${JSON.stringify(settings, null, 2)}\n`);
    made.push(file);
    await loadConfig({ file, env: {}, cwd, mode: "backup", tmpdir: path.dirname(file) });
  } catch (error) {
    for (const name of made) fs.rmSync(name, { force: true });
    throw error;
  }
  const named = answers.config === undefined ? "" : ` --config ${answers.config}`;
  return [
    `Wrote ${file}`,
    ...(password.text === undefined ? [] : [`Wrote ${password.file}, which holds the password`]),
    "Keep a copy of the password somewhere else: without it there is nothing to be had from a backup.",
    "Versions that are replaced are kept for 30 days (versions_keep_days), deleted files for ever (deleted_keep_days).",
    `Next: backup plan${named} shows what would be stored, backup${named} stores it.`,
  ];
}

async function ask(questions: Questions | undefined, question: string, flag: string): Promise<string> {
  if (questions === undefined) throw nobodyToAsk(flag);
  const answer = (await questions.ask(question))?.trim() ?? "";
  if (answer === "") throw noAnswer(flag);
  return answer;
}

function nobodyToAsk(flag: string): ConfigError {
  return new ConfigError(`there is nobody to ask: give ${flag}`, {
    remedy: "backup init --src FOLDER --dest FOLDER --password-file FILE",
  });
}

function noAnswer(flag: string): ConfigError {
  return new ConfigError(`there was no answer: give ${flag}, or answer`);
}

type StorageSettings = { local_path: string } | { s3_bucket: string; base_path?: string };

function storageOf(text: string, cwd: string | undefined): StorageSettings {
  const [, bucket, base = ""] = /^s3:\/\/([^/]+)\/?(.*)$/s.exec(text) ?? [];
  if (bucket === undefined) {
    if (/^(?:s3:|[a-z][a-z\d+.-]*:\/\/)/i.test(text)) throw noPlace(text);
    return { local_path: resolveFrom(cwd, text) };
  }
  const basePath = base.replace(/^\/+|\/+$/g, "");
  return { s3_bucket: bucket, ...(basePath !== "" && { base_path: basePath }) };
}

/** A slip in an address must not become the name of a folder. */
function noPlace(text: string): ConfigError {
  return new ConfigError("is neither a folder nor s3://bucket/path", {
    path: text,
    remedy: "a folder whose name looks like an address is given as ./NAME",
  });
}

function checkSource(src: StorageSettings): void {
  if (!("local_path" in src)) return;
  if (fs.statSync(src.local_path, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new ConfigError("is no folder: there is nothing to back up", { path: src.local_path });
}

function checkDestination(dest: StorageSettings): void {
  if (!("local_path" in dest)) return;
  if (fs.statSync(dest.local_path, { throwIfNoEntry: false })?.isDirectory() !== false) return;
  throw new ConfigError("is no folder: nothing can be stored there", { path: dest.local_path });
}

/** Whether there is no backup yet whose salt would have to be used; false where that cannot be told. */
async function isEmpty(dest: StorageSettings): Promise<boolean> {
  const config =
    "local_path" in dest
      ? ({ kind: "local", path: dest.local_path } as const)
      : ({ kind: "s3", bucket: dest.s3_bucket, basePath: dest.base_path ?? "" } as const);
  const storage = await openStorage(config, "destination");
  try {
    for await (const objects of storage.list()) if (objects.length > 0) return false;
    return true;
  } catch (error) {
    return errorCode(error) === "ENOENT";
  } finally {
    await storage.close();
  }
}

/** The file of the password, and what is to be written into it; nothing if it is there. */
async function passwordOf(
  given: string | undefined,
  questions: Questions | undefined,
  folder: string,
  cwd: string | undefined,
): Promise<{ file: string; text?: string }> {
  if (given !== undefined) {
    const file = resolveFrom(cwd, given);
    return fs.existsSync(file) ? { file } : { file, text: randomPassword() };
  }
  if (questions === undefined) throw nobodyToAsk("--password-file");
  const file = path.join(folder, PASSWORD_FILE);
  if (fs.existsSync(file)) {
    throw new ConfigError("is there already, and is not replaced", {
      path: file,
      remedy: "use it with --password-file, or name another",
    });
  }
  const first = await questions.askSecret("Password (nothing: a random one)");
  if (first === undefined) throw noAnswer("--password-file");
  if (first === "") return { file, text: randomPassword() };
  if ((await questions.askSecret("The same again")) !== first) {
    throw new ConfigError("the two passwords are not the same");
  }
  return { file, text: first };
}

/** 160 bits, in letters and digits that are not mistaken for each other. */
function randomPassword(): string {
  const letters = "abcdefghijkmnpqrstuvwxyz23456789";
  return [...randomBytes(32)].map((byte) => letters[byte & 31]).join("");
}

/** Durable when it returns: what is encrypted with the password will be. Leaves nothing where it fails. */
function writeNew(file: string, text: string): void {
  let made = false;
  try {
    const handle = fs.openSync(file, "wx", PRIVATE);
    made = true;
    try {
      fs.writeFileSync(handle, text);
      fs.fsyncSync(handle);
    } finally {
      fs.closeSync(handle);
    }
  } catch (error) {
    if (made) fs.rmSync(file, { force: true });
    throw new ConfigError(`cannot be written (${errorCode(error)})`, { path: file, cause: error });
  }
}
