/**
 * Opening one stored object, wherever it lies: a file that was copied out of a destination, say.
 *
 * A segmented object needs nothing but the password. A classic one says neither size nor md5, so its file must still
 * have its stored name.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Config } from "../../config/config.ts";
import { openStream as openClassicStream } from "../../container/classic.ts";
import {
  hasMagic,
  type OpenedObject,
  openObject,
  openStream,
  SNIFF_BYTES,
} from "../../container/segmented.ts";
import { ConfigError, DamagedError, StorageError } from "../../errors.ts";
import { parseSealedName } from "../../names/sealed-name.ts";
import { parseStoredName, type StoredVersion } from "../../names/stored-name.ts";
import { LocalStorage } from "../../storage/local/local-storage.ts";
import { classicSettings } from "../object/classic-settings.ts";
import { openKeys, type RunKeys } from "../object/keys.ts";
import { readingOf } from "../object/open-object.ts";

/** An object found and, as far as that goes without its content, authenticated. */
export interface OpenedFile {
  /** The path of the original, as the object or its name says; unescaped. */
  readonly path: string;
  /** Bytes of the original. */
  readonly size: number;
  /** Whether each piece of `read` is authenticated by itself; otherwise only the end of the stream vouches for all. */
  readonly authenticatesPieces: boolean;
  /** The original; throws `DamagedError` at the latest at its end. Each call reads from the beginning. */
  read(signal: AbortSignal): AsyncIterable<Buffer>;
}

/**
 * @param config only what concerns encryption and compression is used.
 * @throws DamagedError; WrongPasswordError is not told from damage here, since there is only this one object.
 */
export async function openFile(file: string, config: Config): Promise<OpenedFile> {
  const storage = new LocalStorage(path.dirname(file), "source");
  const key = path.basename(file);
  const stat = await storage.stat(key);
  if (stat === undefined) throw noObject(file);
  const keys = await openKeys(config);
  const start = await storage.readWhole(key, { range: { start: 0, end: SNIFF_BYTES } });
  const named = versionOf(key, config, keys);
  if (hasMagic(start)) {
    try {
      return await openSegmented(storage, key, stat.size, config, keys);
    } catch (error) {
      // Content that was stored as it is may begin with anything, our magic included.
      if (!(error instanceof DamagedError) || named === undefined || named.size !== stat.size) throw error;
    }
  }
  if (named === undefined) {
    throw new ConfigError("an object of the classic layout is only opened under its stored name", {
      path: file,
      remedy: "give the file the name that it had at the destination",
    });
  }
  return {
    path: named.path,
    size: named.size,
    authenticatesPieces: false,
    read: (signal) =>
      openClassicStream(storage.read(key, { signal }), named, classicSettings(config), keys.classic),
  };
}

/** For what no storage takes for an object. */
function noObject(file: string): StorageError {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  if (found === undefined) {
    return new StorageError("source", "does not exist", { path: file, code: "ENOENT" });
  }
  if (found.isDirectory()) {
    const remedy = "give one of the files in it; backup restore opens a whole destination";
    return new StorageError("source", "is a folder", { path: file, code: "EISDIR", remedy });
  }
  const remedy = "copy what it gives into a file, under its stored name";
  return new StorageError("source", "is no regular file", { path: file, code: "ENOTFILE", remedy });
}

async function openSegmented(
  storage: LocalStorage,
  key: string,
  length: number,
  config: Config,
  keys: RunKeys,
): Promise<OpenedFile> {
  const signal = new AbortController().signal;
  const context = { config, keys, destination: storage, signal };
  const ranges = (given: AbortSignal) => (from: number, to: number) =>
    storage.read(key, { range: { start: from, end: to }, signal: given });
  const object: OpenedObject = await openObject(length, ranges(signal), undefined, readingOf(context));
  return {
    path: object.trailer.path,
    size: object.trailer.size,
    authenticatesPieces: true,
    read: (given) => openStream(object, ranges(given), { parallel: 1 }),
  };
}

function versionOf(key: string, { encryptionType }: Config, { classic }: RunKeys): StoredVersion | undefined {
  return (
    parseStoredName(key) ??
    (classic === undefined ? undefined : parseSealedName(key, classic, encryptionType))
  );
}
