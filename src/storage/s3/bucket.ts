/**
 * Making the destination's bucket, when it is certain that there is none.
 */
import type { BucketLocationConstraint } from "@aws-sdk/client-s3";
import { StorageError } from "../../errors.ts";
import type { Connection } from "./connection.ts";
import { toStorageError } from "./errors.ts";
import { detailsOf } from "./retry.ts";

/**
 * Makes the bucket of a destination if a HEAD says clearly that it is missing; anything else, "forbidden" above all,
 * is an error. For a source or a restore target a missing bucket is an error (`ENOENT`): most likely a typing
 * mistake.
 */
export async function createBucket(connection: Connection): Promise<void> {
  if (await bucketExists(connection)) return;
  if (connection.side !== "destination") {
    throw toStorageError(connection, "is missing", undefined, { name: "NoSuchBucket", message: "" });
  }
  await connection.attempt("the bucket cannot be created", undefined, undefined, () =>
    sendCreate(connection),
  );
}

async function bucketExists(connection: Connection): Promise<boolean> {
  const { sdk, client, bucket } = connection;
  try {
    await client.send(new sdk.HeadBucketCommand({ Bucket: bucket }));
    return true;
  } catch (error) {
    const { name, status } = detailsOf(error);
    if (name === "NotFound" || name === "NoSuchBucket" || status === 404) return false;
    throw toStorageError(connection, "the bucket cannot be examined", undefined, error);
  }
}

async function sendCreate(connection: Connection): Promise<void> {
  const { region } = connection;
  try {
    // us-east-1 is the one region that has to be left out (S3 API reference, "CreateBucket").
    await sendCreateIn(connection, region === "us-east-1" ? undefined : region);
  } catch (error) {
    const { name, status } = detailsOf(error);
    if (name === "BucketAlreadyOwnedByYou") return;
    if (name === "BucketAlreadyExists") {
      throw new StorageError(connection.side, "the bucket belongs to someone else", {
        path: connection.location,
        code: name,
        remedy: "choose another s3_bucket: names are shared by all customers of a provider",
      });
    }
    // Ceph knows zone groups where AWS has regions, and takes no other name.
    const refusesRegion = name.includes("LocationConstraint") || status === 400;
    if (!connection.customEndpoint || region === "us-east-1" || !refusesRegion) throw error;
    await sendCreateIn(connection, undefined);
  }
}

async function sendCreateIn(connection: Connection, constraint: string | undefined): Promise<void> {
  const { sdk, client, bucket } = connection;
  const command = new sdk.CreateBucketCommand({
    Bucket: bucket,
    ...(constraint !== undefined && {
      CreateBucketConfiguration: { LocationConstraint: constraint as BucketLocationConstraint },
    }),
  });
  if (constraint === undefined) {
    // The SDK puts the client's region into the request by itself; this comes after it and takes it out again.
    command.middlewareStack.add((next) => (args) => next({ ...args, input: { Bucket: bucket } }), {
      step: "serialize",
      priority: "high",
      name: "withoutLocationConstraint",
    });
  }
  await client.send(command);
}
