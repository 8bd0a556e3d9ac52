/** Finds the password: in the settings, in a file, or from a command. It never shows in a message. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { ConfigError, errorCode, InterruptedError } from "../errors.ts";
import { PASSWORD_KEYS, secretVariables } from "./keys.ts";
import type { Settings } from "./schema.ts";
import { quoted } from "./text.ts";
import { resolveFrom } from "./working-folder.ts";

/** A password longer than this is a mistake in a file name or a command; characters. */
const LONGEST = 65_536;
/** A command may wait for a key to be touched, or a prompt to be answered, as long as it takes; then that is told. */
const WAIT_TOLD_MS = 60_000;
/** As config.json.example has it. */
export const PLACEHOLDER_PASSWORD = "change me: this password is in the public example";

export interface PasswordContext {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string | undefined;
  readonly writes: boolean;
  readonly origin: (path: string) => string;
  /** Ends the wait for a command. */
  readonly signal?: AbortSignal;
  /** Told once, where a command takes long. */
  readonly onWaiting?: (text: string) => void;
}

/**
 * The password, or undefined when nothing needs one.
 * @throws ConfigError when one is needed and there is none, or it cannot serve
 */
export async function passwordOf(
  settings: Settings,
  context: PasswordContext,
  warnings: string[],
): Promise<string | undefined> {
  const needed =
    settings.encrypt ||
    settings.encrypt_filenames ||
    Boolean(settings.encryption_salt?.trim()) ||
    Boolean(settings.rules?.some(({ encrypt }) => encrypt));
  if (!needed) return undefined;
  const given = PASSWORD_KEYS.filter((key) => typeof settings[key] === "string");
  const key = given[0];
  if (key === undefined) {
    throw new ConfigError(
      'encryption_password is missing: set it (ENCRYPTION_PASSWORD), encryption_password_file or encryption_password_command; or set "encrypt": false for a backup that anyone can read',
    );
  }
  const origin = context.origin(key);
  if (given.length > 1) {
    throw new ConfigError(
      `${given.map(context.origin).join(" and ")}: the password is given twice: keep one`,
    );
  }
  const password = await readPassword(key, settings[key] ?? "", origin, context, warnings);
  checkPassword(password, origin, settings, context.writes);
  if (password === PLACEHOLDER_PASSWORD) {
    warnings.push(
      `${origin} is the one of the example, which everybody knows: change it before the first backup`,
    );
  }
  return password;
}

async function readPassword(
  key: (typeof PASSWORD_KEYS)[number],
  value: string,
  origin: string,
  context: PasswordContext,
  warnings: string[],
): Promise<string> {
  if (key === "encryption_password") return value;
  const bytes = await (key === "encryption_password_file"
    ? readPasswordFile(resolveFrom(context.cwd, value), origin)
    : runPasswordCommand(value, origin, context));
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError(`${origin}: the password is not UTF-8 text`);
  }
  const [first = "", ...rest] = text.split(/\r?\n/);
  if (rest.some((line) => line !== "")) {
    warnings.push(`${origin}: more than one line; the first is the password`);
  }
  return first;
}

function checkPassword(password: string, origin: string, settings: Settings, writes: boolean): void {
  if (password === "" && writes) {
    throw new ConfigError(
      `${origin}: the password is empty: choose one; an empty one only reads existing backups`,
    );
  }
  if (password.length > LONGEST)
    throw new ConfigError(`${origin}: the password is longer than ${LONGEST} characters`);
  // Node puts U+FFFD where a variable's bytes are not UTF-8: two passwords could look like one.
  if (!password.isWellFormed() || password.includes("\ufffd")) {
    throw new ConfigError(`${origin}: the password is not valid Unicode text`);
  }
  if (
    settings.container === "classic" &&
    settings.encryption_type === "aes" &&
    [...password].some((char) => char > "\u00ff")
  ) {
    throw new ConfigError(
      `${origin}: with "encryption_type": "aes" the classic container takes only passwords with characters up to U+00FF (Latin-1): choose another password, "cha", or "container": "segmented"`,
    );
  }
}

/** The environment less our own secrets: the command is somebody else's program. */
function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const secret = new Set(secretVariables());
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secret.has(name)));
}

async function readPasswordFile(path: string, origin: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new ConfigError(
      `${origin}: ${quoted(path)} cannot be read (${errorCode(error) ?? "unknown error"})`,
    );
  }
}

/**
 * Standard output of `/bin/sh -c command`; its standard input is empty. What it says on standard error is not
 * repeated: that may be the password, too.
 */
function runPasswordCommand(command: string, origin: string, context: PasswordContext): Promise<Buffer> {
  const { cwd, env, signal, onWaiting } = context;
  return new Promise((resolvePromise, reject) => {
    if (signal?.aborted) return reject(new InterruptedError());
    const child = spawn("/bin/sh", ["-c", command], {
      ...(cwd !== undefined && { cwd }),
      env: withoutSecrets(env),
      stdio: ["ignore", "pipe", "ignore"],
    });
    const stop = () => {
      child.kill();
      // Whatever the shell started may live on: nobody listens to it any more.
      child.stdout.destroy();
      end(() => reject(new InterruptedError()));
    };
    const waiting = setTimeout(
      () => onWaiting?.(`${origin} has been running for a minute: the run waits for it to end`),
      WAIT_TOLD_MS,
    );
    const end = (then: () => void) => {
      clearTimeout(waiting);
      signal?.removeEventListener("abort", stop);
      then();
    };
    signal?.addEventListener("abort", stop);
    const output: Buffer[] = [];
    let size = 0;
    child.on("error", (error) => {
      end(() => reject(new ConfigError(`${origin} cannot be run (${errorCode(error) ?? "unknown error"})`)));
    });
    // There is none where the process could not be made.
    child.stdout?.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= 4 * LONGEST) output.push(chunk);
    });
    child.on("close", (status, endedBy) => {
      const how = endedBy === null ? `ended with status ${status}` : `was ended by ${endedBy}`;
      end(() => {
        if (status === 0) resolvePromise(Buffer.concat(output));
        else reject(new ConfigError(`${origin} ${how}: run it by hand to see why`));
      });
    });
  });
}
