/**
 * What a user gave with an object: content type and the like, and user metadata, by the names of their headers.
 *
 * Values are bytes, which programs fill with UTF-8. Node gives and takes them as Latin-1, a character for each byte, and so
 * they are kept; the SDK signs them as UTF-8. So what it is given is text, which `sendAsBytes` turns into bytes again.
 */
import { isUtf8 } from "node:buffer";
import type { HeadObjectCommandOutput, PutObjectCommandInput, S3Client } from "@aws-sdk/client-s3";

const FIELDS = [
  ["content-type", "ContentType"],
  ["cache-control", "CacheControl"],
  ["content-disposition", "ContentDisposition"],
  ["content-encoding", "ContentEncoding"],
  ["content-language", "ContentLanguage"],
] as const;

/** Content type and the like, as the SDK names them. */
export type ContentHeaders = Pick<PutObjectCommandInput, (typeof FIELDS)[number][1]>;

const USER = "x-amz-meta-";
/** What servers answer where no content type was given. */
const DEFAULT_TYPES = new Set(["binary/octet-stream", "application/octet-stream"]);

/** Undefined where nothing was given. */
export function headersOf(
  head: Pick<HeadObjectCommandOutput, (typeof FIELDS)[number][1] | "Metadata">,
): Record<string, string> | undefined {
  const headers: Record<string, string> = {};
  for (const [name, field] of FIELDS) {
    const value = head[field];
    if (!value || (name === "content-type" && DEFAULT_TYPES.has(value))) continue;
    headers[name] = value;
  }
  for (const [name, value] of Object.entries(head.Metadata ?? {})) headers[USER + name.toLowerCase()] = value;
  return Object.keys(headers).length > 0 ? headers : undefined;
}

/**
 * The parameters of a PUT that gives them again. Left out are headers of other names, and what cannot be sent as it was
 * signed: what is no UTF-8, and a content-disposition beyond ASCII.
 */
export function putParameters(headers: ReadonlyMap<string, string>): {
  content: ContentHeaders;
  metadata: Record<string, string>;
} {
  const parameters: Partial<Record<(typeof FIELDS)[number][1], string>> = {};
  for (const [name, field] of FIELDS) {
    const value = textOf(headers.get(name));
    if (value !== undefined && !(name === REWRITTEN && NOT_ASCII.test(value))) parameters[field] = value;
  }
  const metadata: Record<string, string> = {};
  for (const [name, bytes] of headers) {
    const value = name.startsWith(USER) ? textOf(bytes) : undefined;
    if (value !== undefined) metadata[name.slice(USER.length)] = value;
  }
  return { content: parameters, metadata };
}

/** Has `client` send what was signed. */
export function sendAsBytes(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      for (const [name, value] of Object.entries(headers)) {
        if (NOT_ASCII.test(value)) headers[name] = Buffer.from(value).toString("latin1");
      }
      return next(args);
    },
    // Next to the wire: each attempt is signed before.
    { step: "deserialize", priority: "low", name: "sendAsBytes" },
  );
}

const NOT_ASCII = /[^\x00-\x7f]/;
/** Node has its own idea of the bytes of this one where a body goes with it (`_storeHeader` in its http module). */
const REWRITTEN = "content-disposition";

/** Undefined where the bytes are not UTF-8. */
function textOf(bytes: string | undefined): string | undefined {
  if (bytes === undefined || !NOT_ASCII.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, "latin1");
  return isUtf8(buffer) ? buffer.toString() : undefined;
}
