/** What is inside an encrypted name of the segmented form: fixed binary fields, then the path (format.md, section 10). */

import { bytesOfPath, pathOfBytes } from "./path-text.ts";
import { isDate, isPeriod, type Stamp } from "./stamp.ts";
import { md5FromBase36, md5ToBase36 } from "./stored-name.ts";

/** What a name says. */
export interface NameRecord {
  /** Path text. */
  readonly path: string;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  readonly size: number;
  /** Canonical base 36. */
  readonly md5: string;
  readonly stamp: Stamp;
}

const FORMS: readonly Stamp["form"][] = ["live", "date", "stamp", "marker"];
const STAMP_BYTES = [0, 4, 12, 12];
const FIXED_BYTES = 28;
/** All but the path, at most. */
export const NAME_RECORD_MOST = 1 + 12 + FIXED_BYTES;

/** Throws RangeError for numbers beyond 48 bits, which no stored file has. */
export function formatNameRecord({ path, mtime, size, md5, stamp }: NameRecord): Buffer {
  const pathBytes = bytesOfPath(path);
  const form = FORMS.indexOf(stamp.form);
  const fixedAt = 1 + (STAMP_BYTES[form] as number);
  const out = Buffer.allocUnsafe(fixedAt + FIXED_BYTES + pathBytes.length);
  out.writeUInt8(form, 0);
  if (stamp.form === "date") out.writeUInt32BE(stamp.date, 1);
  if (stamp.form === "stamp" || stamp.form === "marker") {
    out.writeUIntBE(stamp.ceased, 1, 6);
    out.writeUIntBE(stamp.began, 7, 6);
  }
  out.writeUIntBE(mtime, fixedAt, 6);
  out.writeUIntBE(size, fixedAt + 6, 6);
  out.set(md5FromBase36(md5), fixedAt + 12);
  out.set(pathBytes, fixedAt + FIXED_BYTES);
  return out;
}

/** Inverse of `formatNameRecord`; undefined for what it does not write. */
export function parseNameRecord(bytes: Buffer): NameRecord | undefined {
  const form = FORMS[bytes[0] as number];
  if (form === undefined) return undefined;
  const fixedAt = 1 + (STAMP_BYTES[bytes[0] as number] as number);
  const pathAt = fixedAt + FIXED_BYTES;
  if (bytes.length <= pathAt) return undefined;
  const stamp = parseForm(form, bytes);
  if (stamp === undefined) return undefined;
  return {
    path: pathOfBytes(bytes.subarray(pathAt)),
    mtime: bytes.readUIntBE(fixedAt, 6),
    size: bytes.readUIntBE(fixedAt + 6, 6),
    md5: md5ToBase36(bytes.subarray(fixedAt + 12, pathAt)),
    stamp,
  };
}

function parseForm(form: Stamp["form"], bytes: Buffer): Stamp | undefined {
  if (form === "live") return { form };
  if (form === "date") {
    const date = bytes.readUInt32BE(1);
    return isDate(date) ? { form, date } : undefined;
  }
  const ceased = bytes.readUIntBE(1, 6);
  const began = bytes.readUIntBE(7, 6);
  return isPeriod(began, ceased) ? { form, began, ceased } : undefined;
}
