/**
 * From what the SDK throws to a `StorageError` that says what to do.
 *
 * The SDK's error itself is not kept as the cause: it carries the request with its Authorization header, and for
 * some errors the access key and the text that was signed.
 */
import { type Side, StorageError } from "../../errors.ts";
import { detailsOf, isBrokenConnection, isNoAnswer, NO_ANSWER } from "./retry.ts";

export interface ErrorContext {
  readonly side: Side;
  /** `s3://bucket/base`, for errors that concern no single object. */
  readonly location: string;
  /** Strings that must not appear in any message. */
  readonly secrets: readonly string[];
}

const NEW_TOKEN = "get new temporary credentials; for long runs use a role or keys that do not expire";
const REMEDIES: Record<string, string> = {
  AccessDenied:
    "check the credentials, and that the policy allows this on the bucket and on its objects (docs/s3.md)",
  AccountProblem: "sign in at the provider and see what it says about the account",
  AuthorizationHeaderMalformed: "set region_name to the region of the bucket",
  CredentialsProviderError:
    "set aws_access_key_id and aws_secret_access_key, or give the environment, a profile or the machine a role",
  [NO_ANSWER]: "check endpoint_url, and what is between here and it: a proxy, a gateway, a login page",
  ExpiredToken: NEW_TOKEN,
  IllegalLocationConstraintException: "set region_name to the region of the bucket",
  InvalidAccessKeyId: "check aws_access_key_id, and that it belongs to this endpoint",
  InvalidBucketName: "check s3_bucket",
  InvalidObjectState: "the object is archived: restore it from the archive class first, then run again",
  InvalidToken: NEW_TOKEN,
  InvalidStorageClass: "check storage_class: this server does not have it",
  NoSuchBucket: "check s3_bucket, endpoint_url and region_name",
  PermanentRedirect:
    "set region_name to the region of the bucket, and endpoint_url to the address that is meant: https, perhaps",
  QuotaExceeded: "free some space at the destination, or raise the quota",
  RequestTimeTooSkewed: "set this machine's clock; S3 accepts a difference of 15 minutes at most",
  SignatureDoesNotMatch:
    "check aws_access_key_id and aws_secret_access_key, and that a proxy does not change requests",
  TokenRefreshRequired: NEW_TOKEN,
  SlowDown: "the storage asks for fewer requests: set a lower backup_processes or restore_processes",
};

/** Makes the error that callers see. `what` says what did not work: "cannot be read". */
export function toStorageError(
  context: ErrorContext,
  what: string,
  key: string | undefined,
  error: unknown,
): StorageError {
  if (error instanceof StorageError) return error;
  const { name, message, code, status } = detailsOf(error);
  const named = canonicalName(name, code, status);
  // A 404 that does not say what is missing: where no object was asked for, it is the bucket.
  const ofBucket = named === "NoSuchKey" && key === undefined;
  const kind = ofBucket ? "NoSuchBucket" : clean(named, context.secrets, LONGEST_KIND);
  // What the SDK's parser says is for its users.
  const ofParser = (kind === NO_ANSWER && name !== NO_ANSWER) || message.includes("Deserialization error");
  const said = ofParser ? sayUnreadable(kind, status) : message.replace(FOR_PROGRAMMERS, "");
  const text = describe(kind, clean(said, context.secrets, LONGEST_MESSAGE), status);
  const remedy = REMEDIES[kind] ?? (isNetwork(kind, code) ? NETWORK_REMEDY : undefined);
  return new StorageError(context.side, `${what} (${text})`, {
    path: key ?? context.location,
    code: programCode(kind, key),
    ...(remedy !== undefined && { remedy }),
  });
}

function sayUnreadable(kind: string, status = 0): string {
  const isElsewhere = kind === NO_ANSWER && status >= 300;
  return isElsewhere ? `the answer sends elsewhere, status ${status}` : "the answer cannot be understood";
}

/** Which module of the SDK timed out, and where a program would set the time. */
const FOR_PROGRAMMERS = /^@smithy\/[\w-]+ - | \([\w ]*(?:timeout|requestHandler)\)(?=\.$)/g;
const NETWORK_REMEDY = "check endpoint_url and the network";

/** Whether the storage said clearly that the object (or upload, or bucket) is not there. */
export function isMissing(error: unknown): boolean {
  const { name, status } = detailsOf(error);
  return status === 404 || name === "NoSuchKey" || name === "NotFound" || name === "NoSuchBucket";
}

/** Whether it stays unknown what became of a request: it may have been carried out all the same. */
export function isAmbiguous(error: unknown): boolean {
  const { name, status } = detailsOf(error);
  return status === undefined || status >= 500 || status < 300 || name === "NoSuchUpload";
}

/** One name per cause: answers to HEAD have no body, so the SDK makes names of them as it can. */
function canonicalName(name: string, code: string | undefined, status: number | undefined): string {
  if (name === "NotFound" || name === "NoSuchKey") return "NoSuchKey";
  if (isNoAnswer({ name, code, status })) return NO_ANSWER;
  if (status === 501) return "NotImplemented";
  if (REMEDIES[name] !== undefined || name.startsWith("NoSuch")) return name;
  if (status === 403 || status === 401) return name === "UserSuspended" ? "AccountProblem" : "AccessDenied";
  if (status === 404) return "NoSuchKey";
  if (status === 412) return "PreconditionFailed";
  if (status === 429 || (status === 503 && /slow|throttl|unknown/i.test(name))) return "SlowDown";
  if (status === 301) return "PermanentRedirect";
  if (name === "Error" && code !== undefined) return code;
  if (status !== undefined && status >= 500 && UNNAMED.has(name))
    return status === 500 ? "InternalError" : "ServiceUnavailable";
  return name;
}

/** What the SDK calls errors without a code: those of gateways, which do not speak S3 (502, 504), and any that answers a HEAD. */
const UNNAMED: ReadonlySet<string> = new Set(["Error", "Unknown", "UnknownError"]);

/** A bucket that is missing says nothing of a single object: that one has not vanished. */
function programCode(kind: string, key: string | undefined): string {
  if (kind === "NoSuchKey" || (kind === "NoSuchBucket" && key === undefined)) return "ENOENT";
  return kind === "PreconditionFailed" ? "ECHANGED" : kind;
}

function describe(kind: string, message: string, status: number | undefined): string {
  if (kind === "NoSuchKey") return "no such object";
  if (kind === "NoSuchBucket") return "no such bucket";
  if (kind === "PreconditionFailed") return "it changed meanwhile";
  if (kind === NO_ANSWER) return message;
  const parts = [kind];
  if (message !== "" && message !== kind && message !== "UnknownError") parts.push(`: ${message}`);
  if (status !== undefined) parts.push(`, status ${status}`);
  return parts.join("");
}

function isNetwork(kind: string, code: string | undefined): boolean {
  return kind === "TimeoutError" || isBrokenConnection(code) || isBrokenConnection(kind);
}

const LONGEST_KIND = 64;
const LONGEST_MESSAGE = 300;

/**
 * Server texts come from outside, their codes as well: one line, no control characters, of bounded length, and without
 * our secrets.
 */
function clean(message: string, secrets: readonly string[], longest: number): string {
  let text = message;
  for (const secret of secrets) if (secret !== "") text = text.replaceAll(secret, "[hidden]");
  // A server may tell back the headers of a request, which for some minutes whoever has them can send again.
  text = text.replace(/(Signature=)[0-9a-f]+/gi, "$1[hidden]");
  text = text.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ").trim();
  return text.length > longest ? `${text.slice(0, longest)}...` : text;
}
