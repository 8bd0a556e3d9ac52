/**
 * When an S3 request is sent again, and after how long.
 *
 * The SDK's own strategy draws retries from a budget that a long spell of trouble uses up, after which every hiccup
 * fails a file. A backup is in no hurry: here each request has its own attempts, spread by exponential backoff with
 * full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter").
 */

import { setTimeout as pause } from "node:timers/promises";

/** The name of an error that stands for an answer which cannot be understood. */
export const NO_ANSWER = "EANSWER";

interface RetryToken {
  getRetryCount(): number;
  getRetryDelay(): number;
}

interface RetryErrorInfo {
  readonly error?: unknown;
  readonly errorType: "TRANSIENT" | "THROTTLING" | "SERVER_ERROR" | "CLIENT_ERROR";
  readonly retryAfterHint?: Date;
}

const LONGEST_DELAY_MS = 20_000;

/** Answers that mean "something happened on the way", which the SDK takes for the caller's mistake. */
const DAMAGED_ON_THE_WAY = new Set([
  "BadDigest",
  "IncompleteBody",
  "OperationAborted",
  "RequestTimeout",
  "XAmzContentSHA256Mismatch",
]);

/** Connections that break in ways the SDK does not know as such. */
const BROKEN_CONNECTION = new Set([
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EADDRNOTAVAIL",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "ENOTFOUND",
  "EPIPE",
  "EPROTO",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ETIMEDOUT",
]);

/** Bytes that Node cannot take for HTTP, or for TLS: damaged on the way, or cut off in the middle of an answer. */
const GARBLED = /^(?:HPE_|ERR_SSL_)/;

export class PatientRetry {
  private readonly attempts: number;
  private readonly baseMs: number;
  private readonly onThrottled: () => void;
  private readonly stop: AbortSignal | undefined;

  /**
   * `attempts` counts the first one; `baseMs` is the ceiling of the first delay, five times that when throttled;
   * `onThrottled` is told of each attempt by which the server asked for fewer requests. Once `stop` is aborted nothing
   * is sent a second time, what waits for that included.
   */
  constructor(attempts: number, baseMs: number, onThrottled: () => void = () => {}, stop?: AbortSignal) {
    this.attempts = attempts;
    this.baseMs = baseMs;
    this.onThrottled = onThrottled;
    this.stop = stop;
  }

  async acquireInitialRetryToken(): Promise<RetryToken> {
    return token(0, 0);
  }

  async refreshRetryTokenForRetry(last: RetryToken, info: RetryErrorInfo): Promise<RetryToken> {
    const retry = last.getRetryCount() + 1;
    const throttled = isThrottled(info);
    if (throttled) this.onThrottled();
    if (retry >= this.attempts || !isWorthRetrying(info)) throw new Error("not retried");
    const base = throttled ? 5 * this.baseMs : this.baseMs;
    const delay = backoffMs(retry, base);
    const asked = info.retryAfterHint === undefined ? 0 : info.retryAfterHint.getTime() - Date.now();
    const longer = Math.max(delay, Math.min(asked, LONGEST_DELAY_MS));
    if (this.stop === undefined) return token(retry, longer);
    // The SDK would wait to the end, and then send. It takes any error for a no.
    await pause(longer, undefined, { signal: this.stop });
    return token(retry, 0);
  }

  recordSuccess(): void {
    // No budget to refill.
  }
}

/** Milliseconds to wait before retry number `retry` (from 1). */
export function backoffMs(retry: number, baseMs: number): number {
  return Math.random() * Math.min(LONGEST_DELAY_MS, baseMs * 2 ** (retry - 1));
}

function token(count: number, delayMs: number): RetryToken {
  return { getRetryCount: () => count, getRetryDelay: () => delayMs };
}

/** `SlowDown`, 429; and any 503: an answer to HEAD has no body that says more, and the SDK takes it for an accident. */
function isThrottled({ error, errorType }: RetryErrorInfo): boolean {
  return errorType === "THROTTLING" || detailsOf(error).status === 503;
}

function isWorthRetrying({ error, errorType }: RetryErrorInfo): boolean {
  if (errorType === "THROTTLING" || errorType === "TRANSIENT") return true;
  const { name, code, status } = detailsOf(error);
  // 501 is an answer, not an accident.
  if (errorType === "SERVER_ERROR") return status !== 501;
  return isBrokenConnection(code) || DAMAGED_ON_THE_WAY.has(name) || isNoAnswer({ name, code, status });
}

/** Of errors that no server names: what the SDK's parser throws, and check-answers.ts. */
const UNREADABLE: ReadonlySet<string> = new Set([
  NO_ANSWER,
  "Error",
  "RangeError",
  "SyntaxError",
  "TypeError",
]);

/**
 * Whether a request was answered as one that worked, with what cannot be understood; or sent elsewhere by somebody who is no S3
 * server, as login pages do it: those name an error.
 */
export function isNoAnswer({ name, code, status = 0 }: Omit<ErrorDetails, "message">): boolean {
  if (code !== undefined) return false;
  if (isSentElsewhere(status)) return name === "Unknown" || UNREADABLE.has(name);
  return status > 0 && status < 300 && UNREADABLE.has(name);
}

/** Not 301, which S3 answers to a HEAD for a bucket of another region. */
function isSentElsewhere(status: number): boolean {
  return status === 302 || status === 303 || status === 307 || status === 308;
}

export function isBrokenConnection(code: string | undefined): boolean {
  return code !== undefined && (BROKEN_CONNECTION.has(code) || GARBLED.test(code));
}

export interface ErrorDetails {
  /** S3's error code, such as `NoSuchKey`; Ceph sends it even where it sends no message. */
  readonly name: string;
  readonly message: string;
  /** Node's code of a connection that failed. */
  readonly code: string | undefined;
  readonly status: number | undefined;
}

/** What can be known of an error from the SDK, or of anything else that was thrown. */
export function detailsOf(error: unknown): ErrorDetails {
  if (typeof error !== "object" || error === null) {
    return { name: "Error", message: String(error), code: undefined, status: undefined };
  }
  const { name, message, code, $metadata: metadata } = error as Record<string, unknown>;
  const status =
    typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata
      ? metadata.httpStatusCode
      : undefined;
  return {
    name: typeof name === "string" ? name : "Error",
    message: typeof message === "string" ? message : "",
    code: typeof code === "string" ? code : undefined,
    status: typeof status === "number" ? status : undefined,
  };
}
