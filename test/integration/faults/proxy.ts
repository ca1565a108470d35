// A proxy before a real API server, on loopback over TLS, that does to connections what networks,
// load balancers and overloaded servers do. It ends TLS with a certificate of its own, so that it
// can also answer in the server's place, and passes everything else on unchanged.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "node:https";
import { Agent, createServer, request as httpsRequest } from "node:https";
import type { AddressInfo, Socket } from "node:net";

import type { ServerIdentity } from "./authority.ts";

/** An answer in the API server's place; after `drop` the connection ends without one. */
export type Answer = { readonly status: number; readonly retryAfterSeconds?: number } | "drop";

/** One request as it came in. */
export interface SeenRequest {
  readonly atMs: number;
  readonly method: string;
  /** With the query. */
  readonly url: string;
  /** 0 until it is answered. */
  readonly status: number;
}

/** Settings of a {@link FaultProxy}. */
export interface FaultProxyOptions {
  readonly identity: ServerIdentity;
  readonly upstream: { readonly host: string; readonly port: number; readonly ca: string };
}

interface Exchange {
  readonly response: ServerResponse;
  readonly isWatch: boolean;
  silent: boolean;
}

/** See the head of this file. */
export class FaultProxy {
  /** Every request, oldest first; tests may clear it. */
  readonly seen: SeenRequest[] = [];
  /** Asked for every request; undefined passes it on. */
  answer: (request: IncomingMessage) => Answer | undefined = () => undefined;
  /** Bearer tokens that become others on their way. */
  readonly tokens = new Map<string, string>();
  readonly #options: FaultProxyOptions;
  readonly #server: Server;
  readonly #agent: Agent;
  readonly #sockets = new Set<Socket>();
  readonly #exchanges = new Set<Exchange>();
  #handshakes = 0;
  #blackHole = false;

  private constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, ca: options.upstream.ca });
    const { cert, key } = options.identity;
    this.#server = createServer({ cert, key }, (request, response) =>
      this.#serve(request, response),
    );
    this.#server.on("secureConnection", () => this.#handshakes++);
    // A client that does not trust us, or goes away, is what this is about.
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** Listens on a free port of 127.0.0.1. */
  static async open(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await proxy.#listen(0);
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** TLS connections made so far. */
  get handshakes(): number {
    return this.#handshakes;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Every connection ends with a TCP reset. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Watches that are open now deliver no more bytes; their connections stay, new ones work. */
  silenceWatches(): void {
    for (const exchange of this.#exchanges) if (exchange.isWatch) exchange.silent = true;
  }

  /** While true no byte of any answer leaves, on old and new connections. */
  set blackHole(on: boolean) {
    this.#blackHole = on;
    if (on) for (const exchange of this.#exchanges) exchange.silent = true;
  }

  /** Puts a line into every open watch and ends it, as the API server does with an error. */
  endWatchesWith(line: string): void {
    for (const { isWatch, silent, response } of this.#exchanges) {
      if (isWatch && !silent && response.headersSent) response.end(line);
    }
  }

  /** From now on another certificate by another authority; open connections are reset. */
  rotate(identity: ServerIdentity): void {
    this.#server.setSecureContext({ cert: identity.cert, key: identity.key });
    this.reset();
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = "", url = "" } = request;
    const index = this.seen.length;
    const entry = { atMs: performance.now(), method, url, status: 0 };
    const log = this.seen;
    log.push(entry);
    const note = (status: number): void => {
      if (log[index] === entry) log[index] = { ...entry, status };
    };
    if (this.#blackHole) return;
    const answer = this.answer(request);
    if (answer === "drop") {
      request.socket.destroy();
      return;
    }
    if (answer !== undefined) {
      request.resume();
      note(answer.status);
      refuse(response, answer);
      return;
    }
    this.#forward(request, response, note);
  }

  #forward(
    request: IncomingMessage,
    response: ServerResponse,
    note: (status: number) => void,
  ): void {
    const { upstream } = this.#options;
    const isWatch = /[?&]watch=true/.test(request.url ?? "");
    const exchange: Exchange = { response, isWatch, silent: false };
    this.#exchanges.add(exchange);
    const onward = httpsRequest({
      host: upstream.host,
      port: upstream.port,
      agent: this.#agent,
      method: request.method,
      path: request.url,
      headers: { ...request.headers, authorization: this.#token(request) },
    });
    onward.on("response", (answer) => {
      note(answer.statusCode ?? 0);
      if (exchange.silent) return;
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on("data", (chunk: Buffer) => {
        if (!exchange.silent) response.write(chunk);
      });
      answer.on("end", () => {
        if (!exchange.silent) response.end();
      });
      answer.on("error", () => request.socket.destroy());
    });
    // The API server is away: what a client behind a dumb balancer sees is a broken connection.
    onward.on("error", () => request.socket.destroy());
    response.on("close", () => {
      this.#exchanges.delete(exchange);
      onward.destroy();
    });
    request.pipe(onward);
  }

  #token(request: IncomingMessage): string {
    const [, token = ""] = /^Bearer (.+)$/.exec(request.headers.authorization ?? "") ?? [];
    return `Bearer ${this.tokens.get(token) ?? token}`;
  }
}

function refuse(response: ServerResponse, answer: Exclude<Answer, "drop">): void {
  const status = {
    kind: "Status",
    apiVersion: "v1",
    status: "Failure",
    message: "injected",
    code: answer.status,
  };
  response.writeHead(answer.status, {
    "content-type": "application/json",
    ...(answer.retryAfterSeconds === undefined
      ? {}
      : { "retry-after": String(answer.retryAfterSeconds) }),
  });
  response.end(JSON.stringify(status));
}
