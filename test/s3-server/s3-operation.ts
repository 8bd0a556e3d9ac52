/**
 * Which S3 operation a plain HTTP request is (S3 API reference), for path-style requests.
 */

export interface S3Call {
  /** As the SDK's commands are called, without "Command": `PutObject`, `UploadPartCopy`. */
  readonly operation: string;
  readonly bucket: string;
  /** Decoded; empty for calls on the bucket. */
  readonly key: string;
  /** As it was sent, without the question mark. */
  readonly query: string;
}

export function callOf(method: string, target: string, headers: Record<string, unknown>): S3Call {
  const [path = "", query = ""] = target.split("?", 2);
  const [, bucket = "", ...rest] = path.split("/");
  const key = decodeURIComponent(rest.join("/"));
  const has = (name: string) => query.split("&").some((pair) => pair === name || pair.startsWith(`${name}=`));
  return { operation: operationOf(method, key, has, "x-amz-copy-source" in headers), bucket, key, query };
}

function operationOf(method: string, key: string, has: (name: string) => boolean, copies: boolean): string {
  if (key === "") {
    if (method === "POST" && has("delete")) return "DeleteObjects";
    if (method === "GET") {
      if (has("uploads")) return "ListMultipartUploads";
      return has("list-type") ? "ListObjectsV2" : "ListObjects";
    }
    return { PUT: "CreateBucket", HEAD: "HeadBucket", DELETE: "DeleteBucket" }[method] ?? method;
  }
  if (method === "POST") return has("uploads") ? "CreateMultipartUpload" : "CompleteMultipartUpload";
  if (method === "DELETE") return has("uploadId") ? "AbortMultipartUpload" : "DeleteObject";
  if (method === "HEAD") return "HeadObject";
  if (method === "GET") return has("uploadId") ? "ListParts" : "GetObject";
  if (has("uploadId")) return copies ? "UploadPartCopy" : "UploadPart";
  return copies ? "CopyObject" : "PutObject";
}
