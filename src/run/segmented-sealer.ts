/**
 * Objects and names of the segmented container (docs/format.md).
 */
import { availableParallelism } from "node:os";
import type { Compression } from "../compression/codecs.ts";
import type { Config } from "../config/config.ts";
import {
  DeltaWriter,
  FileSealer,
  maxStoredSize,
  type OpenedObject,
  SOLID_MOST,
  sealSmall,
} from "../container/segmented.ts";
import { formatKeySource } from "../crypto/key-source.ts";
import type { SegmentedKeyRing } from "../crypto/segmented-key-ring.ts";
import type { DestinationKeys } from "../crypto/segmented-keys.ts";
import { bytesOfPath } from "../names/path-text.ts";
import { sealSegmentedName } from "../names/segmented-name.ts";
import { formatStamp, type Stamp } from "../names/stamp.ts";
import { formatPlainName, formatStoredName, type NameFields, SUFFIX } from "../names/stored-name.ts";
import { contentKeys, nameKeys } from "./keys.ts";
import type { FileMeta, LargeSealer, ObjectSealer } from "./object-sealer.ts";

/** The default thread pool of Node has so many threads. */
const POOL_THREADS = 4;
/** With a password, the longer of the two. */
const HEADER_BYTES = 88;
/** The longest form of the deleted field. */
const LONGEST_STAMP: Stamp = { form: "stamp", began: 36 ** 6, ceased: 36 ** 6 };

export class SegmentedSealer implements ObjectSealer {
  readonly wholeLimit = SOLID_MOST;
  readonly deterministic = true;
  private readonly keys: DestinationKeys;
  private readonly names: DestinationKeys | undefined;
  private readonly compression: Compression;

  constructor(config: Config, ring: SegmentedKeyRing, salt: Uint8Array | undefined) {
    const { compression: codec, zstdLevel, lzmaLevel, gzipLevel } = config;
    this.keys = contentKeys(config, ring, salt);
    this.names = config.encryptFilenames ? nameKeys(config, ring, salt) : undefined;
    this.compression = { codec, zstdLevel, lzmaLevel, gzipLevel };
  }

  keyFor(fields: NameFields): string {
    if (this.names === undefined) return formatStoredName(fields);
    const stamp: Stamp = fields.deleted === 0 ? { form: "live" } : { form: "date", date: fields.deleted };
    return sealSegmentedName({ ...fields, stamp }, this.names);
  }

  longestKeyFor(fields: NameFields): string {
    if (this.names === undefined)
      return `${formatPlainName(fields).slice(0, -1)}${formatStamp(LONGEST_STAMP)}${SUFFIX}`;
    return sealSegmentedName({ ...fields, stamp: LONGEST_STAMP }, this.names);
  }

  sealSmall(plain: Buffer, { path, mtime }: FileMeta): { bytes: Buffer; md5: string } {
    return sealSmall(plain, { type: "file", path, mtime }, this.settings());
  }

  sealLarge({ path, mtime, size }: FileMeta & { size: number }): LargeSealer {
    const settings = { ...this.settings(), parallel: blocksInWork() };
    const sealer = new FileSealer({ type: "file", path, mtime, size }, settings);
    return {
      reserve: 0,
      storedAtMost: maxStoredSize(size, bytesOfPath(path).length, HEADER_BYTES),
      seal: (plain) => sealer.seal(plain),
      head: () => undefined,
      get md5() {
        return sealer.md5;
      },
    };
  }

  continueObject(old: OpenedObject): DeltaWriter | undefined {
    const { cipher, source } = old.header;
    if (cipher !== this.keys.cipher) return undefined;
    if (!formatKeySource(source).equals(formatKeySource(this.keys.source))) return undefined;
    return new DeltaWriter(old, this.compression);
  }

  private settings() {
    return { keys: this.keys, compression: this.compression };
  }
}

/** How many blocks of a large file are compressed and sealed at once. */
export function blocksInWork(): number {
  return Math.min(POOL_THREADS, availableParallelism()) + 1;
}
