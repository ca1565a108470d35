// Calls of stateless functions, straight to their Service. Kubernetes balances connections, not
// calls, so each URL gets a few connections that live for a bounded time: new replicas get load
// within that time, and no call is ever cut for it.
import type { Client, ClientUnaryCall, ServiceError } from "@grpc/grpc-js";
import { Metadata, status } from "@grpc/grpc-js";

import { OprcFunction } from "#api/gen/oprc-invoke_pb.ts";
import type { CallFault } from "#workloads/core/rest/index.ts";
import { fromServiceError, methodPath, openChannel, same } from "#workloads/platform/grpc/index.ts";

/** Paths of the two rpcs that a function serves. */
export const FUNCTION_PATHS = {
  invokeFn: methodPath(OprcFunction.method.invokeFn),
  invokeObj: methodPath(OprcFunction.method.invokeObj),
} as const;

/** One call of a function. */
export interface FunctionCall {
  /** http://host:port */
  readonly url: string;
  readonly path: string;
  readonly request: Uint8Array;
  readonly timeoutMs: number;
}

/** A call that failed; `maybeSent` = the function may have run. */
export interface FunctionFailure {
  readonly fault: CallFault;
  readonly maybeSent: boolean;
}

/** Hears of the end of a call, exactly once unless it was cancelled. */
export interface FunctionSink {
  done(response: Buffer): void;
  fail(failure: FunctionFailure): void;
}

/** Connections per URL, and how long one takes new calls. */
export interface FunctionPoolLimits {
  readonly connectionsMax: number;
  readonly ageMaxMs: number;
  readonly idleMaxMs: number;
  /** Calls in flight per URL; beyond, OVERLOADED. */
  readonly callsMax: number;
}

/** Four connections, a minute, five minutes, 4,096 calls. */
export const FUNCTION_POOL_LIMITS: FunctionPoolLimits = {
  connectionsMax: 4,
  ageMaxMs: 60_000,
  idleMaxMs: 300_000,
  callsMax: 4096,
};

interface Connection {
  readonly client: Client;
  readonly retireAtMs: number;
  inflight: number;
  retired: boolean;
}

interface Upstream {
  connections: Connection[];
  inflight: number;
  usedAtMs: number;
}

const SWEEP_MS = 10_000;

