/**
 * Whether an answer of 200 is one of the operation that was asked for.
 *
 * Something on the way (a proxy, a login page) can answer 200 to a request that no server has seen. The SDK takes whatever XML
 * it gets, and none at all, for an answer in which nothing is said: a listing that is complete, a removal without failures, an
 * object without an ETag; and any page for an object's content. What is no answer is an accident on the way here, and tried
 * again as such (retry.ts). It comes from within the SDK's own loop of attempts.
 */
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { _Object, ListObjectsV2CommandOutput, S3Client } from "@aws-sdk/client-s3";
import { bareEtag } from "./keys.ts";
import { NO_ANSWER } from "./retry.ts";

/** The root elements of answers of which the absence of something means something (S3 API reference). */
const ROOTS: Readonly<Record<string, string>> = {
  DeleteObjectsCommand: "DeleteResult",
  ListMultipartUploadsCommand: "ListMultipartUploadsResult",
  ListObjectsV2Command: "ListBucketResult",
  ListPartsCommand: "ListPartsResult",
};

/** What is stored is answered with an ETag, what is begun with an id. Copies and completions are looked at by those who send them. */
const RESULTS: Readonly<Record<string, "ETag" | "UploadId">> = {
  CreateMultipartUploadCommand: "UploadId",
  PutObjectCommand: "ETag",
  UploadPartCommand: "ETag",
};

/** With an object comes when it was stored (S3 API reference), and what tells it from others. A page has neither as a rule. */
const OBJECTS: ReadonlySet<string> = new Set(["GetObjectCommand", "HeadObjectCommand"]);

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
      const { commandName = "" } = context;
      if (commandName === "ListObjectsV2Command") checkPage(result.output);
      const field = RESULTS[commandName];
      if (field !== undefined) checkResult(result.output, field, commandName);
      if (OBJECTS.has(commandName)) checkObject(result.output, commandName);
      return result;
    },
    { step: "deserialize", priority: "high", name: "checkResult" },
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
function checkPage(output: unknown): void {
  const { IsTruncated, NextContinuationToken, Contents = [] } = output as ListObjectsV2CommandOutput;
  const isOpen = IsTruncated === undefined && !NextContinuationToken;
  if (isOpen || Contents.some((object) => !isPlausible(object))) throw noAnswer("ListBucketResult", 200);
}

/** A size that is none, or a time, would make a name that is none. */
function isPlausible({ Size = 0, LastModified }: _Object): boolean {
  return Number.isSafeInteger(Size) && Size >= 0 && !Number.isNaN(LastModified?.getTime());
}

function checkResult(output: unknown, field: "ETag" | "UploadId", commandName: string): void {
  const value = (output as { ETag?: string; UploadId?: string } | undefined)?.[field];
  if (bareEtag(value) === undefined) throw noAnswerTo(commandName);
}

function checkObject(output: unknown, commandName: string): void {
  const { ETag, LastModified, Body } = output as {
    readonly ETag?: string;
    readonly LastModified?: Date;
    readonly Body?: Readable;
  };
  if (ETag !== undefined || LastModified !== undefined) return;
  Body?.destroy(); // left unread it would hold its connection
  throw noAnswerTo(commandName);
}

function noAnswerTo(commandName: string): Error {
  return noAnswer(`answer to ${commandName.replace(/Command$/, "")}`, 200);
}

function noAnswer(root: string, status: number): Error {
  const error = new Error(`the answer is not a complete ${root}`);
  return Object.assign(error, { name: NO_ANSWER, $metadata: { httpStatusCode: status } });
}
