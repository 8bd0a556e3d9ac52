/**
 * Whether a failure is one of the moment: the same may work in the next run, and another way would fail as well now.
 */
import { errorCode } from "../errors.ts";
import { isBrokenConnection } from "./s3/retry.ts";

const PASSING: ReadonlySet<string> = new Set([
  // S3: throttled, or the server's own trouble, after all retries.
  "InternalError",
  "RequestTimeout",
  "ServiceUnavailable",
  "SlowDown",
  "TimeoutError",
  // Local: no place, or a disk that does not answer.
  "EDQUOT",
  "EIO",
  "ENOSPC",
  "EROFS",
]);

export function isPassing(error: unknown): boolean {
  const code = errorCode(error);
  return code !== undefined && (PASSING.has(code) || isBrokenConnection(code));
}
