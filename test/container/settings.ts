/** What the container's tests have in common. */

import { createHash } from "node:crypto";
import type { ClassicSettings } from "../../src/container/classic.ts";
import { KeyRing } from "../../src/crypto/key-ring.ts";
import { md5ToBase36 } from "../../src/names/stored-name.ts";
import { PASSWORD, SALT, VECTORS, vectorKeys } from "../crypto/vectors.ts";

export const NOW = new Date("2026-11-20T12:00:00.900Z");
export const keyRing = new KeyRing(PASSWORD, vectorKeys());

export const ENCRYPTIONS = ["none", "aes", "cha"] as const;
export type Encryption = (typeof ENCRYPTIONS)[number];

export function settingsOf(encryption: Encryption, compress: boolean): ClassicSettings {
  return { encryption, compress, lzmaLevel: 0, gzipLevel: 1 };
}

/** Every combination of the two switches. */
export const COMBINATIONS = ENCRYPTIONS.flatMap((encryption) =>
  [true, false].map((compress) => settingsOf(encryption, compress)),
);

export const sealing = { keyRing, salt: SALT };

/** The same with the layout's nonce, for golden vectors. */
export function fixedSealing(encryption: Encryption) {
  return encryption === "none" ? undefined : { ...sealing, nonce: VECTORS[encryption].nonce };
}

/** What a name says of content. */
export function expectedOf(plain: Buffer, path = "dir/file") {
  return { size: plain.length, md5: md5ToBase36(createHash("md5").update(plain).digest()), path };
}

/** The bytes with one bit turned over. */
export function flipped(bytes: Buffer, bit: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return changed;
}
