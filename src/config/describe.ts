/** What a run's settings came out as, in one line. */
import type { Config } from "./config.ts";

/** For the first line of a run: `encrypt yes (aes), compress yes (xz 6, gzip 6), encrypt_filenames no, ...`. */
export function describeSettings(config: Config): string {
  const parts = [
    config.encrypt ? `encrypt yes (${config.encryptionType})` : "encrypt no",
    describeCompression(config),
    config.encryptFilenames && !config.encrypt
      ? `encrypt_filenames yes (${config.encryptionType})`
      : `encrypt_filenames ${config.encryptFilenames ? "yes" : "no"}`,
    `container ${config.container}`,
    ...(config.rules ? [`rules ${config.rules.length}`] : []),
    ...(config.metadata ? ["metadata yes"] : []),
  ];
  return parts.join(", ");
}

function describeCompression({
  container,
  compress,
  compression,
  lzmaLevel,
  gzipLevel,
  zstdLevel,
}: Config): string {
  if (!compress) return "compress no";
  if (container === "classic") return `compress yes (xz ${lzmaLevel}, gzip ${gzipLevel})`;
  const level = {
    auto: ` zstd ${zstdLevel}`,
    zstd: ` ${zstdLevel}`,
    xz: ` ${lzmaLevel}`,
    gzip: ` ${gzipLevel}`,
    none: "",
  };
  return `compress ${compression === "none" ? "no" : "yes"} (${compression}${level[compression]})`;
}
