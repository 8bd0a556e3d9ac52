/**
 * Whether an answer of 200 is one of the operation that was asked for.
 *
 * The SDK takes whatever XML it gets, and none at all, for an answer in which nothing is said: a login page or an empty
 * body for a listing that is complete, or a removal without failures. What is no answer is an accident on the way here,
 * and tried again as such (retry.ts). It comes from within the SDK's own loop of attempts.
 */
import { buffer } from "node:stream/consumers";
import type { S3Client } from "@aws-sdk/client-s3";
import { NO_ANSWER } from "./retry.ts";

/** The root elements of answers of which the absence of something means something (S3 API reference). */
const ROOTS: Readonly<Record<string, string>> = {
  DeleteObjectsCommand: "DeleteResult",
  ListMultipartUploadsCommand: "ListMultipartUploadsResult",
  ListObjectsV2Command: "ListBucketResult",
  ListPartsCommand: "ListPartsResult",
};

/** As far as this a root element is looked for: behind the XML declaration, or comments. */
const PROLOG_BYTES = 4096;

interface HttpAnswer {
  statusCode: number;
  readonly headers: Record<string, string>;
  body: AsyncIterable<Uint8Array> | Uint8Array | undefined;
}

/** Has `client` take nothing for an answer that is none. What is cut off the SDK's parser refuses by itself. */
export function checkAnswers(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      const root = ROOTS[context.commandName ?? ""];
      if (root !== undefined) await checkRoot(result.response as HttpAnswer, root);
      return result;
    },
    // Next to the wire: before the SDK reads the body.
    { step: "deserialize", priority: "low", name: "checkRoot" },
  );
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      if (context.commandName === "ListObjectsV2Command") checkEnd(result.output);
      return result;
    },
    { step: "deserialize", priority: "high", name: "checkEnd" },
  );
}

async function checkRoot(response: HttpAnswer, root: string): Promise<void> {
  if (response.statusCode >= 300) return;
  const bytes = await bytesOf(response.body);
  response.body = bytes;
  // What came in chunks has no length, which calls are counted by (watch-calls.ts).
  response.headers["content-length"] ??= String(bytes.length);
  const found = rootOf(bytes);
  // An error that came too late for the status: as one it is read, and tells what it is.
  if (found === "Error") response.statusCode = 500;
  else if (found !== root) throw noAnswer(root, response.statusCode);
}

async function bytesOf(body: HttpAnswer["body"]): Promise<Uint8Array> {
  if (body === undefined) return new Uint8Array();
  return body instanceof Uint8Array ? body : buffer(body);
}

/** The name of the root element; undefined where there is none. */
export function rootOf(bytes: Uint8Array): string | undefined {
  let rest = new TextDecoder().decode(bytes.subarray(0, PROLOG_BYTES)).trimStart();
  for (;;) {
    const [, name] = /^<([\w:.-]+)[\s/>]/.exec(rest) ?? [];
    if (name !== undefined) return name;
    const end = rest.startsWith("<!--") ? "-->" : /^<[?!]/.test(rest) ? ">" : undefined;
    if (end === undefined || !rest.includes(end)) return undefined;
    rest = rest.slice(rest.indexOf(end) + end.length).trimStart();
  }
}

/** A page that neither says that it is the last nor how to go on is not taken for the end. */
function checkEnd(output: unknown): void {
  const { IsTruncated, NextContinuationToken } = output as {
    readonly IsTruncated?: boolean;
    readonly NextContinuationToken?: string;
  };
  if (IsTruncated === undefined && !NextContinuationToken) throw noAnswer("ListBucketResult", 200);
}

function noAnswer(root: string, status: number): Error {
  const error = new Error(`the answer is not a complete ${root}`);
  return Object.assign(error, { name: NO_ANSWER, $metadata: { httpStatusCode: status } });
}
