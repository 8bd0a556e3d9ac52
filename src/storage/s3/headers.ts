/**
 * What a user gave with an object: content type and the like, and user metadata, by the names of their headers.
 */
import type { HeadObjectCommandOutput, PutObjectCommandInput } from "@aws-sdk/client-s3";

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
export function headersOf(head: HeadObjectCommandOutput): Record<string, string> | undefined {
  const headers: Record<string, string> = {};
  for (const [name, field] of FIELDS) {
    const value = head[field];
    if (!value || (name === "content-type" && DEFAULT_TYPES.has(value))) continue;
    headers[name] = value;
  }
  for (const [name, value] of Object.entries(head.Metadata ?? {})) headers[USER + name.toLowerCase()] = value;
  return Object.keys(headers).length > 0 ? headers : undefined;
}

/** The parameters of a PUT that gives them again; headers of other names are left out. */
export function putParameters(headers: ReadonlyMap<string, string>): {
  content: ContentHeaders;
  metadata: Record<string, string>;
} {
  const parameters: Partial<Record<(typeof FIELDS)[number][1], string>> = {};
  for (const [name, field] of FIELDS) {
    const value = headers.get(name);
    if (value !== undefined) parameters[field] = value;
  }
  const user = [...headers].filter(([name]) => name.startsWith(USER));
  return {
    content: parameters,
    metadata: Object.fromEntries(user.map(([name, value]) => [name.slice(USER.length), value])),
  };
}
