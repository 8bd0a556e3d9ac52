/** Opening an object: header, key check, locator, trailer, and whether it is what its name says. */

import type { SegmentedKeyRing } from "../../crypto/segmented-key-ring.ts";
import type { FileKeys } from "../../crypto/segmented-keys.ts";
import { parseManifestPath } from "../../names/manifest-name.ts";
import type { Stamp } from "../../names/stamp.ts";
import { md5ToBase36 } from "../../names/stored-name.ts";
import { failure, type Layer, withPath } from "./failure.ts";
import { tombstonePeriod } from "./fields.ts";
import { type Header, parseHeader, type ReadPolicy, unlockHeader } from "./header.ts";
import { parseLocator, TAIL_BYTES, trailerIn } from "./locator.ts";
import { openTrailer, type Trailer } from "./trailer.ts";

/** What the name of an object says. */
export interface ExpectedRecord {
  readonly path: string;
  readonly mtime: number;
  readonly size: number;
  /** Canonical base 36. */
  readonly md5: string;
  /** As its name says: a tombstone repeats it. Absent: that of no tombstone. */
  readonly stamp?: Stamp;
}

/** An object whose header and trailer have authenticated. */
export interface OpenedObject {
  readonly header: Header;
  readonly keys: FileKeys;
  readonly trailer: Trailer;
  /** Of the whole object. */
  readonly length: number;
}

/** What is needed to open objects. */
export interface Reading extends ReadPolicy {
  readonly ring: SegmentedKeyRing;
}

/** Gives the bytes [start, end) of an object, all of them, in pieces of any size, whose memory nobody else needs. */
export type ReadRange = (start: number, end: number) => AsyncIterable<Buffer>;

/**
 * Opens an object of which all bytes are at hand. They have to stay as they are.
 *
 * @param expected undefined when there is no name to compare it with.
 * @throws DamagedError: EHEADER, EKEY, ETRAILER. ConfigError without a password.
 */
export function openStored(
  stored: Buffer,
  expected: ExpectedRecord | undefined,
  reading: Reading,
): OpenedObject {
  const header = parseHeader(stored);
  const keys = unlockHeader(header, reading.ring, reading);
  const locator = parseLocator(stored, stored.length);
  const sealed = stored.subarray(locator.start, locator.start + locator.length);
  return finishOpening(header, keys, sealed, locator, stored.length, expected);
}

/**
 * Opens an object of any size by reading its two ends: two requests, three for tables of more than 128 KiB.
 *
 * @throws as `openStored`; errors of `readRange` pass unchanged.
 */
export async function openObject(
  length: number,
  readRange: ReadRange,
  expected: ExpectedRecord | undefined,
  reading: Reading,
): Promise<OpenedObject> {
  try {
    return await openEnds(length, readRange, expected, reading);
  } catch (error) {
    throw expected === undefined ? error : withPath(error, expected.path);
  }
}

async function openEnds(
  length: number,
  readRange: ReadRange,
  expected: ExpectedRecord | undefined,
  reading: Reading,
): Promise<OpenedObject> {
  const tailStart = Math.max(0, length - TAIL_BYTES);
  const [start, end] = await Promise.all([
    tailStart === 0 ? Buffer.alloc(0) : collect(readRange, 0, HEAD_BYTES, "header"),
    collect(readRange, tailStart, length, "header"),
  ]);
  let tail = end;
  const header = parseHeader(tailStart === 0 ? tail : start);
  const keys = unlockHeader(header, reading.ring, reading);
  const locator = parseLocator(tail, length);
  let found = trailerIn(tail, locator, length);
  if ("missing" in found) {
    tail = Buffer.concat([await collect(readRange, ...found.missing, "trailer"), tail]);
    found = trailerIn(tail, locator, length);
  }
  const sealed = "sealed" in found ? found.sealed : Buffer.alloc(0);
  return finishOpening(header, keys, sealed, locator, length, expected);
}

/** All bytes of a range. Throws DamagedError of the layer when the object is shorter. */
export async function collect(
  readRange: ReadRange,
  start: number,
  end: number,
  layer: Layer,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of readRange(start, end)) {
    pieces.push(piece);
    bytes += piece.length;
  }
  if (bytes !== end - start) throw failure(layer, "is shorter than its storage says");
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces, bytes);
}

/** A password's key source fits; one that is longer is unknown to this version anyway. */
const HEAD_BYTES = 256;

function finishOpening(
  header: Header,
  keys: FileKeys,
  sealed: Buffer,
  locator: { readonly start: number; readonly id: Buffer },
  length: number,
  expected: ExpectedRecord | undefined,
): OpenedObject {
  const trailer = openTrailer(keys, header, locator.id, sealed, locator.start);
  checkRecord(trailer, expected);
  return { header, keys, trailer, length };
}

function checkRecord(trailer: Trailer, expected: ExpectedRecord | undefined): void {
  if (trailer.type === "manifest" && parseManifestPath(trailer.path) === undefined) {
    throw failure("trailer", "is a metadata manifest of another name");
  }
  if (expected === undefined) return;
  const { path, mtime, size, md5, stamp } = expected;
  if (trailer.path !== path) throw failure("trailer", "is of another path than its name says");
  if (trailer.mtime !== mtime || trailer.size !== size || md5ToBase36(trailer.md5) !== md5) {
    throw failure("trailer", "is another version than its name says");
  }
  const period = tombstonePeriod(trailer.fields);
  const marks = stamp?.form === "marker" ? stamp : undefined;
  if (period?.began !== marks?.began || period?.ceased !== marks?.ceased) {
    throw failure("trailer", "marks another version, or is no tombstone, or is one, unlike its name");
  }
}
