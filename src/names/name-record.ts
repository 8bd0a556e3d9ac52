/** What is inside an encrypted name of the segmented form: fixed binary fields, then the path (format.md, section 10). */

import { BackupError } from "../errors.ts";
import { bytesOfPath, pathOfBytes } from "./path-text.ts";
import { isCondemnation, isDate, isPeriod, LIVE, type Stamp } from "./stamp.ts";
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

/** Forms of the deleted field, by their number. */
const LIVE_FORM = 0;
const DATE_FORM = 1;
const STAMP_FORM = 2;
const MARKER_FORM = 3;
/** Added to the last two where the version is condemned. */
const CONDEMNED = 2;
const STAMP_BYTES = [0, 4, 12, 12, 18, 18];
const FIXED_BYTES = 28;
const U48_MOST = 2 ** 48 - 1;

/** Throws BackupError (ERANGE) for a time or a size beyond 48 bits. */
export function formatNameRecord({ path, mtime, size, md5, stamp }: NameRecord): Buffer {
  if (mtime > U48_MOST || size > U48_MOST) {
    throw new BackupError(
      "source",
      "its modification time or size is beyond what an encrypted name can hold",
      {
        path,
        code: "ERANGE",
        remedy: "give the file another time, for example with touch",
      },
    );
  }
  const pathBytes = bytesOfPath(path);
  const form = formNumber(stamp);
  const fixedAt = 1 + (STAMP_BYTES[form] as number);
  const out = Buffer.allocUnsafe(fixedAt + FIXED_BYTES + pathBytes.length);
  out.writeUInt8(form, 0);
  if (stamp.form === "date") out.writeUInt32BE(stamp.date, 1);
  if (stamp.form === "stamp" || stamp.form === "marker") {
    let at = 1;
    if (stamp.condemned !== undefined) at = out.writeUIntBE(stamp.condemned, at, 6);
    out.writeUIntBE(stamp.ceased, at, 6);
    out.writeUIntBE(stamp.began, at + 6, 6);
  }
  out.writeUIntBE(mtime, fixedAt, 6);
  out.writeUIntBE(size, fixedAt + 6, 6);
  out.set(md5FromBase36(md5), fixedAt + 12);
  out.set(pathBytes, fixedAt + FIXED_BYTES);
  return out;
}

/** Inverse of `formatNameRecord`; undefined for what it does not write. */
export function parseNameRecord(bytes: Buffer): NameRecord | undefined {
  const form = bytes[0] as number;
  const stampBytes = STAMP_BYTES[form];
  if (stampBytes === undefined) return undefined;
  const fixedAt = 1 + stampBytes;
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

function formNumber(stamp: Stamp): number {
  if (stamp.form === "live") return LIVE_FORM;
  if (stamp.form === "date") return DATE_FORM;
  const form = stamp.form === "stamp" ? STAMP_FORM : MARKER_FORM;
  return stamp.condemned === undefined ? form : form + CONDEMNED;
}

function parseForm(number: number, bytes: Buffer): Stamp | undefined {
  if (number === LIVE_FORM) return LIVE;
  if (number === DATE_FORM) {
    const date = bytes.readUInt32BE(1);
    return isDate(date) ? { form: "date", date } : undefined;
  }
  const isCondemned = number >= STAMP_FORM + CONDEMNED;
  const form = (isCondemned ? number - CONDEMNED : number) === STAMP_FORM ? "stamp" : "marker";
  const at = isCondemned ? 7 : 1;
  const ceased = bytes.readUIntBE(at, 6);
  const began = bytes.readUIntBE(at + 6, 6);
  if (!isPeriod(began, ceased)) return undefined;
  if (!isCondemned) return { form, began, ceased };
  const condemned = bytes.readUIntBE(1, 6);
  return isCondemnation(condemned) ? { form, began, ceased, condemned } : undefined;
}
