/**
 * Objects and names of the classic layout.
 */
import type { Config } from "../../config/config.ts";
import {
  type ClassicSettings,
  maxStoredSize,
  type Sealing,
  StreamSealer,
  sealWhole,
  WHOLE_LIMIT,
} from "../../container/classic.ts";
import { digestOf } from "../../crypto/digest.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import { BackupError } from "../../errors.ts";
import { sealName } from "../../names/sealed-name.ts";
import { formatPlainName, formatStoredName, md5ToBase36, type NameFields } from "../../names/stored-name.ts";
import { classicSettings } from "./classic-settings.ts";
import type { FileMeta, LargeSealer, ObjectSealer } from "./object-sealer.ts";

export class ClassicSealer implements ObjectSealer {
  readonly bindsNames = false;
  readonly keepsHeaders = false;
  readonly wholeLimit = WHOLE_LIMIT;
  readonly deterministic = false; // salts and nonces are random
  private readonly config: Config;
  private readonly settings: ClassicSettings;
  private readonly sealing: Sealing | undefined;
  private readonly now: () => Date;

  constructor(config: Config, keyRing: KeyRing | undefined, salt: Uint8Array | undefined, now: () => Date) {
    this.config = config;
    this.settings = classicSettings(config);
    this.sealing = keyRing === undefined || salt === undefined ? undefined : { keyRing, salt };
    this.now = now;
  }

  keyFor(fields: NameFields): string {
    if (!this.config.encryptFilenames) return formatStoredName(fields);
    if (this.sealing === undefined) throw new BackupError("internal", "names need a key");
    return sealName(formatPlainName(fields), { type: this.config.encryptionType, ...this.sealing });
  }

  /** Classic names carry their salt. */
  keyOver(fields: NameFields): string {
    return this.keyFor(fields);
  }

  keyAfter(_key: string, fields: NameFields): string {
    return this.keyFor(fields);
  }

  sealSmall(plain: Buffer): { bytes: Buffer; md5: string } {
    const md5 = md5ToBase36(digestOf("md5", plain));
    return { bytes: sealWhole(plain, this.settings, this.contentSealing(), this.now()), md5 };
  }

  sealLarge({ path, size }: FileMeta & { size: number }): LargeSealer {
    const { settings } = this;
    const sealer = new StreamSealer({ settings, sealing: this.contentSealing(), now: this.now(), path });
    return {
      reserve: sealer.reserve,
      storedAtMost: maxStoredSize(size, settings),
      seal: (plain) => sealer.seal(plain, size),
      head: () => sealer.head(),
      get md5() {
        return sealer.md5;
      },
    };
  }

  private contentSealing(): Sealing | undefined {
    return this.settings.encryption === "none" ? undefined : this.sealing;
  }
}
