// Calls with everything that every call needs: the write fence, retries where the server did not
// act, metrics, a log for tests. What may be retried without knowing whether the server acted is
// decided by the caller's own loop (queue, reflector), which looks at the world again first.

import type { Attributes, Span } from "@opentelemetry/api";

import type { Logger } from "#api/base/index.ts";

import type { Metrics } from "../base/metrics.ts";
import type { World } from "../base/timers.ts";
import { backoffMs, sleep } from "../base/timers.ts";
import { traced } from "../base/tracing.ts";
import { ApiError, CircuitOpenError, TransportError } from "./errors.ts";
import { Reachability } from "./reachability.ts";
import type { RequestLogEntry } from "./request-log.ts";
import { useOf } from "./request-use.ts";
import type { ApiRequest, ApiResponse, Transport, WatchResponse } from "./transport.ts";

/** Says whether writes may go out. */
export interface WriteFence {
  /** Throws NotLeaderError if this process may no longer write. */
  check(): void;
  /** Aborts when it may no longer write; requests under way are given up. */
  readonly signal: AbortSignal;
}

/** Settings of a {@link RestClient}. */
export interface RestClientOptions {
  readonly transport: Transport;
  readonly world: World;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Name in the manager of the cluster that is asked; empty, the manager's own, if not given. */
  readonly cluster?: string;
  /** Limit of every attempt that brings none of its own; the transport's if not given. */
  readonly timeoutMs?: number;
  /** Applied to every method but GET. */
  readonly fence?: WriteFence;
  /** Sees every request after its answer. */
  readonly onRequest?: (entry: RequestLogEntry) => void;
}

const ATTEMPTS_MAX = 5;
const BACKOFF = { baseMs: 250, maxMs: 5_000 };
/** A server that wants a longer pause gets it from the caller's queue instead. */
const WAIT_MS_MAX = 15_000;

/** See the head of this file. */
export class RestClient {
  /** What all requests to this cluster have seen of it. */
  readonly reachability: Reachability;
  readonly #options: RestClientOptions;

  constructor(options: RestClientOptions, reachability?: Reachability) {
    const { clock } = options.world;
    this.#options = options;
    this.reachability = reachability ?? new Reachability(() => clock.monotonicMs());
  }

  /** The same client without the fence: for leader election, which is what the fence is made of. */
  unfenced(): RestClient {
    const { fence: _fence, ...rest } = this.#options;
    return new RestClient(rest, this.reachability);
  }

