import { S3Storage } from "../../src/storage/s3/s3-storage.ts";
import { dropBucket, freshBucket, whyNoServer } from "../s3-server/s3-server.ts";
import { describeStorage, type Place } from "./conformance.ts";

const PART_BYTES = 8 * 2 ** 20;

async function openPlace(basePath: string): Promise<Place> {
  const config = await freshBucket({ basePath });
  return {
    open: (side, missing) =>
      new S3Storage(missing === undefined ? config : { ...config, bucket: `${config.bucket}-missing` }, side),
    dispose: () => dropBucket(config),
  };
}

describeStorage("an S3 bucket", () => openPlace(""), { skip: whyNoServer(), partBytes: PART_BYTES });

describeStorage("an S3 bucket below a base path", () => openPlace("base path/+\u00e9"), {
  skip: whyNoServer(),
  // Large objects are the first suite's matter; here all that counts is where the keys go.
  partBytes: 100_000,
});
