import type { Config } from "../../config/config.ts";
import { pathInside } from "../../config/relations.ts";
import { reservesNames } from "../../scan/open-source.ts";
import { BackupFolder } from "../../storage/local/backup-folder.ts";
import type { OpenStorage } from "../../storage/open.ts";
import { LocalTarget } from "./local-target.ts";
import type { RestoreTarget } from "./restore-target.ts";
import { S3Target } from "./s3-target.ts";

/** Opens the place where restored files go. */
export async function openTarget(config: Config, openStorage: OpenStorage): Promise<RestoreTarget> {
  const { restore, dest } = config;
  if (restore.kind === "local")
    return new LocalTarget(restore.path, reservesNames(config), new BackupFolder(dest));
  const backup = await pathInside(dest, restore, undefined);
  return new S3Target(await openStorage(restore, "restore"), backup && `${backup}/`);
}
