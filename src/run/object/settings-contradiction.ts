/**
 * What an object was made with against what the settings say.
 */
import type { Config } from "../../config/config.ts";
import type { Diagnosis } from "../../container/classic.ts";
import { ConfigError } from "../../errors.ts";

/** How an object was made, as far as it shows. */
export type Made = Pick<Diagnosis & { kind: "opens" | "damaged" }, "encryption" | "compress">;

export function fitsSettings(made: Made, config: Config): boolean {
  const encryption = config.encrypt ? config.encryptionType : "none";
  return made.encryption === encryption && (made.compress === undefined || made.compress === config.compress);
}

/** The setting that contradicts, what is so instead, and what would fit. */
export interface Contradiction {
  readonly setting: "encrypt" | "encryption_type" | "compress";
  /** To be read behind "are" or "is". */
  readonly made: string;
  readonly remedy: string;
}

/** Of something that does not fit. */
export function contradictionOf({ encryption, compress }: Made, config: Config): Contradiction {
  if ((encryption !== "none") !== config.encrypt) {
    return config.encrypt
      ? { setting: "encrypt", made: "not encrypted", remedy: '"encrypt": false' }
      : { setting: "encrypt", made: "encrypted", remedy: '"encrypt": true' };
  }
  if (encryption !== "none" && encryption !== config.encryptionType) {
    const remedy = `"encryption_type": "${encryption}"`;
    return { setting: "encryption_type", made: `encrypted with ${encryption}`, remedy };
  }
  return compress
    ? { setting: "compress", made: "compressed", remedy: '"compress": true' }
    : { setting: "compress", made: "not compressed", remedy: '"compress": false' };
}

/** @param what of the destination is made so. */
export function contradicts(
  what: "names" | "objects",
  { setting, made, remedy }: Contradiction,
): ConfigError {
  return new ConfigError(`the settings do not fit the destination, whose ${what} are ${made}`, {
    path: setting,
    remedy: `its objects were made with ${remedy}: set that, or use another destination`,
  });
}
