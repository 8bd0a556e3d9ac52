import type { Config } from "../config/config.ts";
import { ConfigError } from "../errors.ts";
import { IgnoreRules } from "../scan/ignore.ts";
import { LocalSource } from "../scan/local-source.ts";
import { S3Source } from "../scan/s3-source.ts";
import type { Source } from "../scan/source.ts";
import type { OpenStorage } from "../storage/open.ts";

/** Opens what is to be backed up. */
export async function openSource(config: Config, openStorage: OpenStorage): Promise<Source> {
  if (config.src === undefined) throw new ConfigError("a backup needs `src`", { path: "src" });
  const ignore = new IgnoreRules(config.ignore, config.sourceExcludes);
  if (config.src.kind === "local") return new LocalSource(config.src.path, ignore);
  return new S3Source(await openStorage(config.src, "source"), ignore);
}
