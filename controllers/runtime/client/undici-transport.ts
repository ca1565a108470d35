// Real connections. One dispatcher for calls and one for watches per cluster, made anew only when
// the TLS material changes: a TLS handshake costs ten times a request on both sides. Watches have
// connections of their own, so that a slow stream never delays a call. HTTP/1.1 throughout.

// Whoever compiles us from outside must find the declaration, too.
/// <reference path="./undici-agent.d.ts" />
import { createSecureContext } from "node:tls";

import type { Dispatcher } from "undici";
import Agent from "undici/lib/dispatcher/agent.js";

import { errorMessage } from "#api/base/index.ts";

import { traceHeaders } from "../base/tracing.ts";
import type { Access, Credentials } from "./credentials.ts";
import { TransportError } from "./errors.ts";
import type { StopSignal, Exchanged } from "./exchange.ts";
import { exchange, stream, whole } from "./exchange.ts";
import { LineDecoder } from "./line-decoder.ts";
import type { ApiRequest, ApiResponse, Transport, WatchLine, WatchResponse } from "./transport.ts";

/** Settings of real connections. */
export interface UndiciTransportOptions {
  readonly credentials: Credentials;
  readonly userAgent: string;
}

/** Connections for calls. */
const CALLS_MAX = 16;
const REQUEST_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

interface Connections {
  /** What they were last found to be right for. */
  readonly access: Access;
  readonly fingerprint: string;
  readonly origin: string;
  readonly pathPrefix: string;
  readonly calls: Agent;
  readonly watches: Agent;
}

/** Opens no connection before the first request. */
export class UndiciTransport implements Transport {
  readonly #options: UndiciTransportOptions;
  #connections: Connections | undefined;
  #closed = false;
  host = "";

  constructor(options: UndiciTransportOptions) {
    this.#options = options;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const limit = new Limit(request.signal, request.timeoutMs ?? REQUEST_TIMEOUT_MS);
    try {
      const { access, connections } = await this.#connect();
      const options = this.#compose(access, connections, request);
      const response = await exchange(connections.calls, options, limit);
      const bytes = response.body;
      if (response.statusCode === 401) this.#options.credentials.invalidate("Refused");
      return {
        status: response.statusCode,
        ...retryAfter(response),
        body: decodeBody(bytes),
        bytes: bytes.length,
        sentBytes: typeof options.body === "string" ? Buffer.byteLength(options.body) : 0,
      };
    } catch (cause) {
      throw this.#failed(limit.explain(cause, `${request.method} ${request.path}`));
    } finally {
      limit.end();
    }
  }

  async watch(request: ApiRequest): Promise<WatchResponse> {
    const limit = new Limit(request.signal, request.timeoutMs ?? REQUEST_TIMEOUT_MS);
    const what = `WATCH ${request.path}`;
    try {
      const { access, connections } = await this.#connect();
      const options = this.#compose(access, connections, request);
      const response = await stream(connections.watches, options, limit);
      if (response.statusCode !== 200) {
        const bytes = await whole(response.chunks);
        limit.end();
        if (response.statusCode === 401) this.#options.credentials.invalidate("Refused");
        return {
          status: response.statusCode,
          ...retryAfter(response),
          body: decodeBody(bytes),
          events: noEvents(),
          close: () => undefined,
        };
      }
      limit.endTimeout();
      return {
        status: 200,
        events: readLines(response.chunks, limit, what),
        close: () => limit.abort(),
      };
    } catch (cause) {
      limit.end();
      throw this.#failed(limit.explain(cause, what));
    }
  }

