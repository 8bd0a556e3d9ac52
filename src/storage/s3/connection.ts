/**
 * One client of one bucket: what every S3 operation here needs.
 *
 * The SDK is imported only when a client is made, so that runs between local folders never load it.
 */
import { hash } from "node:crypto";
import type { S3Client, S3ClientConfig, StorageClass } from "@aws-sdk/client-s3";
import type { S3StorageConfig } from "../../config/config.ts";
import { type Side, StorageError } from "../../errors.ts";
import type { CallStats } from "../call-stats.ts";
import { checkAnswers } from "./check-answers.ts";
import { type ErrorContext, toStorageError } from "./errors.ts";
import { sendAsBytes } from "./headers.ts";
import { KeySpace } from "./keys.ts";
import { PatientRetry } from "./retry.ts";
import { watchCalls } from "./watch-calls.ts";

/** What tests, and callers with unusual networks, may change; everything has a default. */
export interface S3Tuning {
  /** Attempts of each request, the first included. */
  readonly attempts?: number;
  /** Ceiling of the first retry's delay, doubled with each further one. */
  readonly retryBaseMs?: number;
  readonly connectTimeoutMs?: number;
  /** A connection on which nothing moves for this long is given up and the request sent again. */
  readonly idleTimeoutMs?: number;
  /** Requests on the wire at once. */
  readonly sockets?: number;
  /** Above this size a copy goes in parts. */
  readonly copyLimitBytes?: number;
  /** Keys of one page of a listing, `PAGE_KEYS` at most. */
  readonly pageKeys?: number;
  /** Requests of one listing at once. */
  readonly listRequests?: number;
}

/** As many as S3 gives (API reference, ListObjectsV2, max-keys). */
export const PAGE_KEYS = 1000;

/** How far the server's clock is ahead, in milliseconds, as its last answer told. */
export interface ServerClock {
  offset: number;
}

export type Tuned = Required<S3Tuning>;

const DEFAULTS: Tuned = {
  attempts: 8,
  retryBaseMs: 100,
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 120_000,
  sockets: 128,
  copyLimitBytes: 5 * 2 ** 30,
  pageKeys: PAGE_KEYS,
  listRequests: 8,
};

export interface Connection extends ErrorContext {
  readonly sdk: typeof import("@aws-sdk/client-s3");
  readonly client: S3Client;
  readonly bucket: string;
  readonly region: string;
  /** Whether this is not AWS itself, where some rules differ. */
  readonly customEndpoint: boolean;
  readonly keys: KeySpace;
  /** For requests that make an object: the class that was asked for, else the configured one, if there is one. */
  classOf(asked: string | undefined): { StorageClass?: StorageClass };
  readonly tuning: Tuned;
  readonly clock: Readonly<ServerClock>;
  /** Aborted once the run is to stop; for calls that have no signal of their own and that may be given up at any moment. */
  readonly stop: AbortSignal | undefined;
  /** The key in the bucket; throws `StorageError` for one that cannot exist there. */
  fullKey(key: string): string;
  /** Runs a request and turns its failure into a `StorageError`; an aborted `signal` throws its reason instead. */
  attempt<T>(
    what: string,
    key: string | undefined,
    signal: AbortSignal | undefined,
    run: () => Promise<T>,
  ): Promise<T>;
}

/**
 * Connects lazily: this loads the SDK and makes a client, and sends nothing. `calls` is told of every call. Once `stop` is
 * aborted no request is sent again; the first attempt of any is still made, and waited for, unless it is given a signal.
 */
