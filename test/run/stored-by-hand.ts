/** Stored names made by hand from docs/format.md, without the code that is under test. */
import { md5 } from "./world.ts";

/** The deleted field of a version that was live from one second up to another (section 2.1). */
export function periodField(began: number, ceased: number): string {
  return ceased.toString(36) + began.toString(36).padStart(7, "0");
}

/** A plain name (section 2). Times in seconds since 1970; the period counts unless it is live. */
export function storedName(
  path: string,
  mtime: number,
  content: string,
  form: "live" | "stamp" | "marker",
  began = 0,
  ceased = 0,
): string {
  const marker = `1${ceased.toString(36).padStart(7, "0")}${began.toString(36).padStart(7, "0")}`;
  const field = { live: "0", stamp: periodField(began, ceased), marker }[form];
  const digest = BigInt(`0x${md5(content)}`).toString(36);
  const size = Buffer.byteLength(content).toString(36);
  return `${path}.${mtime.toString(36)}.${size}.${digest}.${field}.enc`;
}
