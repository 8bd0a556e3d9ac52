/** The trailer: all that changes between the versions of a file (docs/format.md, sections 5.3 and 9). */

import { label } from "../../crypto/hmac.ts";
import { openMessage, sealMessage } from "../../crypto/message.ts";
import type { FileKeys } from "../../crypto/segmented-keys.ts";
import { BackupError } from "../../errors.ts";
import { bytesOfPath, pathOfBytes } from "../../names/path-text.ts";
import { ExtentTable, extentBytes } from "./extents.ts";
import { failure } from "./failure.ts";
import { checkFields, type Field, parseFields, sizeOfFields, writeFields } from "./fields.ts";
import type { Header } from "./header.ts";
import { formatLocator, TRAILER_MOST } from "./locator.ts";

export type RecordType = "file" | "manifest" | "tombstone";

/** What a record is about, as the name of its object says too. */
export interface RecordMeta {
  readonly type: RecordType;
  /** Path text (path-text.ts). */
  readonly path: string;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  readonly size: number;
  /** 16 bytes. */
  readonly md5: Uint8Array;
  /** In ascending order of their types. */
  readonly fields: readonly Field[];
}

export interface Trailer extends RecordMeta {
  readonly extents: ExtentTable;
  /** Where the sealed trailer begins. */
  readonly bodyEnd: number;
}

const TYPES: readonly RecordType[] = ["file", "manifest", "tombstone"];
const PATH_AT = 32;
const U48_MOST = 2 ** 48 - 1;
const SEALED = label("trailer");

/** Bytes of a trailer's plaintext. */
export function trailerBytes(
  pathBytes: number,
  extents: number,
  positioned: boolean,
  fields: readonly Field[],
): number {
  return (
    PATH_AT + pathBytes + 4 + (positioned ? 6 : 0) + extents * extentBytes(positioned) + sizeOfFields(fields)
  );
}

/** Sealed trailer and locator: what follows a body that ends at `bodyEnd`. Throws BackupError (ERANGE). */
export function sealTrailer(
  keys: FileKeys,
  header: Header,
  meta: RecordMeta,
  table: Buffer,
  positioned: boolean,
  bodyEnd: number,
): Buffer {
  const plain = formatTrailer(meta, table, positioned, bodyEnd);
  const id = keys.trailerId(header.bytes, plain);
  const [body, tag] = sealMessage(header.cipher, keys.trailerKey(id), associatedData(id, header), plain);
  return Buffer.concat([body, tag, formatLocator(body.length + tag.length, id)]);
}

/**
 * Opens and checks a trailer.
 *
 * @param bodyEnd where it was found.
 * @throws DamagedError (ETRAILER).
 */
export function openTrailer(
  keys: FileKeys,
  header: Header,
  id: Buffer,
  sealed: Uint8Array,
  bodyEnd: number,
): Trailer {
  const plain = openMessage(header.cipher, keys.trailerKey(id), associatedData(id, header), sealed);
  if (plain === undefined) throw failure("trailer", "does not authenticate: it was changed or mixed up");
  return parseTrailer(plain, header, bodyEnd);
}

function formatTrailer(meta: RecordMeta, table: Buffer, positioned: boolean, bodyEnd: number): Buffer {
  const path = bytesOfPath(meta.path);
  const width = extentBytes(positioned);
  const length = trailerBytes(path.length, table.length / width, positioned, meta.fields);
  checkRange(meta, path, length);
  const out = Buffer.allocUnsafe(length);
  out.writeUInt8(TYPES.indexOf(meta.type) + 1, 0);
  out.writeUInt8(positioned ? 1 : 0, 1);
  out.writeUInt16BE(path.length, 2);
  out.writeUIntBE(meta.mtime, 4, 6);
  out.writeUIntBE(meta.size, 10, 6);
  out.set(meta.md5, 16);
  out.set(path, PATH_AT);
  let at = out.writeUInt32BE(table.length / width, PATH_AT + path.length);
  if (positioned) at = out.writeUIntBE(bodyEnd, at, 6);
  out.set(table, at);
  writeFields(out, at + table.length, meta.fields);
  return out;
}

function parseTrailer(plain: Buffer, header: Header, bodyEnd: number): Trailer {
  const type = TYPES[plain.readUInt8(0) - 1];
  if (type === undefined) throw failure("trailer", "is a record of a type unknown to this version");
  const form = plain.readUInt8(1);
  if (form > 1) throw failure("trailer", "has a table of a form unknown to this version");
  const positioned = form === 1;
  const pathEnd = PATH_AT + plain.readUInt16BE(2);
  const tableAt = pathEnd + 4 + (positioned ? 6 : 0);
  if (pathEnd === PATH_AT || tableAt > plain.length) throw failure("trailer", "has lengths that do not fit");
  const tableEnd = tableAt + plain.readUInt32BE(pathEnd) * extentBytes(positioned);
  if (tableEnd > plain.length) throw failure("trailer", "has lengths that do not fit");
  if (positioned && plain.readUIntBE(pathEnd + 4, 6) !== bodyEnd) {
    throw failure("trailer", "has a body of another length");
  }
  const bodyStart = header.bytes.length;
  if (bodyEnd < bodyStart) throw failure("trailer", "has a trailer that begins in its header");
  const extents = new ExtentTable(plain.subarray(tableAt, tableEnd), positioned, bodyStart);
  extents.check(2 ** header.blockLog, bodyStart, bodyEnd);
  const fields = parseFields(plain.subarray(tableEnd));
  checkFields(fields, type);
  const size = plain.readUIntBE(10, 6);
  if (type === "tombstone" ? extents.count > 0 : extents.plainLength !== size) {
    throw failure("trailer", "has blocks that do not make up its size");
  }
  return {
    type,
    path: pathOfBytes(plain.subarray(PATH_AT, pathEnd)),
    mtime: plain.readUIntBE(4, 6),
    size,
    md5: plain.subarray(16, PATH_AT),
    fields,
    extents,
    bodyEnd,
  };
}

function checkRange({ mtime, size, path: text }: RecordMeta, path: Buffer, length: number): void {
  const inRange = (value: number) => Number.isSafeInteger(value) && value >= 0 && value <= U48_MOST;
  if (
    path.length === 0 ||
    path.length > 0xffff ||
    !inRange(mtime) ||
    !inRange(size) ||
    length > TRAILER_MOST
  ) {
    throw new BackupError("source", "its path, time or size is beyond what an object can hold", {
      path: text,
      code: "ERANGE",
    });
  }
}

function associatedData(id: Uint8Array, header: Header): Buffer {
  return Buffer.concat([SEALED, id, header.bytes]);
}
