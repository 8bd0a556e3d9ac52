/** From a configuration to a storage. */
import type { StorageConfig } from "../config/config.ts";
import type { Side } from "../errors.ts";
import type { CallStats } from "./call-stats.ts";
import { LocalStorage } from "./local/local-storage.ts";
import type { Storage } from "./storage.ts";

/**
 * Opens a storage; nothing is touched yet. The S3 client is loaded only where it is needed. `calls` is told of what it
 * asks of a server. Once `stop` is aborted it tries nothing a second time.
 */
export type OpenStorage = (
  config: StorageConfig,
  side: Side,
  calls?: CallStats,
  stop?: AbortSignal,
) => Promise<Storage>;

export const openStorage: OpenStorage = async (config, side, calls, stop) => {
  if (config.kind === "local") return new LocalStorage(config.path, side);
  const { S3Storage } = await import("./s3/s3-storage.ts");
  return new S3Storage(config, side, undefined, calls, stop);
};
