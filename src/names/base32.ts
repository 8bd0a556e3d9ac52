/**
 * base32hex (RFC 4648, section 7) in lower case without padding: linear in the length, safe where upper and lower
 * case are one, and in order of the bytes.
 */

const ALPHABET = "0123456789abcdefghijklmnopqrstuv";
const CODES = Uint8Array.from(ALPHABET, (digit) => digit.charCodeAt(0));
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < 32; i++) {
  VALUES[ALPHABET.charCodeAt(i)] = i;
  VALUES[(ALPHABET[i] as string).toUpperCase().charCodeAt(0)] = i;
}

/** Characters that so many bytes take. */
export function base32Length(bytes: number): number {
  return Math.ceil((bytes * 8) / 5);
}

export function encodeBase32(bytes: Uint8Array): string {
  const out = Buffer.allocUnsafe(base32Length(bytes.length));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out[at++] = CODES[(held >>> bits) & 31] as number;
    }
  }
  if (bits > 0) out[at] = CODES[(held << (5 - bits)) & 31] as number;
  return out.toString("latin1");
}

/** Inverse of `encodeBase32`, upper case accepted; undefined for other characters, lengths, or bits left over. */
export function decodeBase32(text: string): Buffer | undefined {
  const length = Math.floor((text.length * 5) / 8);
  if (base32Length(length) !== text.length) return undefined;
  const out = Buffer.allocUnsafe(length);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? -1;
    if (value < 0) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    out[at++] = (held >>> bits) & 0xff;
  }
  return (held & ((1 << bits) - 1)) === 0 ? out : undefined;
}
