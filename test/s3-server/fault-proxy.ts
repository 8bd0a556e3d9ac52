/**
 * A proxy before an S3 server that counts what passes, by operation, and breaks what it is told to break.
 *
 *     const proxy = await FaultProxy.start("http://127.0.0.1:7481");
 *     proxy.fail({ operation: "UploadPart", effect: { kind: "status", status: 503 }, times: 2 });
 *     ... // a client with endpointUrl: proxy.url
 *     expect(proxy.unmet()).toEqual([]);
 *     expect(proxy.count("UploadPart").requests).toBe(3);
 *
 * Requests pass unchanged, Host header included, so their signatures stay valid.
 */
import * as http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { callOf, type S3Call } from "./s3-operation.ts";

export type Effect =
  /** Answer with this, the server never sees the request. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly code?: string;
      readonly body?: string | Uint8Array;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Break the connection; the server never sees the request. */
  | { readonly kind: "reset" }
  /** Let the server do it, then break the connection before its answer. */
  | { readonly kind: "lose-answer" }
  /** Let the server do it, then answer with this instead. */
  | { readonly kind: "replace-answer"; readonly status: number; readonly body: string }
  /** Pass on this many bytes of the answer's body, then break the connection. */
  | { readonly kind: "truncate"; readonly bytes: number }
  /** Change one bit of the answer's body: of the byte in its middle. */
  | { readonly kind: "flip" }
  /** Let it pass after a while. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Never answer. */
  | { readonly kind: "stall" };

export interface Fault {
  /** Any operation when absent. */
  readonly operation?: string;
  readonly when?: (call: S3Call) => boolean;
  /** Let this many matching requests pass first. */
  readonly after?: number;
  /** Then break so many; once when absent. */
  readonly times?: number;
  readonly effect: Effect;
}

/** Bytes of bodies, and bytes on the wire with all headers, between client and proxy. */
export interface Count {
  requests: number;
  /** From the client. */
  sentBody: number;
  /** To the client. */
  receivedBody: number;
}

interface Planned {
  readonly fault: Fault;
  seen: number;
  met: number;
}

export class FaultProxy {
  readonly url: string;
  /** Every request in the order of arrival. */
  readonly calls: S3Call[] = [];
  private readonly server: http.Server;
  private readonly target: URL;
  private readonly agent = new http.Agent({ keepAlive: true });
  private readonly counts = new Map<string, Count>();
  private readonly running = new Map<string, { now: number; most: number }>();
  private readonly sockets = new Set<Socket>();
  private readonly closedBytes = { sent: 0, received: 0 };
  private planned: Planned[] = [];