  /** The CA may have been replaced, or the server have moved: look at the files again. */
  #failed(failure: TransportError): TransportError {
    if (!failure.aborted) this.#options.credentials.invalidate("Unreachable");
    return failure;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const open = this.#connections;
    this.#connections = undefined;
    if (open !== undefined) await Promise.all([open.calls.destroy(), open.watches.destroy()]);
  }

  async #connect(): Promise<{ readonly access: Access; readonly connections: Connections }> {
    const access = await this.#options.credentials.current();
    if (this.#closed) throw new TransportError("transport is closed", { aborted: true });
    // Credentials hand out the same object until they have read the files again.
    if (this.#connections?.access === access) return { access, connections: this.#connections };
    const fingerprint = JSON.stringify([access.server, access.tls]);
    const old = this.#connections;
    if (old?.fingerprint === fingerprint) {
      this.#connections = { ...old, access };
      return { access, connections: this.#connections };
    }
    const connections = this.#open(fingerprint, access);
    this.#connections = connections;
    if (old !== undefined) {
      // Running calls and watches end on the old connections by themselves; a connection that fails
      // while closing has nothing left to lose.
      void old.calls.close().catch(() => undefined);
      void old.watches.close().catch(() => undefined);
    }
    return { access, connections };
  }

  #open(fingerprint: string, access: Access): Connections {
    const { ca, cert, key, ...names } = access.tls;
    const connect = {
      ...names,
      // Once for all connections: parsing certificates costs as much as a handshake.
      secureContext: createSecureContext({
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      }),
      timeout: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
    };
    const server = new URL(access.server);
    this.host = server.host;
    return {
      access,
      fingerprint,
      origin: server.origin,
      pathPrefix: server.pathname === "/" ? "" : server.pathname,
      calls: new Agent({
        connections: CALLS_MAX,
        pipelining: 1,
        allowH2: false,
        keepAliveTimeout: 60_000,
        headersTimeout: 0,
        bodyTimeout: 0,
        connect,
      }),
      // A watch is silent for up to a minute at a time; the reflector judges silence.
      watches: new Agent({
        pipelining: 1,
        allowH2: false,
        headersTimeout: 0,
        bodyTimeout: 0,
        connect,
      }),
    };
  }

  #compose(
    access: Access,
    connections: Connections,
    request: ApiRequest,
  ): Dispatcher.DispatchOptions {
    return {
      origin: connections.origin,
      path: `${connections.pathPrefix}${request.path}${queryText(request.query)}`,
      method: request.method,
      headers: {
        accept: request.accept ?? "application/json",
        "user-agent": this.#options.userAgent,
        ...traceHeaders(),
        ...(access.authorization === undefined ? {} : { authorization: access.authorization }),
        ...(request.body === undefined
          ? {}
          : { "content-type": request.contentType ?? "application/json" }),
      },
      body: request.body === undefined ? null : JSON.stringify(request.body),
    };
  }
}

/** The caller's signal and a time limit as one, without leaving listeners behind. */
class Limit implements StopSignal {
  readonly #caller: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#stop();
  #stopped = false;
  #cancel: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timedOut = false;
  #closed = false;

  constructor(caller: AbortSignal | undefined, timeoutMs: number) {
    this.#caller = caller;
    if (caller?.aborted === true) this.#stopped = true;
    else caller?.addEventListener("abort", this.#onAbort, { once: true });
    this.#timer = setTimeout(() => {
      this.#timedOut = true;
      this.#stop();
    }, timeoutMs);
  }

  whenStopped(cancel: () => void): void {
    this.#cancel = cancel;
    if (this.#stopped) cancel();
  }

  get closed(): boolean {
    return this.#closed;
  }

  endTimeout(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  end(): void {
    this.endTimeout();
    this.#caller?.removeEventListener("abort", this.#onAbort);
  }

  abort(): void {
    this.#closed = true;
    this.end();
    this.#stop();
  }

  #stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  explain(cause: unknown, what: string): TransportError {
    if (cause instanceof TransportError) return cause;
    if (this.#timedOut) return new TransportError(`${what}: no answer in time`, { cause });
    const aborted = this.#caller?.aborted === true || this.#closed;
    return new TransportError(`${what}: ${aborted ? "aborted" : errorMessage(cause)}`, {
      cause,
      aborted,
    });
  }
}

async function* readLines(
  body: AsyncIterable<Uint8Array>,
  limit: Limit,
  what: string,
): AsyncGenerator<WatchLine> {
  const decoder = new LineDecoder();
  try {
    for await (const chunk of body) yield* decoder.push(chunk, performance.now());
  } catch (cause) {
    if (limit.closed) return;
    throw limit.explain(cause, what);
  } finally {
    limit.abort();
  }
}

/** URLSearchParams does the same at five times the cost. */
function queryText(query: ApiRequest["query"]): string {
  let text = "";
  for (const name in query) {
    const value = encodeURIComponent(query[name] ?? "");
    text += `${text === "" ? "?" : "&"}${encodeURIComponent(name)}=${value}`;
  }
  return text;
}

function noEvents(): AsyncIterable<WatchLine> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: true, value: undefined }),
    }),
  };
}

/** Seconds or a date (RFC 9110, 10.2.3); a date in the past is none. */
function retryAfter(response: Pick<Exchanged, "headers">): { readonly retryAfterMs?: number } {
  const raw = response.headers["retry-after"];
  const header = Array.isArray(raw) ? raw[0] : raw;
  if (header === undefined) return {};
  const waitMs = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return waitMs >= 0 ? { retryAfterMs: waitMs } : {};
}

function decodeBody(bytes: Buffer): unknown {
  const text = bytes.toString("utf8");
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    if (cause instanceof SyntaxError) return text;
    throw cause;
  }
}
