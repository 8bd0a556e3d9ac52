import { afterEach, expect, it, vi } from "vitest";
import { connect } from "../../../src/storage/s3/connection.ts";

afterEach(() => vi.unstubAllEnvs());

it.each([
  { regionName: "eu-west-1", variable: "eu-central-1", region: "eu-west-1" },
  { regionName: undefined, variable: "eu-central-1", region: "eu-central-1" },
  { regionName: undefined, variable: undefined, region: "us-east-1" },
])("the region is the configured one, else the SDK's, else Amazon's first: %o", async (given) => {
  vi.stubEnv("AWS_REGION", given.variable);
  for (const file of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(file, "/dev/null");
  const bucket = { kind: "s3", bucket: "b", basePath: "" } as const;
  const config = { ...bucket, ...(given.regionName !== undefined && { regionName: given.regionName }) };
  const { region, client } = await connect(config, "source", { offset: 0 });
  expect([region, await client.config.region()]).toEqual([given.region, given.region]);
  client.destroy();
});
