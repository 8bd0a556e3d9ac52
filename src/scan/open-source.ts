import type { Config, S3StorageConfig, StorageConfig } from "../config/config.ts";
import { isSameService } from "../config/same-service.ts";
import { ConfigError } from "../errors.ts";
import { BackupFolder } from "../storage/local/backup-folder.ts";
import type { OpenStorage } from "../storage/open.ts";
import { CombinedSource, type NamedPart } from "./combined-source.ts";
import { EtagTrial } from "./etag-trial.ts";
import { Exclusions } from "./exclusions.ts";
import { FilesFrom } from "./files-from.ts";
import { ListedSource } from "./listed-source.ts";
import { LocalSource } from "./local-source.ts";
import { S3Source } from "./s3-source.ts";
import type { Source } from "./source.ts";

/** Opens what is to be backed up. */
export async function openSource(config: Config, openStorage: OpenStorage): Promise<Source> {
  const { only: paths } = config.exclusions;
  if (paths === undefined) return openAll({ config, openStorage });
  const only = new FilesFrom(paths);
  return new ListedSource(await openAll({ config, openStorage, only }), only);
}

interface Opening {
  readonly config: Config;
  readonly openStorage: OpenStorage;
  /** For all sources together: what is listed need be in one of them. */
  readonly only?: FilesFrom;
}

async function openAll(opening: Opening): Promise<Source> {
  const { src, sources, sourceExcludes } = opening.config;
  if (src !== undefined) return openOne(src, sourceExcludes, opening);
  if (sources === undefined) throw new ConfigError("a backup needs `src`", { path: "src" });
  const parts: NamedPart[] = [];
  for (const { name, storage, excludes } of sources) {
    parts.push({ name, source: await openOne(storage, excludes, opening) });
  }
  return new CombinedSource(parts);
}

async function openOne(
  src: StorageConfig,
  prefixes: readonly string[],
  { config, openStorage, only }: Opening,
): Promise<Source> {
  const { only: _, ...settings } = config.exclusions;
  const exclusions = new Exclusions({
    ...settings,
    ...(only !== undefined && { only }),
    expressions: config.ignore,
    prefixes,
  });
  const reserve = reservesNames(config);
  if (src.kind === "local") {
    const backup = new BackupFolder(config.dest);
    return new LocalSource(src.path, exclusions, { metadata: config.metadata, reserve, backup });
  }
  const storage = await openStorage(src, "source");
  const trial = copiesAsIs(config, src) ? { trial: new EtagTrial(storage) } : {};
  return new S3Source(storage, exclusions, { reserve, ...trial });
}

/** Whether objects are their files, byte for byte, in a bucket that can be copied to. */
function copiesAsIs({ container, encrypt, compress, dest }: Config, src: S3StorageConfig): boolean {
  if (container !== "classic" || encrypt || compress) return false;
  return dest.kind === "s3" && isSameService(src, dest);
}

/** Whether what is stored under the name of a manifest is one, and files of such names are kept out of their way. */
export function reservesNames({ metadata, container }: Config): boolean {
  return metadata || container === "segmented";
}
