/** Stored names made by hand, without the code that is under test. */

/** The deleted field of a version that was live from one second up to another (docs/format.md, section 2.1). */
export function periodField(began: number, ceased: number): string {
  return ceased.toString(36) + began.toString(36).padStart(7, "0");
}
