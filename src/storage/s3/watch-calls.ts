/**
 * Times every call of an S3 client: the logical call, retries and waiting for them included, and each attempt.
 *
 * A GetObject lasts until its body has come. Bytes are those of bodies by their announced length, which costs nothing: a
 * body that breaks off counts as if all of it had come; what comes in chunks counts where it is read as a whole before the
 * SDK sees it (check-answers.ts). An answer of 404 is an answer; a call that was given up because the run
 * stops is no failure either.
 */
import type { S3Client } from "@aws-sdk/client-s3";
import type { CallStats, FinishedCall } from "../call-stats.ts";
import { detailsOf } from "./retry.ts";

type Kind = FinishedCall["kind"];

interface HttpMessage {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The body of an answer as Node gives it. */
interface BodyStream {
  once(event: "close", listener: () => void): unknown;
  readonly errored?: unknown;
}

const COMMAND = /Command$/;

/** Has `stats` told of all that `client` does; `storage` is what it is called there. */
export function watchCalls(client: S3Client, stats: CallStats, storage: string): void {
  const watch = (kind: Kind, commandName: string | undefined, input: unknown) => {
    const started = performance.now();
    const operation = (commandName ?? "unknown").replace(COMMAND, "");
    const { Key } = input as { Key?: string };
    return (bytes: number, failed: boolean) => {
      const ms = performance.now() - started;
      const key = Key === undefined ? {} : { key: Key };
      stats.record({ storage, operation, kind, ms, bytes, failed, ...key });
    };
  };
  const bytesOfCall = new WeakMap<object, number>();
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const end = watch("call", context.commandName, args.input);
      try {
        const result = await next(args);
        whenComplete(result.output, (failed) => end(bytesOfCall.get(context) ?? 0, failed));
        return result;
      } catch (error) {
        end(0, isFailure(error));
        throw error;
      }
    },
    { step: "initialize", priority: "high", name: "watchCalls" },
  );
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const end = watch("attempt", context.commandName, args.input);
      const sent = lengthOf(args.request);
      try {
        const result = await next(args);
        const bytes = sent + (isHead(args.request) ? 0 : lengthOf(result.response));
        bytesOfCall.set(context, bytes);
        whenComplete(result.output, (failed) => end(bytes, failed));
        return result;
      } catch (error) {
        end(sent, isFailure(error));
        throw error;
      }
    },
    { step: "finalizeRequest", priority: "low", name: "watchAttempts" },
  );
}

/** At once, or once the body that is still to come has come, or was given up. */
function whenComplete(output: object, then: (failed: boolean) => void): void {
  const body = (output as { Body?: BodyStream }).Body;
  if (typeof body?.once !== "function") then(false);
  else body.once("close", () => then(isBroken(body)));
}

function isBroken({ errored }: BodyStream): boolean {
  return errored !== undefined && errored !== null && isFailure(errored);
}

function isFailure(error: unknown): boolean {
  const { name, status } = detailsOf(error);
  return name !== "AbortError" && status !== 404;
}

/** Its answer tells the length of a body that does not come. */
function isHead(request: unknown): boolean {
  return (request as HttpMessage | undefined)?.method === "HEAD";
}

function lengthOf(message: unknown): number {
  const length = Number((message as HttpMessage | undefined)?.headers?.["content-length"]);
  return Number.isFinite(length) ? length : 0;
}
