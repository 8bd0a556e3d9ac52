/**
 * Objects and names of the segmented container (docs/format.md).
 */
import { availableParallelism } from "node:os";
import type { Compression } from "../compression/codecs.ts";
import type { Config } from "../config/config.ts";
import {
  type Field,
  FileSealer,
  maxStoredSize,
  SOLID_MOST,
  sealSmall,
  sizeOfFields,
  userMetadataField,
} from "../container/segmented.ts";
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
  readonly keepsHeaders = true;
  readonly wholeLimit = SOLID_MOST;
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

  sealSmall(
    plain: Buffer,
    { path, mtime, type = "file", headers }: FileMeta,
  ): { bytes: Buffer; md5: string } {
    return sealSmall(plain, { type, path, mtime, fields: fieldsOf(headers) }, this.settings());
  }

  sealLarge({ path, mtime, size, headers }: FileMeta & { size: number }): LargeSealer {
    const fields = fieldsOf(headers);
    const parallel = Math.min(POOL_THREADS, availableParallelism()) + 1;
    const sealer = new FileSealer(
      { type: "file", path, mtime, size, fields },
      { ...this.settings(), parallel },
    );
    return {
      reserve: 0,
      storedAtMost: maxStoredSize(size, bytesOfPath(path).length, HEADER_BYTES) + sizeOfFields(fields),
      seal: (plain) => sealer.seal(plain),
      head: () => undefined,
      get md5() {
        return sealer.md5;
      },
    };
  }

  private settings() {
    return { keys: this.keys, compression: this.compression };
  }
}

function fieldsOf(headers: ReadonlyMap<string, string> | undefined): readonly Field[] {
  return headers !== undefined && headers.size > 0 ? [userMetadataField(headers)] : [];
}
