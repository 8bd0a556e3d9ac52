/**
 * Answers of success without a result.
 *
 * Something on the way (a proxy, a login page) can answer 200 to a request that no server has seen. What has been
 * stored is answered with an ETag, what has been begun with an id, much else in XML: where that is missing it is an
 * accident like a broken connection, and the request is sent again.
 */
import type { S3Client } from "@aws-sdk/client-s3";
import { bareEtag } from "./keys.ts";
import { detailsOf } from "./retry.ts";

/** The code of a request whose answers all said nothing. */
export const NO_RESULT = "EANSWER";

interface Result {
  readonly ETag?: string;
  readonly UploadId?: string;
}

/** What an answer cannot be without. Copies and completions are looked at by those who send them. */
const RESULTS: Readonly<Record<string, keyof Result>> = {
  CreateMultipartUploadCommand: "UploadId",
  PutObjectCommand: "ETag",
  UploadPartCommand: "ETag",
};

/** Makes errors of such answers, which are retried. */
export function refuseEmptyAnswers(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const { commandName = "" } = context;
      const result = await next(args).catch((error: unknown) => {
        throw isUnreadable(error) ? emptyAnswer(commandName) : error;
      });
      const field = RESULTS[commandName];
      const output: object = result.output ?? {};
      if (field !== undefined && bareEtag((output as Result)[field]) === undefined)
        throw emptyAnswer(commandName);
      return result;
    },
    { step: "deserialize", priority: "high", name: "refuseEmptyAnswers" },
  );
}

/** What the SDK throws of a success is that it cannot make sense of it. */
function isUnreadable(error: unknown): boolean {
  const { status } = detailsOf(error);
  return status !== undefined && status >= 200 && status < 300;
}

/** `$retryable` is how the SDK marks what may be sent again. */
function emptyAnswer(commandName: string): Error {
  const error = new Error(`${commandName.replace(/Command$/, "")} was answered without a result`);
  return Object.assign(error, { code: NO_RESULT, $retryable: {} });
}
