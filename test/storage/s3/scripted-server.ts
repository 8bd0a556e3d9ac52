/**
 * A server that answers as it is told, for what no real one does.
 */
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import type { S3StorageConfig } from "../../../src/config/config.ts";
import { callOf, type S3Call } from "../../s3-server/s3-operation.ts";

export interface Answer {
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export class ScriptedServer {
  readonly calls: S3Call[] = [];
  private readonly server: http.Server;

  private constructor(server: http.Server) {
    this.server = server;
  }

  /** `answer` gives what is answered to a call; undefined: nothing ever. */
  static async start(answer: (call: S3Call) => Answer | undefined): Promise<ScriptedServer> {
    const server = http.createServer();
    const scripted = new ScriptedServer(server);
    server.on("request", (request, response) => {
      const call = callOf(request.method ?? "", request.url ?? "", request.headers);
      scripted.calls.push(call);
      const told = answer(call);
      request.resume().on("end", () => {
        if (told === undefined) return;
        const { status = 200, body = "", headers } = told;
        const object = { "content-length": body.length, "last-modified": new Date(0).toUTCString() };
        response.writeHead(status, {
          "content-type": "application/xml",
          ...(request.method === "HEAD" && object),
          ...headers,
        });
        response.end(body); // in chunks, without a length, where there is a body
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return scripted;
  }

  get config(): S3StorageConfig {
    return {
      kind: "s3",
      bucket: "b",
      basePath: "",
      endpointUrl: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`,
      regionName: "us-east-1",
      credentials: { accessKeyId: "key", secretAccessKey: "secret" },
    };
  }

  count(operation: string): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A page of a listing; `end` stands behind the keys. */
export function page(keys: readonly string[], end: string): string {
  const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>${contents}${end}</ListBucketResult>`;
}

export const LAST = "<IsTruncated>false</IsTruncated>";

export function more(token: string): string {
  return `<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken>`;
}
