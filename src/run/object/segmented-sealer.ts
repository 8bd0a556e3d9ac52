/**
 * Objects and names of the segmented container (docs/format.md).
 */
import type { Compression } from "../../compression/codecs.ts";
import type { Config } from "../../config/config.ts";
import type { Sealing } from "../../container/classic.ts";
import {
  blockLogFor,
  DeltaWriter,
  type Field,
  FileSealer,
  type Header,
  maxStoredSize,
  type OpenedObject,
  SOLID_MOST,
  type StreamSettings,
  sealSmall,
  sizeOfFields,
  userMetadataField,
} from "../../container/segmented.ts";
import type { EncryptionType } from "../../crypto/aead.ts";
import { formatKeySource } from "../../crypto/key-source.ts";
import type { SegmentedKeyRing } from "../../crypto/segmented-key-ring.ts";
import type { DestinationKeys } from "../../crypto/segmented-keys.ts";
import { BackupError } from "../../errors.ts";
import { bytesOfPath } from "../../names/path-text.ts";
import { sealName } from "../../names/sealed-name.ts";
import { resealSegmentedName, sealSegmentedName } from "../../names/segmented-name.ts";
import { formatStamp, type Stamp } from "../../names/stamp.ts";
import { formatPlainName, formatStoredName, type NameFields, SUFFIX } from "../../names/stored-name.ts";
import { BLOCK_THREADS_LEAST, type BlockThreads } from "./block-threads.ts";
import { contentKeys, nameKeys, namesUnder, type RunKeys } from "./keys.ts";
import { type ObjectRules, objectRules, type RuledFile } from "./object-rules.ts";
import type { FileMeta, LargeSealer, ObjectSealer } from "./object-sealer.ts";

/** With a password, the longer of the two. */
const HEADER_BYTES = 88;
/** The longest form of the deleted field. */
const LONGEST_STAMP: Stamp = { form: "stamp", began: 36 ** 6, ceased: 36 ** 6 };

export class SegmentedSealer implements ObjectSealer {
  readonly bindsNames = true;
  readonly keepsHeaders = true;
  readonly wholeLimit = SOLID_MOST;
  readonly deterministic = true;
  private readonly rules: ObjectRules;
  private readonly keys: Readonly<Record<"encrypted" | "clear", DestinationKeys>>;
  private readonly names: DestinationKeys | undefined;
  private readonly ring: SegmentedKeyRing;
  /** How names of the classic form are sealed. */
  private readonly classic: { readonly type: EncryptionType; readonly sealing: Sealing | undefined };
  private readonly levels: Omit<Compression, "codec">;
  private readonly threads: BlockThreads | undefined;

  /** @param threads for large files; without them they are sealed by this thread alone. */
  constructor(
    config: Config,
    { segmented: ring, classic: keyRing }: RunKeys,
    salt: Uint8Array | undefined,
    threads: BlockThreads | undefined,
  ) {
    const { zstdLevel, lzmaLevel, gzipLevel } = config;
    this.ring = ring;
    this.classic = { type: config.encryptionType, sealing: keyRing && salt && { keyRing, salt } };
    this.rules = objectRules(config);
    this.keys = {
      encrypted: contentKeys(config, ring, salt, true),
      clear: contentKeys(config, ring, salt, false),
    };
    this.names = config.encryptFilenames ? nameKeys(config, ring, salt) : undefined;
    this.levels = { zstdLevel, lzmaLevel, gzipLevel };
    this.threads = threads;
  }

  keyFor(fields: NameFields): string {
    if (this.names === undefined) return formatStoredName(fields);
    return sealSegmentedName(fields, this.names);
  }

  keyOver(fields: NameFields, header: Header | undefined): string {
    if (this.names === undefined) return formatStoredName(fields);
    const keys = header && namesUnder(header, this.ring);
    if (keys !== undefined) return sealSegmentedName(fields, keys);
    const { type, sealing } = this.classic;
    if (sealing === undefined) throw new BackupError("internal", "names need a key");
    return sealName(formatPlainName(fields), { type, ...sealing });
  }

  keyAfter(key: string, fields: NameFields): string | undefined {
    if (this.names === undefined) return formatStoredName(fields);
    return resealSegmentedName(key, fields, this.ring);
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
    const settings = this.settingsOf({ path, size: plain.length, type });
    return sealSmall(plain, { type, path, mtime, fields: fieldsOf(headers) }, settings);
  }

  sealLarge({ path, mtime, size, headers }: FileMeta & { size: number }): LargeSealer {
    const fields = fieldsOf(headers);
    const settings = this.settingsOf({ path, size });
    const sealer = new FileSealer(
      { type: "file", path, mtime, size, fields },
      { ...settings, ...this.sideBySide(size, settings.compression) },
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

  continueObject(old: OpenedObject, next: RuledFile): DeltaWriter | undefined {
    const { cipher, source } = old.header;
    const { keys, compression } = this.settingsOf(next);
    if (cipher !== keys.cipher) return undefined;
    if (!formatKeySource(source).equals(formatKeySource(keys.source))) return undefined;
    const { sealer } = this.sideBySide(old.trailer.size, compression);
    return new DeltaWriter(old, compression, sealer?.(old.header));
  }

  private sideBySide(size: number, compression: Compression): Pick<StreamSettings, "parallel" | "sealer"> {
    const { threads } = this;
    if (threads === undefined || size < BLOCK_THREADS_LEAST) return { parallel: 1 };
    return {
      parallel: threads.parallelFor(2 ** blockLogFor(size)),
      sealer: (header) => (plain) => threads.seal(header.bytes, plain, compression),
    };
  }

  private settingsOf(file: RuledFile): { readonly keys: DestinationKeys; readonly compression: Compression } {
    const { encrypt, compression: codec } = this.rules.for(file);
    return { keys: encrypt ? this.keys.encrypted : this.keys.clear, compression: { codec, ...this.levels } };
  }
}

function fieldsOf(headers: ReadonlyMap<string, string> | undefined): readonly Field[] {
  return headers !== undefined && headers.size > 0 ? [userMetadataField(headers)] : [];
}
