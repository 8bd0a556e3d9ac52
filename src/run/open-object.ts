/**
 * Reading a stored object back, whole or as a stream, with everything checked that can be.
 */
import { type ClassicSettings, openStream, openWhole, WHOLE_LIMIT } from "../container/classic.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import { DamagedError, errorCode, StorageError } from "../errors.ts";
import type { StoredVersion } from "../names/stored-name.ts";
import type { Storage } from "../storage/storage.ts";

const SAMPLE_BYTES = 64 * 1024;

export interface OpenContext {
  readonly destination: Storage;
  readonly classic: ClassicSettings;
  readonly keyRing: KeyRing | undefined;
  readonly signal: AbortSignal;
}

/** Whether a version is opened in memory at once; larger ones stream. */
export function opensWhole(version: StoredVersion): boolean {
  return version.size <= WHOLE_LIMIT;
}

/** The verified original of a small version. Throws `DamagedError`, or the storage's error. */
export async function readOriginal(version: StoredVersion, context: OpenContext): Promise<Buffer> {
  const most = longestStored(version.size);
  const stored = await readUpTo(most + 1, version, context);
  if (stored.length > most) {
    throw new DamagedError("is longer than an object of its size can be", { path: version.path });
  }
  return openWhole(stored, version, context.classic, context.keyRing);
}

/** The bytes of a small object, or the beginning of a large one: enough to see how it was made. */
export function readSample(version: StoredVersion, context: OpenContext): Promise<Buffer> {
  return readUpTo(opensWhole(version) ? longestStored(version.size) : SAMPLE_BYTES, version, context);
}

/** An object under a small file's name may be of any length if it is not ours: never read more than ours can be. */
function readUpTo(bytes: number, version: StoredVersion, context: OpenContext): Promise<Buffer> {
  return reading(version, () =>
    context.destination.readWhole(version.key, { range: { start: 0, end: bytes }, signal: context.signal }),
  );
}

/**
 * The original of any version in pieces. They are *unverified* until the last has come and the generator has
 * returned; it throws `DamagedError` at the latest then, and never gives more than the version's size.
 */
export async function* streamOriginal(version: StoredVersion, context: OpenContext): AsyncGenerator<Buffer> {
  const stored = context.destination.read(version.key, { signal: context.signal });
  yield* openStream(stored, version, context.classic, context.keyRing);
}

/** Compression and containers add little; anything above this is not an object of ours. */
function longestStored(size: number): number {
  return size + Math.ceil(size / 100) + 64 * 1024;
}

/** An object that was listed and is gone now is named by its path, like every other failure. */
async function reading<T>(version: StoredVersion, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    throw new StorageError("destination", "has gone from the destination since it was listed", {
      path: version.path,
      code: "ENOENT",
      remedy: "another run may have replaced it: run again",
    });
  }
}
