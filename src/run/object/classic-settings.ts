import type { Config } from "../../config/config.ts";
import type { ClassicSettings } from "../../container/classic.ts";

/** The part of the configuration that the classic container needs. */
export function classicSettings(config: Config): ClassicSettings {
  return {
    encryption: config.encrypt ? config.encryptionType : "none",
    compress: config.compress,
    lzmaLevel: config.lzmaLevel,
    gzipLevel: config.gzipLevel,
  };
}