/** host:port of a function's URL; undefined if it is none that we can call. */
export function addressOfUrl(url: string): string | undefined {
  const match = /^http:\/\/([^/:?#[\]]+|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?\/?$/.exec(url);
  return match?.[1] === undefined ? undefined : `${match[1]}:${match[2] ?? "80"}`;
}

/** See the head of the file. */
export class FunctionPool {
  readonly #upstreams = new Map<string, Upstream>();
  readonly #limits: FunctionPoolLimits;
  readonly #sweeper: NodeJS.Timeout;

  constructor(limits: FunctionPoolLimits = FUNCTION_POOL_LIMITS) {
    this.#limits = limits;
    this.#sweeper = setInterval(() => this.#sweep(performance.now()), SWEEP_MS);
    this.#sweeper.unref();
  }

  /** Starts a call; answers how to cancel it. */
  call(call: FunctionCall, sink: FunctionSink): () => void {
    const upstream = this.#upstream(call.url);
    if (upstream === undefined) {
      sink.fail(notSent(status.INTERNAL, "INVALID_URL", `"${call.url}" is no function URL`));
      return () => undefined;
    }
    if (upstream.inflight >= this.#limits.callsMax) {
      const message = "too many calls of this function are in flight";
      sink.fail(notSent(status.RESOURCE_EXHAUSTED, "OVERLOADED", message));
      return () => undefined;
    }
    return this.#send(upstream, call, sink);
  }

  /** Closes all connections; calls in flight fail. */
  close(): void {
    clearInterval(this.#sweeper);
    for (const { connections } of this.#upstreams.values()) {
      for (const connection of connections) connection.client.close();
    }
    this.#upstreams.clear();
  }

  #send(upstream: Upstream, call: FunctionCall, sink: FunctionSink): () => void {
    const connection = this.#pick(upstream, call.url);
    upstream.inflight += 1;
    connection.inflight += 1;
    let cancelled = false;
    const done = (error: ServiceError | null, response: Buffer | undefined): void => {
      upstream.inflight -= 1;
      connection.inflight -= 1;
      if (connection.retired && connection.inflight === 0) connection.client.close();
      if (cancelled) return;
      if (error === null && response !== undefined) sink.done(response);
      else sink.fail(failureOf(error));
    };
    const active: ClientUnaryCall = connection.client.makeUnaryRequest(
      call.path,
      same,
      same,
      Buffer.from(call.request.buffer, call.request.byteOffset, call.request.byteLength),
      new Metadata(),
      { deadline: Date.now() + call.timeoutMs },
      done,
    );
    return () => {
      cancelled = true;
      active.cancel();
    };
  }

  #upstream(url: string): Upstream | undefined {
    const known = this.#upstreams.get(url);
    if (known !== undefined) return known;
    if (addressOfUrl(url) === undefined) return undefined;
    const made: Upstream = { connections: [], inflight: 0, usedAtMs: performance.now() };
    this.#upstreams.set(url, made);
    return made;
  }

  /** The least busy connection; another one is made while all are busy and there may be more. */
  #pick(upstream: Upstream, url: string): Connection {
    const nowMs = performance.now();
    upstream.usedAtMs = nowMs;
    this.#retire(upstream, nowMs);
    let best: Connection | undefined;
    for (const connection of upstream.connections) {
      if (best === undefined || connection.inflight < best.inflight) best = connection;
    }
    const mayGrow = upstream.connections.length < this.#limits.connectionsMax;
    if (best !== undefined && (best.inflight === 0 || !mayGrow)) return best;
    const made = this.#open(url, nowMs);
    upstream.connections.push(made);
    return made;
  }

  #open(url: string, nowMs: number): Connection {
    const client = openChannel({
      address: addressOfUrl(url) ?? "",
      options: {
        "grpc.use_local_subchannel_pool": 1,
        "grpc.dns_min_time_between_resolutions_ms": 1000,
        "grpc.max_reconnect_backoff_ms": 1000,
      },
    });
    // Spread over a third of the time, so that connections do not all go at once.
    const retireAtMs = nowMs + this.#limits.ageMaxMs * (0.67 + Math.random() / 3);
    return { client, retireAtMs, inflight: 0, retired: false };
  }

  #retire(upstream: Upstream, nowMs: number): void {
    if (!upstream.connections.some((connection) => connection.retireAtMs <= nowMs)) return;
    const old = upstream.connections.filter((connection) => connection.retireAtMs <= nowMs);
    upstream.connections = upstream.connections.filter((each) => each.retireAtMs > nowMs);
    for (const connection of old) {
      connection.retired = true;
      if (connection.inflight === 0) connection.client.close();
    }
  }

  #sweep(nowMs: number): void {
    for (const [url, upstream] of this.#upstreams) {
      this.#retire(upstream, nowMs);
      const idle = nowMs - upstream.usedAtMs > this.#limits.idleMaxMs;
      if (idle && upstream.inflight === 0) {
        for (const connection of upstream.connections) connection.client.close();
        this.#upstreams.delete(url);
      }
    }
  }
}

function notSent(code: number, reason: string, message: string): FunctionFailure {
  return { fault: { code, reason, message }, maybeSent: false };
}

/** Codes that the transport makes up; all others were said by the function itself. */
const TRANSPORT_CODES: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.RESOURCE_EXHAUSTED,
  status.UNIMPLEMENTED,
]);

/** The reasons that odgm gives for the functions that it calls. */
function reasonOf(code: number, said: boolean): string {
  if (code === status.UNAVAILABLE) return "FUNCTION_UNAVAILABLE";
  return said ? "FUNCTION_STATUS" : "";
}

/** What grpc-js says when no byte of the call can have left. */
const NEVER_LEFT = /^(No connection established|Name resolution failed)/;

function failureOf(error: ServiceError | null): FunctionFailure {
  if (error === null) {
    return notSent(status.INTERNAL, "EMPTY_ANSWER", "the function sent neither answer nor error");
  }
  const failure = fromServiceError(error);
  const cut = error.details.startsWith("Received RST_STREAM");
  const said = !TRANSPORT_CODES.has(error.code) && !cut;
  const named = failure.code !== status[error.code];
  return {
    fault: {
      code: error.code,
      reason: named ? failure.code : reasonOf(error.code, said),
      message: error.details,
    },
    maybeSent: !(error.code === status.UNAVAILABLE && NEVER_LEFT.test(error.details)),
  };
}
