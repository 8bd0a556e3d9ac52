import type { Config } from "../config/config.ts";
import { ConfigError } from "../errors.ts";
import { Exclusions } from "../scan/exclusions.ts";
import { LocalSource } from "../scan/local-source.ts";
import { S3Source } from "../scan/s3-source.ts";
import type { Source } from "../scan/source.ts";
import type { OpenStorage } from "../storage/open.ts";

/** Opens what is to be backed up. */
export async function openSource(config: Config, openStorage: OpenStorage): Promise<Source> {
  if (config.src === undefined) throw new ConfigError("a backup needs `src`", { path: "src" });
  const exclusions = new Exclusions({
    ...config.exclusions,
    expressions: config.ignore,
    prefixes: config.sourceExcludes,
  });
  const reserve = reservesNames(config);
  if (config.src.kind === "local") {
    return new LocalSource(config.src.path, exclusions, { metadata: config.metadata, reserve });
  }
  return new S3Source(await openStorage(config.src, "source"), exclusions, reserve);
}

/** Whether what is stored under the name of a manifest is one, and files of such names are kept out of their way. */
export function reservesNames({ metadata, container }: Config): boolean {
  return metadata || container === "segmented";
}
