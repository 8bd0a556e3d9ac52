/** The keys of the segmented container and its names, from one password key down (docs/format.md, section 6). */

import { HmacKey, label } from "./hmac.ts";
import type { KeySource } from "./key-source.ts";
import type { Cipher } from "./message.ts";

export const ID_BYTES = 16;
export const CIPHER_IDS: Readonly<Record<Cipher, number>> = { none: 0, aes: 1, cha: 2 };

const DESTINATION = label("destination");
const FILE_SALT = label("file salt");
const KEY_CHECK = label("key check");
const FILE_KEY = label("file key");
const BLOCK_ID = label("block id");
const BLOCK_KEY = label("block key");
const PLAIN_MAC = label("plain mac");
const TRAILER_ID = label("trailer id");
const TRAILER_KEY = label("trailer key");
const NAME_TAG = label("name tag");
const NAME_KEY = label("name key");

/** K_dest and what comes from it. One for each salt, its costs, and cipher. */
export class DestinationKeys {
  readonly source: KeySource;
  readonly cipher: Cipher;
  readonly #key: HmacKey;
  #name: { readonly tag: Buffer; readonly key: HmacKey } | undefined;

  /** @param passwordKey K_pw, 32 bytes. */
  constructor(passwordKey: Uint8Array, source: KeySource, cipher: Cipher) {
    this.source = source;
    this.cipher = cipher;
    this.#key = new HmacKey(new HmacKey(passwordKey).expand(DESTINATION, Buffer.of(CIPHER_IDS[cipher])));
  }

  /** What the header of a file that is stored for the first time gets: 16 bytes. */
  fileSalt(path: Uint8Array): Buffer {
    return this.#key.digest(FILE_SALT, path).subarray(0, ID_BYTES);
  }

  /** 32 bytes over all of the header that stands before them. */
  keyCheck(header: Uint8Array): Buffer {
    return this.#key.digest(KEY_CHECK, header);
  }

  fileKeys(fileSalt: Uint8Array): FileKeys {
    return new FileKeys(this.#key.expand(FILE_KEY, fileSalt), this.cipher);
  }

  /** The four bytes by which a sealed name says that it is of this key. */
  get nameTag(): Buffer {
    return this.#names().tag;
  }

  get nameKey(): HmacKey {
    return this.#names().key;
  }

  #names(): { readonly tag: Buffer; readonly key: HmacKey } {
    this.#name ??= {
      tag: this.#key.digest(NAME_TAG).subarray(0, 4),
      key: new HmacKey(this.#key.expand(NAME_KEY)),
    };
    return this.#name;
  }
}

/** K_file and what comes from it. */
export class FileKeys {
  readonly cipher: Cipher;
  readonly #key: HmacKey;

  constructor(key: Uint8Array, cipher: Cipher) {
    this.#key = new HmacKey(key);
    this.cipher = cipher;
  }

  /** Covers everything that goes into the block's AEAD, so that its key meets one input only. */
  blockId(codec: number, plainLength: number, occurrence: number, stored: Uint8Array): Buffer {
    const fields = Buffer.allocUnsafe(9);
    fields.writeUInt8(codec, 0);
    fields.writeUInt32BE(plainLength, 1);
    fields.writeUInt32BE(occurrence, 5);
    return this.#key.digest(BLOCK_ID, fields, stored).subarray(0, ID_BYTES);
  }

  blockKey(id: Uint8Array): Buffer {
    return this.#key.expand(BLOCK_KEY, id);
  }

  /** Of a block's plaintext; for finding unchanged blocks. */
  plainMac(plain: Uint8Array): Buffer {
    return this.#key.digest(PLAIN_MAC, plain).subarray(0, ID_BYTES);
  }

  trailerId(header: Uint8Array, trailer: Uint8Array): Buffer {
    return this.#key.digest(TRAILER_ID, header, trailer).subarray(0, ID_BYTES);
  }

  trailerKey(id: Uint8Array): Buffer {
    return this.#key.expand(TRAILER_KEY, id);
  }
}
