/** The outside of a Zstandard frame (RFC 8878, section 3.1.1). */

const MAGIC = 0xfd2fb528;
const DESCRIPTOR_AT = 4;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
/** Blocks of one repeated byte hold that alone. */
const REPEATED = 1;

/** By what the frame's descriptor says of them. */
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const SIZE_BYTES = [0, 2, 4, 8] as const;

/**
 * Whether data is one frame from its first byte to its last, by what its blocks say of their lengths; not whether these can be
 * decoded. Node 22 takes a frame without its end for a whole one, and Node 26 reads one frame after another.
 */
export function isOneFrame(data: Buffer): boolean {
  if (data.length <= DESCRIPTOR_AT || data.readUInt32LE(0) !== MAGIC) return false;
  const descriptor = data[DESCRIPTOR_AT] as number;
  let at = DESCRIPTOR_AT + headerBytes(descriptor);
  for (let isLast = false; !isLast; ) {
    if (at + BLOCK_HEADER_BYTES > data.length) return false;
    const header = data.readUIntLE(at, BLOCK_HEADER_BYTES);
    isLast = (header & 1) === 1;
    at += BLOCK_HEADER_BYTES + (((header >> 1) & 3) === REPEATED ? 1 : header >> 3);
  }
  const hasChecksum = ((descriptor >> 2) & 1) === 1;
  return at + (hasChecksum ? CHECKSUM_BYTES : 0) === data.length;
}

/** From the descriptor to the first block. A frame of a single segment tells its size, and no window. */
function headerBytes(descriptor: number): number {
  const isSingle = ((descriptor >> 5) & 1) === 1;
  const size = SIZE_BYTES[(descriptor >> 6) as 0 | 1 | 2 | 3];
  const dictionary = DICTIONARY_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3];
  return 1 + dictionary + (isSingle ? Math.max(1, size) : 1 + size);
}
