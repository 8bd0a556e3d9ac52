/**
 * Vitest's global setup for the S3 server. Nothing is started here: the first test that needs the server starts it
 * (s3-server.ts), in the name of this process, so that a run without such a test pays nothing.
 *
 * `S3_TEST_KEEP=1` leaves it running for the next run; `S3_TEST_REQUIRED=1` (.ci/run) installs what is missing.
 */
import { releaseServer } from "./s3-server.ts";

export default function setup(): () => Promise<void> {
  process.env.S3_TEST_OWNER = String(process.pid);
  return releaseServer;
}
