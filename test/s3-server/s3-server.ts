/**
 * Where the tests find an S3 server.
 *
 * Either the environment names one (`S3_TEST_ENDPOINT` and its companions, as `rgw-up` prints them), or Ceph's
 * gateway is installed and the first test that needs it starts one, which all runs on this machine share. Otherwise
 * the tests that need one are skipped, and say why.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { accessSync, constants } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { S3StorageConfig } from "../../src/config/config.ts";

const run = promisify(execFile);

export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** A second user, who may do nothing with the first one's buckets. */
  readonly otherCredentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** Why there is no server for tests; undefined when there is one, or one can be started. */
export function whyNoServer(): string | undefined {
  if (process.env.S3_TEST_ENDPOINT !== undefined || process.env.S3_TEST_REQUIRED === "1") return undefined;
  if (hasCommand("radosgw") && hasCommand("ceph-osd") && hasCommand("ceph-mon")) return undefined;
  return "no S3 server: set S3_TEST_ENDPOINT, or install radosgw ceph-mon ceph-osd";
}

let starting: Promise<S3Server> | undefined;

/** The server, started when necessary; stopped by global-setup.ts once no test run uses it. */
export function s3Server(): Promise<S3Server> {
  starting ??= process.env.S3_TEST_ENDPOINT === undefined ? start() : Promise.resolve(serverOf(process.env));
  return starting;
}

/** A configuration for a bucket that does not exist yet, with a name that nobody else uses. */
export async function freshBucket(overrides: Partial<S3StorageConfig> = {}): Promise<S3StorageConfig> {
  const { endpoint, region, credentials } = await s3Server();
  return {
    kind: "s3",
    bucket: `backup-test-${randomBytes(8).toString("hex")}`,
    basePath: "",
    endpointUrl: endpoint,
    regionName: region,
    credentials,
    ...overrides,
  };
}

/** Empties a bucket, unfinished uploads included, and removes it. A bucket that is missing is fine. */
export async function dropBucket(config: S3StorageConfig): Promise<void> {
  const { S3Storage } = await import("../../src/storage/s3/s3-storage.ts");
  const { S3Client, DeleteBucketCommand, DeleteObjectCommand, ListObjectsV2Command } = await import(
    "@aws-sdk/client-s3"
  );
  const storage = new S3Storage({ ...config, basePath: "" }, "destination");
  try {
    for await (const batch of storage.list()) await storage.remove(batch.map(({ key }) => key));
    for (const upload of await storage.listUploads()) await storage.abortUpload(upload);
    const client = new S3Client({
      endpoint: config.endpointUrl ?? "",
      region: config.regionName ?? "us-east-1",
      forcePathStyle: true,
      ...(config.credentials && { credentials: config.credentials }),
    });
    // The storage does not list folder markers.
    const rest = await client.send(new ListObjectsV2Command({ Bucket: config.bucket }));
    for (const { Key } of rest.Contents ?? []) {
      await client.send(new DeleteObjectCommand({ Bucket: config.bucket, Key }));
    }
    await client.send(new DeleteBucketCommand({ Bucket: config.bucket }));
    client.destroy();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  } finally {
    await storage.close();
  }
}

/** The process that counts as the server's user: the test runner, or this one where it is on its own. */
function owner(): string {
  return process.env.S3_TEST_OWNER ?? String(process.pid);
}

async function start(): Promise<S3Server> {
  const { stdout } = await run(script("rgw-up"), ["--for", owner()], { timeout: 600_000 });
  return serverOf(
    Object.fromEntries(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.split("=", 2)),
    ),
  );
}

/** Gives the server up; it stops when nobody else uses it. */
export async function releaseServer(): Promise<void> {
  if (process.env.S3_TEST_ENDPOINT !== undefined || process.env.S3_TEST_KEEP === "1") return;
  await run(script("rgw-down"), ["--for", owner(), "--wipe"], { timeout: 300_000 });
}

function serverOf(settings: Record<string, string | undefined>): S3Server {
  const get = (name: string) => {
    const value = settings[`S3_TEST_${name}`];
    if (value === undefined) throw new Error(`S3_TEST_${name} is not set`);
    return value;
  };
  return {
    endpoint: get("ENDPOINT"),
    region: settings.S3_TEST_REGION ?? "us-east-1",
    credentials: { accessKeyId: get("ACCESS_KEY_ID"), secretAccessKey: get("SECRET_ACCESS_KEY") },
    otherCredentials: {
      accessKeyId: get("OTHER_ACCESS_KEY_ID"),
      secretAccessKey: get("OTHER_SECRET_ACCESS_KEY"),
    },
  };
}

function script(name: string): string {
  return path.join(import.meta.dirname, name);
}

function hasCommand(name: string): boolean {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
