/** Plain names with any stamp, for vectors. */

import { hash } from "node:crypto";
import { formatStamp, LIVE, type Stamp } from "../../src/names/stamp.ts";

export function nameOf(record: {
  path: string;
  mtime: number;
  size: number;
  md5: string;
  stamp?: Stamp;
}): string {
  const { path, mtime, size, md5, stamp = LIVE } = record;
  return `${path}.${mtime.toString(36)}.${size.toString(36)}.${md5}.${formatStamp(stamp)}.enc`;
}

export const md5Of = (content: Buffer): Buffer => hash("md5", content, "buffer");