export async function connect(
  config: S3StorageConfig,
  side: Side,
  clock: ServerClock,
  tuning: S3Tuning = {},
  calls?: CallStats,
  stop?: AbortSignal,
): Promise<Connection> {
  const sdk = await import("@aws-sdk/client-s3");
  const tuned = { ...DEFAULTS, ...tuning };
  const region = config.regionName ?? (await regionOf(sdk));
  const retry = new PatientRetry(tuned.attempts, tuned.retryBaseMs, () => calls?.tellThrottled(), stop);
  const client = new sdk.S3Client(clientConfig(config, region, tuned, retry));
  addContentMd5(client);
  checkAnswers(client);
  sendAsBytes(client);
  watchClock(client, clock);
  if (calls !== undefined) watchCalls(client, calls, `${side} ${locationOf(config)}`);
  const keys = new KeySpace(config.basePath);
  const { accessKeyId, secretAccessKey, sessionToken } = config.credentials ?? {};
  const context: ErrorContext = {
    side,
    location: locationOf(config),
    secrets: [secretAccessKey, sessionToken, accessKeyId].filter((secret) => secret !== undefined),
  };
  return {
    ...context,
    sdk,
    client,
    bucket: config.bucket,
    region,
    customEndpoint: config.endpointUrl !== undefined,
    keys,
    classOf(asked = config.storageClass) {
      // The SDK lists AWS's own classes; other servers have more.
      return asked === undefined ? {} : { StorageClass: asked as StorageClass };
    },
    tuning: tuned,
    clock,
    stop,
    fullKey(key) {
      const problem = keys.problem(key);
      if (problem !== undefined) throw new StorageError(side, problem, { path: key, code: "EKEY" });
      return keys.full(key);
    },
    async attempt(what, key, signal, run) {
      signal?.throwIfAborted();
      try {
        return await run();
      } catch (error) {
        signal?.throwIfAborted();
        throw toStorageError(context, what, key, error);
      }
    },
  };
}

/** The region that the SDK finds (`AWS_REGION`, a profile); Amazon's first one where that finds none. */
async function regionOf({ S3Client }: Connection["sdk"]): Promise<string> {
  const client = new S3Client({});
  try {
    return await client.config.region();
  } catch {
    return "us-east-1";
  } finally {
    client.destroy();
  }
}

/** `s3://bucket/base`, for messages. */
export function locationOf(config: S3StorageConfig): string {
  return `s3://${config.bucket}${config.basePath === "" ? "" : `/${config.basePath}`}`;
}

function clientConfig(
  config: S3StorageConfig,
  region: string,
  tuned: Tuned,
  retryStrategy: PatientRetry,
): S3ClientConfig {
  const agent = { keepAlive: true, maxSockets: tuned.sockets };
  return {
    region,
    forcePathStyle: config.forcePathStyle ?? config.endpointUrl !== undefined,
    ...(config.endpointUrl !== undefined && { endpoint: config.endpointUrl }),
    ...(config.credentials !== undefined && { credentials: config.credentials }),
    // Other servers store the trailers of the newer checksums inside the object, or refuse them; Content-MD5 is
    // checked by all of them.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // With it, every large part would get a connection of its own, and a TLS handshake.
    expectContinueHeader: false,
    maxAttempts: tuned.attempts,
    retryStrategy,
    requestHandler: {
      connectionTimeout: tuned.connectTimeoutMs,
      socketTimeout: tuned.idleTimeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
    },
  };
}

/** Lets the server check each body sent from a buffer (RFC 1864). */
function addContentMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const { request } = args as { request?: { body?: unknown; headers: Record<string, string> } };
      if (request?.body instanceof Uint8Array) {
        request.headers["content-md5"] ??= hash("md5", request.body, "base64");
      }
      return next(args);
    },
    { step: "build", name: "contentMd5" },
  );
}

/** Every answer has a `Date` header (RFC 9110, section 6.6.1), in whole seconds. */
function watchClock(client: S3Client, clock: ServerClock): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers } = result.response as { headers?: Record<string, string> };
      const date = Date.parse(headers?.date ?? "");
      if (Number.isFinite(date)) clock.offset = date - Date.now();
      return result;
    },
    { step: "deserialize", name: "serverClock" },
  );
}
