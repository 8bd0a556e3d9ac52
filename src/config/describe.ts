/** What a run's settings came out as, in one line. */
import type { Config } from "./config.ts";

/** For the first line of a run: `encrypt yes (aes), compress yes (xz 6, gzip 6), encrypt_filenames no, ...`. */
export function describeSettings(config: Config): string {
  const parts = [
    config.encrypt ? `encrypt yes (${config.encryptionType})` : "encrypt no",
    config.compress ? `compress yes (xz ${config.lzmaLevel}, gzip ${config.gzipLevel})` : "compress no",
    config.encryptFilenames && !config.encrypt
      ? `encrypt_filenames yes (${config.encryptionType})`
      : `encrypt_filenames ${config.encryptFilenames ? "yes" : "no"}`,
    "container classic",
  ];
  return parts.join(", ");
}