  private constructor(server: http.Server, target: URL) {
    this.server = server;
    this.target = target;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => this.handle(request, response));
    server.on("connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.on("error", () => {}); // clients may break connections as they like
      socket.on("close", () => {
        this.sockets.delete(socket);
        this.closedBytes.sent += socket.bytesRead;
        this.closedBytes.received += socket.bytesWritten;
      });
    });
  }

  /** Starts a proxy on a free port of the loopback interface. */
  static async start(target: string): Promise<FaultProxy> {
    const server = http.createServer({ keepAliveTimeout: 60_000 });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new FaultProxy(server, new URL(target));
  }

  /** Plans a fault; of several that match a request the one planned first strikes. */
  fail(fault: Fault): void {
    this.planned.push({ fault, seen: 0, met: 0 });
  }

  /** Planned faults that did not strike as often as they should have: a test with some left proves nothing. */
  unmet(): Fault[] {
    return this.planned.filter(({ fault, met }) => met < (fault.times ?? 1)).map(({ fault }) => fault);
  }

  count(operation: string): Count {
    return this.counts.get(operation) ?? { requests: 0, sentBody: 0, receivedBody: 0 };
  }

  /** Requests of an operation whose answer has not begun, and the most that were. */
  atOnce(operation: string): { readonly now: number; readonly most: number } {
    return this.running.get(operation) ?? { now: 0, most: 0 };
  }

  /** All operations seen so far, sorted by name. */
  table(): Record<string, Count> {
    return Object.fromEntries([...this.counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Bytes on the wire in all, headers included: `sent` by the client, `received` by it. */
  wire(): { sent: number; received: number } {
    let { sent, received } = this.closedBytes;
    for (const socket of this.sockets) {
      sent += socket.bytesRead;
      received += socket.bytesWritten;
    }
    return { sent, received };
  }

  /** Forgets faults and counts (but not `wire`, which only grows). */
  reset(): void {
    this.planned = [];
    this.counts.clear();
    for (const running of this.running.values()) running.most = running.now;
    this.calls.length = 0;
  }

  async stop(): Promise<void> {
    this.agent.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private handle(request: http.IncomingMessage, response: http.ServerResponse): void {
    const call = callOf(request.method ?? "", request.url ?? "", request.headers);
    const count = this.counts.get(call.operation) ?? { requests: 0, sentBody: 0, receivedBody: 0 };
    this.counts.set(call.operation, count);
    this.calls.push(call);
    count.requests++;
    const answered = this.watch(call.operation);
    response.once("close", answered);
    request.on("data", (piece: Buffer) => {
      count.sentBody += piece.length;
    });
    request.on("error", () => {});
    const effect = this.strike(call);
    if (effect?.kind === "reset") request.socket.resetAndDestroy();
    else if (effect?.kind === "stall") request.resume();
    else if (effect?.kind === "status") {
      request.resume().on("end", () => {
        answered();
        respond(response, effect.status, effect.body ?? errorBody(effect), effect.headers);
      });
    } else if (effect?.kind === "delay") {
      request.pause(); // its body is to be there when it is passed on
      setTimeout(() => this.forward(request, response, { count, answered }, undefined), effect.ms);
    } else this.forward(request, response, { count, answered }, effect);
  }

  /** One more is under way, until what it returns is called: before the client can have the answer and send another one. */
  private watch(operation: string): () => void {
    const running = this.running.get(operation) ?? { now: 0, most: 0 };
    this.running.set(operation, running);
    running.now++;
    running.most = Math.max(running.most, running.now);
    let waits = true;
    return () => {
      if (waits) running.now--;
      waits = false;
    };
  }

  private strike(call: S3Call): Effect | undefined {
    for (const plan of this.planned) {
      const { operation, when, after = 0, times = 1, effect } = plan.fault;
      if (operation !== undefined && operation !== call.operation) continue;
      if (when !== undefined && !when(call)) continue;
      plan.seen++;
      if (plan.seen <= after || plan.met >= times) continue;
      plan.met++;
      return effect;
    }
    return undefined;
  }

  private forward(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    { count, answered }: { readonly count: Count; readonly answered: () => void },
    effect: Effect | undefined,
  ): void {
    const { hostname, port } = this.target;
    const onward = http.request(
      { hostname, port, method: request.method, path: request.url, agent: this.agent, setHost: false },
      (answer) => {
        answer.on("error", () => response.destroy());
        if (effect?.kind === "lose-answer") {
          answer.resume().on("end", () => request.socket.resetAndDestroy());
        } else if (effect?.kind === "replace-answer") {
          answer.resume().on("end", () => {
            answered();
            respond(response, effect.status, effect.body);
          });
        } else {
          answered();
          response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
          const flipAt = Number(answer.headers["content-length"]) >> 1;
          passOn(answer, response, count, {
            ...(effect?.kind === "truncate" && { limit: effect.bytes }),
            ...(effect?.kind === "flip" && { flipAt }),
          });
        }
      },
    );
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      onward.appendHeader(request.rawHeaders[i] ?? "", request.rawHeaders[i + 1] ?? "");
    }
    // Swift sends a body after a HEAD, which is an error of the connection but not of the answer.
    onward.on("error", () => {
      if (!response.headersSent) response.destroy();
    });
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  }
}

function passOn(
  answer: http.IncomingMessage,
  response: http.ServerResponse,
  count: Count,
  { limit, flipAt }: { readonly limit?: number; readonly flipAt?: number },
): void {
  let passed = 0;
  answer.on("data", (piece: Buffer) => {
    const part = limit === undefined ? piece : piece.subarray(0, limit - passed);
    const at = flipAt === undefined ? -1 : flipAt - passed;
    if (at >= 0 && at < part.length) part[at] = (part[at] ?? 0) ^ 1;
    passed += part.length;
    count.receivedBody += part.length;
    const flowing = response.write(part);
    if (limit !== undefined && passed >= limit) {
      answer.destroy();
      setImmediate(() => response.destroy());
    } else if (!flowing) {
      answer.pause();
      response.once("drain", () => answer.resume());
    }
  });
  answer.on("end", () => response.end());
}

function respond(
  response: http.ServerResponse,
  status: number,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    "content-type": "application/xml",
    "content-length": Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

function errorBody({ status, code }: { status: number; code?: string }): string {
  const name = code ?? { 500: "InternalError", 503: "SlowDown" }[status] ?? "Error";
  return `<?xml version="1.0"?><Error><Code>${name}</Code><Message>planned by a test</Message></Error>`;
}
