/** The further fields of a trailer: optional ones, and ones that a reader must understand (docs/format.md, 5.3). */

import { isPeriod } from "../../names/stamp.ts";
import { failure } from "./failure.ts";

export interface Field {
  /** 16 bits; from `REQUIRED` on a reader must know it. */
  readonly type: number;
  readonly value: Uint8Array;
}

export const REQUIRED = 0x8000;
const USER_METADATA = 0x0001;
const TOMBSTONE = 0x8001;
const HEAD_BYTES = 6;

export function sizeOfFields(fields: readonly Field[]): number {
  return fields.reduce((sum, { value }) => sum + HEAD_BYTES + value.length, 0);
}

export function writeFields(out: Buffer, at: number, fields: readonly Field[]): void {
  let next = at;
  for (const { type, value } of fields) {
    next = out.writeUInt16BE(type, next);
    next = out.writeUInt32BE(value.length, next);
    out.set(value, next);
    next += value.length;
  }
}

/** Throws DamagedError (ETRAILER) when they do not fit exactly or do not ascend. */
export function parseFields(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let last = -1;
  for (let at = 0; at < bytes.length; ) {
    if (at + HEAD_BYTES > bytes.length) throw failure("trailer", "has a field that is cut off");
    const type = bytes.readUInt16BE(at);
    const end = at + HEAD_BYTES + bytes.readUInt32BE(at + 2);
    if (end > bytes.length) throw failure("trailer", "has a field that is cut off");
    if (type <= last) throw failure("trailer", "has fields out of order");
    fields.push({ type, value: Buffer.from(bytes.subarray(at + HEAD_BYTES, end)) });
    last = type;
    at = end;
  }
  return fields;
}

/** Throws DamagedError (ETRAILER) for required fields that are unknown, or missing, or where they must not be. */
export function checkFields(fields: readonly Field[], type: string): void {
  const unknown = fields.find((field) => field.type >= REQUIRED && field.type !== TOMBSTONE);
  if (unknown !== undefined) {
    throw failure(
      "trailer",
      `needs a feature (${unknown.type}) unknown to this version`,
      "use a newer release",
    );
  }
  const mark = fields.find((field) => field.type === TOMBSTONE);
  if ((mark !== undefined) !== (type === "tombstone")) {
    throw failure("trailer", "is a tombstone without its mark, or the reverse");
  }
  if (mark !== undefined && tombstonePeriod(fields) === undefined) {
    throw failure("trailer", "is a tombstone with a strange mark");
  }
  const user = fields.find((field) => field.type === USER_METADATA);
  if (user !== undefined && parseUserMetadata(user.value) === undefined) {
    throw failure("trailer", "has strange user metadata");
  }
}

/** The field of a tombstone: when the version that it marks was live, in seconds since 1970. */
export function tombstoneField(began: number, ceased: number): Field {
  const value = Buffer.alloc(12);
  value.writeUIntBE(began, 0, 6);
  value.writeUIntBE(ceased, 6, 6);
  return { type: TOMBSTONE, value };
}

/** What a tombstone marks; undefined when there is no such field, or none in good order. */
export function tombstonePeriod(fields: readonly Field[]): { began: number; ceased: number } | undefined {
  const value = fields.find((field) => field.type === TOMBSTONE)?.value;
  if (value?.length !== 12) return undefined;
  const bytes = Buffer.from(value);
  const began = bytes.readUIntBE(0, 6);
  const ceased = bytes.readUIntBE(6, 6);
  return isPeriod(began, ceased) ? { began, ceased } : undefined;
}

/** The field for headers of an S3 source: content type and `x-amz-meta-*`, names in lower case. */
export function userMetadataField(metadata: ReadonlyMap<string, string>): Field {
  const entries = Array.from(metadata, ([name, value]) => [Buffer.from(name), Buffer.from(value)] as const);
  entries.sort(([a], [b]) => Buffer.compare(a, b));
  const pieces: Buffer[] = [];
  for (const piece of entries.flat()) {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(piece.length);
    pieces.push(length, piece);
  }
  return { type: USER_METADATA, value: Buffer.concat(pieces) };
}

/** A record's fields with other user metadata. */
export function withUserMetadata(
  fields: readonly Field[],
  metadata: ReadonlyMap<string, string>,
): readonly Field[] {
  const others = fields.filter(({ type }) => type !== USER_METADATA);
  const all = metadata.size > 0 ? [...others, userMetadataField(metadata)] : others;
  return all.sort((a, b) => a.type - b.type);
}

/** The user metadata of a record; empty when it has none. */
export function userMetadata(fields: readonly Field[]): Map<string, string> {
  const value = fields.find((field) => field.type === USER_METADATA)?.value;
  return (value && parseUserMetadata(value)) ?? new Map();
}

function parseUserMetadata(value: Uint8Array): Map<string, string> | undefined {
  const bytes = Buffer.from(value);
  const metadata = new Map<string, string>();
  const texts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 <= bytes.length ? at + 2 + bytes.readUInt16BE(at) : Number.POSITIVE_INFINITY;
    if (end > bytes.length) return undefined;
    texts.push(bytes.subarray(at + 2, end));
    at = end;
  }
  if (texts.length % 2 !== 0) return undefined;
  for (let i = 0; i < texts.length; i += 2) {
    const [before, name, text] = [texts[i - 2], texts[i] as Buffer, texts[i + 1] as Buffer];
    if (before !== undefined && Buffer.compare(before, name) >= 0) return undefined;
    metadata.set(name.toString(), text.toString());
  }
  return metadata;
}
