/** Turns a storage's settings into a local folder or a bucket, never a mixture. */
import type { StorageConfig } from "./config.ts";
import { S3_KEYS, type StorageName } from "./keys.ts";
import type { StorageSettings } from "./schema.ts";

/** Keys have 1024 bytes at most, a slash and some name among them. */
const BASE_PATH_MOST = 1022;

/** Undefined, and a problem, when the settings do not describe one storage. */
export function storageOf(
  name: StorageName | `src[${number}]`,
  settings: StorageSettings,
  origin: (path: string) => string,
  problems: string[],
): StorageConfig | undefined {
  const s3Keys = S3_KEYS.filter((key) => settings[key] !== undefined && settings[key] !== null);
  const mixed = s3Keys[0];
  if (typeof settings.local_path === "string") {
    if (mixed === undefined) return { kind: "local", path: settings.local_path };
    problems.push(
      `${origin(`${name}.local_path`)} and ${origin(`${name}.${mixed}`)}: a storage is a folder or a bucket, not both: keep one`,
    );
    return undefined;
  }
  const bucket = settings.s3_bucket;
  if (typeof bucket !== "string") {
    const upper = name.toUpperCase();
    const why =
      mixed === undefined
        ? `${name} names no place`
        : `${origin(`${name}.${mixed}`)} is set without a bucket`;
    problems.push(
      `${why}: give ${name}.local_path or ${name}.s3_bucket (${upper}_LOCAL_PATH, ${upper}_S3_BUCKET)`,
    );
    return undefined;
  }
  const before = problems.length;
  const credentials = credentialsOf(name, settings, origin, problems);
  const basePath = (settings.base_path ?? "").replace(/^\/+|\/+$/g, "");
  const wrong = basePathProblem(basePath);
  if (wrong !== undefined) problems.push(`${origin(`${name}.base_path`)} ${wrong}`);
  if (bucket.includes("/")) {
    problems.push(
      `${origin(`${name}.s3_bucket`)} must be the bucket's name alone: a folder in it goes to base_path`,
    );
  }
  if (problems.length > before) return undefined;
  return {
    kind: "s3",
    bucket,
    basePath,
    ...(typeof settings.endpoint_url === "string" && { endpointUrl: settings.endpoint_url }),
    ...(typeof settings.region_name === "string" && { regionName: settings.region_name }),
    ...(credentials !== undefined && { credentials }),
    ...(typeof settings.force_path_style === "boolean" && { forcePathStyle: settings.force_path_style }),
    ...(typeof settings.storage_class === "string" && { storageClass: settings.storage_class }),
  };
}

/** What no key can begin with is one mistake, not one for each file. */
function basePathProblem(basePath: string): string | undefined {
  if (basePath.split("/").some((part) => part === "." || part === "..")) {
    return 'must not hold "." or ".." as a part';
  }
  if (!basePath.isWellFormed()) return "must be valid Unicode, as object keys have to be";
  if (basePath.includes("\0")) return "must not hold a zero byte";
  return Buffer.byteLength(basePath) > BASE_PATH_MOST
    ? `must have at most ${BASE_PATH_MOST} bytes: longer ones leave no room for a name`
    : undefined;
}

/** Both keys, or neither: then the SDK looks for credentials by itself. */
function credentialsOf(
  name: string,
  settings: StorageSettings,
  origin: (path: string) => string,
  problems: string[],
): { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined {
  const { aws_access_key_id: id, aws_secret_access_key: secret, session_token: token } = settings;
  if (typeof id === "string" && typeof secret === "string") {
    return {
      accessKeyId: id,
      secretAccessKey: secret,
      ...(typeof token === "string" && { sessionToken: token }),
    };
  }
  const lone = [
    typeof id === "string" && "aws_access_key_id",
    typeof secret === "string" && "aws_secret_access_key",
    typeof token === "string" && "session_token",
  ].find((key) => key !== false);
  if (lone !== undefined) {
    problems.push(
      `${origin(`${name}.${lone}`)} needs ${name}.aws_access_key_id and ${name}.aws_secret_access_key beside it, or none of them`,
    );
  }
  return undefined;
}
