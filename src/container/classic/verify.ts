/** Checking opened content against its name. A container authenticates bytes, only size and md5 bind them to a name. */

import { createHash } from "node:crypto";
import { tooLong } from "../../compression/damage.ts";
import { digestOf } from "../../crypto/digest.ts";
import { DamagedError } from "../../errors.ts";
import { md5ToBase36 } from "../../names/stored-name.ts";

/** What the name says of the content. */
export interface Expected {
  readonly size: number;
  /** Canonical base 36. */
  readonly md5: string;
  readonly path: string;
}

/** Throws DamagedError (ESIZE, EMD5) unless the content is what its name says. */
export function checkWhole(plain: Uint8Array, expected: Expected): void {
  checkSize(plain.length, expected);
  checkMd5(digestOf("md5", plain), expected);
}

/** The same for content that passes in pieces. */
export class ContentCheck {
  readonly #expected: Expected;
  readonly #md5 = createHash("md5");
  #bytes = 0;

  constructor(expected: Expected) {
    this.#expected = expected;
  }

  /** Throws DamagedError (ESIZE) at the first byte too many. */
  update(piece: Uint8Array): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#expected.size) throw tooLong(this.#expected.size);
    this.#md5.update(piece);
  }

  /** Throws DamagedError (ESIZE, EMD5) unless all of the content was right. */
  final(): void {
    checkSize(this.#bytes, this.#expected);
    checkMd5(this.#md5.digest(), this.#expected);
  }
}

/** The same error with the path that its thrower did not know; anything but damage is given back as it is. */
export function withPath(error: unknown, path: string): unknown {
  if (!(error instanceof DamagedError) || error.path !== undefined) return error;
  return new DamagedError(error.message, {
    path,
    ...(error.code !== undefined && { code: error.code }),
    cause: error.cause,
  });
}

function checkSize(bytes: number, { size }: Expected): void {
  if (bytes > size) throw tooLong(size);
  if (bytes < size) {
    throw new DamagedError(`holds ${bytes} bytes where its name says ${size}`, { code: "ESIZE" });
  }
}

function checkMd5(digest: Uint8Array, { md5 }: Expected): void {
  if (md5ToBase36(digest) !== md5) {
    throw new DamagedError("its content is not that of its name (md5)", { code: "EMD5" });
  }
}
