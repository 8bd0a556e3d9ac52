/**
 * How objects are cut into parts. Pure.
 *
 * Limits (S3 user guide, "Multipart upload limits"): at most 10,000 parts; each but the last at least 5 MiB; none
 * above 5 GiB. Swift stops at 1,000 parts and others want all parts alike, so parts are uniform and, up to
 * 32 GiB, no more than a thousand.
 */

const MIB = 2 ** 20;

export const MIN_PART_BYTES = 5 * MIB;
export const MAX_PARTS = 10_000;
const USUAL_PART_BYTES = 8 * MIB;
/** Until this size, parts grow to stay within a thousand of them; from there on only to stay within 10,000. */
const COMFORTABLE_PART_BYTES = 32 * MIB;
const COMFORTABLE_PARTS = 1000;
const BYTES_IN_FLIGHT = 48 * MIB;
const COPY_PART_BYTES = 256 * MIB;
const MAX_PART_BYTES = 5 * 2 ** 30;

/** The part size for an object of at most `size` bytes; a multiple of 1 MiB. */
export function partBytesFor(size: number): number {
  const forThousand = Math.min(inMiB(size / COMFORTABLE_PARTS), COMFORTABLE_PART_BYTES);
  return Math.max(USUAL_PART_BYTES, forThousand, inMiB(size / MAX_PARTS));
}

/** How many parts of this size may be on the wire at once: their buffers are the memory of a writer. */
export function partsInFlight(partBytes: number): number {
  return Math.max(1, Math.min(3, Math.floor(BYTES_IN_FLIGHT / partBytes)));
}

/**
 * Cuts bytes `[start, end)` of an object into even ranges for UploadPartCopy, none below `MIN_PART_BYTES` unless
 * all of it is, none above 5 GiB.
 */
export function copyRanges(start: number, end: number): { start: number; end: number }[] {
  const length = end - start;
  if (length <= 0) return [];
  const each = Math.min(MAX_PART_BYTES, Math.max(COPY_PART_BYTES, inMiB(length / COMFORTABLE_PARTS)));
  const count = Math.ceil(length / each);
  const edge = (index: number) => start + Math.floor((length * index) / count);
  return Array.from({ length: count }, (_, index) => ({ start: edge(index), end: edge(index + 1) }));
}

function inMiB(bytes: number): number {
  return Math.ceil(bytes / MIB) * MIB;
}