  /**
   * The answer with status 2xx. Throws {@link ApiError} for any other status,
   * {@link TransportError} where there was none, NotLeaderError behind the fence. Tries again after
   * 429 and 503 (not executed), once after 401, and for GET after a broken connection or any 5xx.
   */
  call(request: ApiRequest): Promise<ApiResponse> {
    const name = (): string => `${request.method} ${resourceOf(request.path)}`;
    return traced({ name, kind: "Client", attributes: () => this.#attributes(request) }, (span) =>
      this.#call(request, span),
    );
  }

  async #call(request: ApiRequest, span: Span | undefined): Promise<ApiResponse> {
    const isRead = request.method === "GET";
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0) span?.setAttribute("http.request.resend_count", attempt);
      const last = attempt >= ATTEMPTS_MAX - 1;
      let failure: ApiError | TransportError;
      try {
        const response = await this.#once(request, isRead);
        span?.setAttribute("http.response.status_code", response.status);
        if (response.status >= 200 && response.status < 300) return response;
        failure = new ApiError({
          status: response.status,
          body: response.body,
          what: `${request.method} ${request.path}`,
          ...(response.retryAfterMs === undefined ? {} : { retryAfterMs: response.retryAfterMs }),
        });
        if (last || !mayRetry(failure, attempt, isRead)) throw failure;
      } catch (cause) {
        if (!(cause instanceof TransportError) || last || !isRead || cause.aborted) throw cause;
        // Waiting is what the circuit is there to avoid.
        if (cause instanceof CircuitOpenError) throw cause;
        failure = cause;
      }
      await this.#pause(request, failure, attempt);
    }
  }

  /** Opens a watch; one attempt. Throws {@link TransportError} only. */
  watch(request: ApiRequest): Promise<WatchResponse> {
    const name = (): string => `WATCH ${resourceOf(request.path)}`;
    // The span ends with the headers: what follows lasts for minutes.
    return traced({ name, kind: "Client", attributes: () => this.#attributes(request) }, (span) =>
      this.#watch(request, span),
    );
  }

  async #watch(request: ApiRequest, span: Span | undefined): Promise<WatchResponse> {
    const { transport, metrics, timeoutMs } = this.#options;
    const limited = timeoutMs === undefined ? request : { timeoutMs, ...request };
    let status = 0;
    try {
      const response = await transport.watch(limited);
      status = response.status;
      span?.setAttribute("http.response.status_code", status);
      this.reachability.answered(status);
      return response;
    } catch (cause) {
      this.reachability.failed(cause);
      throw cause;
    } finally {
      metrics.requests.inc({ code: codeText(status), method: "GET", host: transport.host });
      this.#log(request, status, true);
    }
  }

  async #once(request: ApiRequest, isRead: boolean): Promise<ApiResponse> {
    const { fence } = this.#options;
    if (isRead || fence === undefined) return this.#measured(request);
    fence.check();
    // The fence also ends what is under way: a write must not arrive after somebody else leads.
    const both = new AbortController();
    const abort = (): void => both.abort();
    const signals = [fence.signal, ...(request.signal === undefined ? [] : [request.signal])];
    for (const signal of signals) {
      if (signal.aborted) both.abort();
      else signal.addEventListener("abort", abort, { once: true });
    }
    try {
      return await this.#measured({ ...request, signal: both.signal });
    } finally {
      for (const signal of signals) signal.removeEventListener("abort", abort);
    }
  }

  async #measured(request: ApiRequest): Promise<ApiResponse> {
    const { transport, metrics, world, timeoutMs } = this.#options;
    const startedAtMs = world.clock.monotonicMs();
    const limited = timeoutMs === undefined ? request : { timeoutMs, ...request };
    let status = 0;
    try {
      const response = await transport.request(limited);
      status = response.status;
      this.reachability.answered(status);
      const labels = { verb: request.method, host: transport.host };
      metrics.requestBytes.observe(labels, response.sentBytes);
      metrics.responseBytes.observe(labels, response.bytes);
      return response;
    } catch (cause) {
      this.reachability.failed(cause);
      throw cause;
    } finally {
      const seconds = (world.clock.monotonicMs() - startedAtMs) / 1000;
      metrics.requestSeconds.observe({ verb: request.method, host: transport.host }, seconds);
      metrics.requests.inc({
        code: codeText(status),
        method: request.method,
        host: transport.host,
      });
      this.#log(request, status, false);
    }
  }

  /** Names of the semantic conventions. The query may hold nothing secret, and is left out. */
  #attributes(request: ApiRequest): Attributes {
    const { transport, cluster = "" } = this.#options;
    return {
      "http.request.method": request.method,
      "url.path": request.path,
      "server.address": transport.host,
      ...(cluster === "" ? {} : { "k8s.cluster.name": cluster }),
    };
  }

  async #pause(
    request: ApiRequest,
    failure: ApiError | TransportError,
    attempt: number,
  ): Promise<void> {
    const { metrics, transport, world, logger } = this.#options;
    const asked = failure.retry.kind === "after" ? failure.retry.delayMs : 0;
    if (asked > WAIT_MS_MAX) throw failure;
    // Everybody was told the same Retry-After: come back at different times.
    const waitMs = Math.max(
      asked * (1 + world.rng.next() / 4),
      backoffMs(BACKOFF, attempt, world.rng),
    );
    const verb = request.method;
    const code = failure instanceof ApiError ? String(failure.status) : "<error>";
    metrics.requestRetries.inc({ code, verb, host: transport.host });
    metrics.rateLimiterSeconds.observe({ verb, host: transport.host }, waitMs / 1000);
    logger.debug("request is tried again", { verb, path: request.path, code, waitMs });
    await sleep(world.timers, waitMs, request.signal);
    if (request.signal?.aborted === true) throw failure;
  }

  #log(request: ApiRequest, status: number, watch: boolean): void {
    const { onRequest, cluster = "" } = this.#options;
    if (onRequest === undefined) return;
    const { method, path, query = {} } = request;
    onRequest({ cluster, method, path, query, status, watch });
  }
}

function mayRetry(failure: ApiError, attempt: number, isRead: boolean): boolean {
  if (failure.status === 401) return attempt === 0;
  // Whether a write that met another 5xx was carried out, the caller finds out by looking again.
  return failure.status === 429 || failure.status === 503 || (isRead && failure.status >= 500);
}

/** Resource and subresource of a path, without names: spans are told apart by few names. */
function resourceOf(path: string): string {
  const { resource = path } =
    useOf({ method: "", path, query: {}, cluster: "", status: 0, watch: false }) ?? {};
  return resource;
}

function codeText(status: number): string {
  return status === 0 ? "<error>" : String(status);
}
