// Keeps the passes of an operator from waiting for a cluster that does not answer. After a few
// requests in a row without any answer the circuit opens: requests fail at once, and one probe at a
// time finds out whether somebody is there again. It is for the clusters beside the manager's own,
// which an operator can do without. It runs on the injected clock, so that the simulator owns it.

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";

import type { World } from "../base/timers.ts";
import { backoffMs } from "../base/timers.ts";
import { CircuitOpenError, TransportError } from "./errors.ts";
import type { ApiRequest, ApiResponse, Transport, WatchResponse } from "./transport.ts";

/** Settings of a {@link BreakerTransport}. */
export interface BreakerOptions {
  readonly transport: Transport;
  /** Name of the cluster, for messages. */
  readonly cluster: string;
  readonly world: World;
  readonly logger: Logger;
  /** Requests in a row without an answer that open the circuit; 3 if not given. */
  readonly failuresMax?: number;
  /** Limit of every request that brings none of its own; 10,000 if not given. */
  readonly timeoutMs?: number;
  /** Told when the circuit opens (true) and closes (false). */
  readonly onChange?: (open: boolean) => void;
}

const FAILURES_MAX = 3;
const TIMEOUT_MS = 10_000;
/** From opening to the first probe, doubling with every probe that fails. */
const PAUSE = { baseMs: 2_000, maxMs: 30_000 };

/** See the head of this file. Any answer counts as one, whatever its status. */
export class BreakerTransport implements Transport {
  readonly #options: BreakerOptions;
  #failures = 0;
  /** While the circuit is open: from when on a probe may go out. */
  #probeAtMs: number | undefined;
  #probing = false;
  #opened = 0;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get host(): string {
    return this.#options.transport.host;
  }

  /** False while the cluster does not answer. */
  get isClosed(): boolean {
    return this.#probeAtMs === undefined;
  }

  request(request: ApiRequest): Promise<ApiResponse> {
    return this.#guard(request, (limited) => this.#options.transport.request(limited));
  }

  watch(request: ApiRequest): Promise<WatchResponse> {
    return this.#guard(request, (limited) => this.#options.transport.watch(limited));
  }

  close(): Promise<void> {
    return this.#options.transport.close();
  }

  async #guard<T>(request: ApiRequest, send: (limited: ApiRequest) => Promise<T>): Promise<T> {
    const isProbe = this.#admit();
    const timeoutMs = request.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS;
    try {
      const answer = await send({ ...request, timeoutMs });
      this.#answered();
      return answer;
    } catch (cause) {
      // A caller that gives up says nothing about the cluster.
      if (cause instanceof TransportError && !cause.aborted) this.#failed(cause);
      throw cause;
    } finally {
      if (isProbe) this.#probing = false;
    }
  }

  /** True if this request is the probe; throws while the circuit is open. */
  #admit(): boolean {
    if (this.#probeAtMs === undefined) return false;
    const leftMs = this.#probeAtMs - this.#options.world.clock.monotonicMs();
    if (leftMs > 0 || this.#probing) {
      throw new CircuitOpenError(this.#options.cluster, Math.max(leftMs, PAUSE.baseMs / 2));
    }
    this.#probing = true;
    return true;
  }

  #answered(): void {
    this.#failures = 0;
    this.#opened = 0;
    if (this.#probeAtMs === undefined) return;
    this.#probeAtMs = undefined;
    const { logger, cluster, onChange } = this.#options;
    logger.info("cluster answers again", { cluster });
    onChange?.(false);
  }

  #failed(cause: TransportError): void {
    this.#failures++;
    if (this.#failures < (this.#options.failuresMax ?? FAILURES_MAX)) return;
    const { world, logger, cluster, onChange } = this.#options;
    const wasOpen = this.#probeAtMs !== undefined;
    // Requests that were under way when it opened are no probes and prolong nothing.
    if (wasOpen && !this.#probing) return;
    const pauseMs = backoffMs(PAUSE, this.#opened, world.rng);
    this.#opened++;
    this.#probeAtMs = world.clock.monotonicMs() + pauseMs;
    if (wasOpen) return;
    logger.warn("cluster does not answer", { cluster, cause: errorMessage(cause) });
    onChange?.(true);
  }
}
