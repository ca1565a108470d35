// Calls of functions: gRPC to the url of the generation in force, the request as it came, the
// answer and the function's own status as they are. No retries here: only the caller knows what is
// safe to repeat.
import type { Client, ClientUnaryCall, ServiceError } from "@grpc/grpc-js";
import { Metadata, status } from "@grpc/grpc-js";

import { OprcFunction } from "#api/gen/oprc-invoke_pb.ts";
import { EXCLUSIVE_HEADER } from "#workloads/core/demand/index.ts";
import { GrpcFailure, methodPath, openChannel, same } from "#workloads/platform/index.ts";

import { refuse } from "./errors.ts";

/** One call of a function. */
export interface FunctionCall {
  readonly url: string;
  readonly method: "invokeFn" | "invokeObj";
  /** Encoded request of that method. */
  readonly request: Uint8Array;
  readonly timeoutMs: number;
  /** W3C trace context and the token of an exclusive call, handed on. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Connections to one url, so that a Service with several pods sees more than one of them. */
const CONNECTIONS_PER_URL = 4;
/** Calls on one connection before the next is used. */
const CALLS_PER_CONNECTION = 16;
const UNUSED_MS = 60_000;
const HEADERS = ["traceparent", "tracestate", EXCLUSIVE_HEADER];

interface Connection {
  readonly client: Client;
  inflight: number;
}

interface Endpoint {
  readonly connections: Connection[];
  lastUsedMs: number;
}

/** Connections to functions, opened when needed, closed when unused for a minute. */
export class FunctionPool {
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#closeUnused(), UNUSED_MS);
    this.#timer.unref();
  }

  /**
   * Calls back once with the encoded oprc.InvocationResponse or the failure: the function's own
   * status with the reason FUNCTION_STATUS, FUNCTION_UNAVAILABLE, DEADLINE_EXCEEDED or CANCELLED.
   * Returns what cancels it.
   */
  call(call: FunctionCall, done: (result: Uint8Array | GrpcFailure) => void): () => void {
    const endpoint = this.#endpoint(call.url);
    const connection = pick(endpoint);
    connection.inflight += 1;
    endpoint.lastUsedMs = performance.now();
    const metadata = new Metadata();
    for (const name of HEADERS) {
      const value = call.headers[name];
      if (value !== undefined) metadata.set(name, value);
    }
    const running: ClientUnaryCall = connection.client.makeUnaryRequest(
      methodPath(OprcFunction.method[call.method]),
      same,
      same,
      Buffer.from(call.request.buffer, call.request.byteOffset, call.request.byteLength),
      metadata,
      { deadline: Date.now() + call.timeoutMs },
      (error: ServiceError | null, response?: Buffer) => {
        connection.inflight -= 1;
        endpoint.lastUsedMs = performance.now();
        if (error !== null) done(functionFailure(error));
        else done(response ?? new Uint8Array(0));
      },
    );
    return () => running.cancel();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const url of [...this.#endpoints.keys()]) this.#closeEndpoint(url);
  }

  #endpoint(url: string): Endpoint {
    const known = this.#endpoints.get(url);
    if (known !== undefined) return known;
    const address = functionAddress(url);
    if (address === undefined) throw refuse("FUNCTION_URL", `"${url}" is not an http url`);
    const connections = Array.from({ length: CONNECTIONS_PER_URL }, () => ({
      client: openChannel({ address, options: { "grpc.use_local_subchannel_pool": 1 } }),
      inflight: 0,
    }));
    const endpoint = { connections, lastUsedMs: performance.now() };
    this.#endpoints.set(url, endpoint);
    return endpoint;
  }

  #closeUnused(): void {
    const before = performance.now() - UNUSED_MS;
    for (const [url, { connections, lastUsedMs }] of this.#endpoints) {
      const idle = connections.every((connection) => connection.inflight === 0);
      if (idle && lastUsedMs < before) this.#closeEndpoint(url);
    }
  }

  #closeEndpoint(url: string): void {
    for (const { client } of this.#endpoints.get(url)?.connections ?? []) client.close();
    this.#endpoints.delete(url);
  }
}

/** host:port of an `http://` url, port 80 if it has none; undefined if it is something else. */
export function functionAddress(url: string): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.protocol !== "http:" || parsed.hostname === "") return undefined;
  return `${parsed.hostname}:${parsed.port === "" ? "80" : parsed.port}`;
}

/** Fills one connection before it opens the next, then takes the one with the fewest calls. */
function pick(endpoint: Endpoint): Connection {
  const [first, ...others] = endpoint.connections;
  let best = first as Connection;
  if (best.inflight < CALLS_PER_CONNECTION) return best;
  for (const connection of others) {
    if (connection.inflight < CALLS_PER_CONNECTION) return connection;
    if (connection.inflight < best.inflight) best = connection;
  }
  return best;
}

function functionFailure(error: ServiceError): GrpcFailure {
  return new GrpcFailure(error.code, functionReason(error.code), error.details, { cause: error });
}

function functionReason(code: status): string {
  if (code === status.UNAVAILABLE) return "FUNCTION_UNAVAILABLE";
  if (code === status.DEADLINE_EXCEEDED || code === status.CANCELLED) return status[code];
  return "FUNCTION_STATUS";
}
