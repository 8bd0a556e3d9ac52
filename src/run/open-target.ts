import type { StorageConfig } from "../config/config.ts";
import type { OpenStorage } from "../storage/open.ts";
import { LocalTarget } from "./local-target.ts";
import type { RestoreTarget } from "./restore-target.ts";
import { S3Target } from "./s3-target.ts";

/** Opens the place where restored files go. */
export async function openTarget(config: StorageConfig, openStorage: OpenStorage): Promise<RestoreTarget> {
  if (config.kind === "local") return new LocalTarget(config.path);
  return new S3Target(await openStorage(config, "restore"));
}
