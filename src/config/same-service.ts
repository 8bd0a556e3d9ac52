/** Which buckets can be copied between. */
import { isDeepStrictEqual } from "node:util";
import type { S3StorageConfig } from "./config.ts";

/** Whether one bucket's client reaches the other: the same service, by the same account. */
export function isSameService(a: S3StorageConfig, b: S3StorageConfig): boolean {
  const serviceOf = ({ endpointUrl, regionName, credentials }: S3StorageConfig) => ({
    endpointUrl,
    regionName,
    credentials,
  });
  return isDeepStrictEqual(serviceOf(a), serviceOf(b));
}
