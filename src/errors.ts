/**
 * Every failure this tool knows, as a type.
 *
 * An error says which side failed, names the file where there is one, and says what to do. Only the command
 * line (src/cli) turns errors into text and exit codes; everything below it throws or returns these.
 */
import { constants } from "node:os";

/** Which part of the world failed. */
export type Side =
  | "source"
  | "destination"
  | "restore"
  | "temporary"
  | "crypto"
  | "config"
  | "output"
  | "internal";

/**
 * What kind of failure it is; decides the exit code and whether the run goes on.
 *
 * - `config`: nothing was touched; the settings or the command line are wrong.
 * - `failed`: one file, or one storage call, did not work; the others go on.
 * - `damaged`: stored bytes are not what their name or tag says.
 * - `wrong-password`: nothing at the destination opens with this password.
 * - `refused`: a safety guard stopped something that looked like an accident.
 * - `interrupted`: a signal ended the run.
 */
export type ErrorKind = "config" | "failed" | "damaged" | "wrong-password" | "refused" | "interrupted";

export interface BackupErrorOptions {
  readonly kind?: ErrorKind;
  /** The file, key or setting concerned; unescaped, the command line escapes it. */
  readonly path?: string;
  /** What the reader of the message can do about it; a sentence without a full stop. */
  readonly remedy?: string;
  /** A code for programs: errno names (`ENOENT`), S3 error codes, or one of ours. */
  readonly code?: string;
  readonly cause?: unknown;
}

/** The base of all errors that this tool raises on purpose. */
export class BackupError extends Error {
  readonly side: Side;
  readonly kind: ErrorKind;
  readonly path: string | undefined;
  readonly remedy: string | undefined;
  readonly code: string | undefined;

  constructor(side: Side, message: string, options: BackupErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.side = side;
    this.kind = options.kind ?? "failed";
    this.path = options.path;
    this.remedy = options.remedy;
    this.code = options.code ?? errorCode(options.cause);
  }
}

/** The settings or the command line are wrong; raised before anything is touched. */
export class ConfigError extends BackupError {
  constructor(message: string, options: Omit<BackupErrorOptions, "kind"> = {}) {
    super("config", message, { ...options, kind: "config" });
  }
}

/** A storage call failed for good (after its retries). */
export class StorageError extends BackupError {}

/** The folder for temporary files does not take, or give back, what memory should not hold: of neither side of a backup. */
export class TemporaryFileError extends StorageError {
  /** @param folder where they are meant to be. */
  constructor(folder: string, cause: unknown) {
    super("temporary", `a table that is too large for memory cannot wait there (${reasonOf(cause)})`, {
      path: folder,
      remedy: "free some space, or let TMPDIR name a folder that can be written to",
      cause,
    });
  }
}

/** Stored bytes are not what their tag, size or md5 says. */
export class DamagedError extends BackupError {
  constructor(message: string, options: Omit<BackupErrorOptions, "kind"> = {}) {
    super("crypto", message, { ...options, kind: "damaged" });
  }
}

/** No object opens with the password given. */
export class WrongPasswordError extends BackupError {
  constructor(message: string, options: Omit<BackupErrorOptions, "kind"> = {}) {
    super("crypto", message, { ...options, kind: "wrong-password" });
  }
}

/** A guard stopped what looked like an accident; nothing was marked or removed. */
export class RefusedError extends BackupError {
  constructor(side: Side, message: string, options: Omit<BackupErrorOptions, "kind"> = {}) {
    super(side, message, { ...options, kind: "refused" });
  }
}

/** The run was told to stop. */
export class InterruptedError extends BackupError {
  constructor() {
    super("internal", "interrupted", { kind: "interrupted" });
  }
}

/** A source file changed while it was read, more often than we retry. */
export class FileChangedError extends BackupError {
  constructor(path: string) {
    super("source", "changed while it was being read", {
      path,
      code: "ECHANGED",
      remedy: "the next run tries again; back up from a snapshot if the file never rests",
    });
  }
}

/** The `code` of a Node or SDK error, when it has one. */
export function errorCode(cause: unknown): string | undefined {
  if (typeof cause !== "object" || cause === null || !("code" in cause)) return undefined;
  const { code } = cause;
  if (typeof code !== "string") return undefined;
  return UNNAMED.test(code) && "errno" in cause ? systemName(Number(cause.errno)) : code;
}

/** Node's codes, of calls that wait and of promises, where libuv has no name: of a full quota, or a stale handle of NFS. */
const UNNAMED = /^UNKNOWN$|^Unknown system error/;

/** @param errno negative, as Node has it. */
function systemName(errno: number): string {
  const found = Object.entries(constants.errno).find(([, number]) => number === -errno);
  return found?.[0] ?? `errno ${-errno}`;
}

/** The code of an error, else its message. */
export function reasonOf(thrown: unknown): string {
  return errorCode(thrown) ?? messageOf(thrown);
}

/** A thrown value's message, whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What of an error can cross a thread or be counted after the error itself is gone. */
export interface ErrorReport {
  readonly side: Side;
  readonly kind: ErrorKind;
  readonly message: string;
  readonly path?: string;
  readonly remedy?: string;
  readonly code?: string;
}

/** Flattens any thrown value into plain data. An error that is not ours counts as a failure of `side`. */
export function reportOf(thrown: unknown, side: Side, path?: string): ErrorReport {
  if (thrown instanceof BackupError) {
    const where = thrown.path ?? path;
    return {
      side: thrown.side,
      kind: thrown.kind,
      message: thrown.message,
      ...(where !== undefined && { path: where }),
      ...(thrown.remedy !== undefined && { remedy: thrown.remedy }),
      ...(thrown.code !== undefined && { code: thrown.code }),
    };
  }
  const code = errorCode(thrown);
  return {
    side,
    kind: "failed",
    message: messageOf(thrown),
    ...(path !== undefined && { path }),
    ...(code !== undefined && { code }),
  };
}
