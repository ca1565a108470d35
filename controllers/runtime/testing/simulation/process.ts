// One operator process: it can be killed between any two steps, frozen and thawed, and its clock may
// be wrong. It owns the transport, the timers and the clock of its manager, so a dead one acts no
// more, whatever its code still waits for, and a frozen one hears nothing until it goes on.
import type { Clock } from "#api/base/index.ts";

import type {
  ApiRequest,
  ApiResponse,
  Transport,
  WatchLine,
  WatchResponse,
} from "../../client/transport.ts";
import type { Manager } from "../../lifecycle/operator-process.ts";
import type { CancelTimer, Timers } from "../../base/timers.ts";
import type { FakeApiServer } from "../fake-api-server.ts";
import type { FakeClock } from "../fake-clock.ts";

/** Told about every request at the moment at which the process sends it. */
export type RequestWitness = (process: SimProcess, request: ApiRequest) => void;

/** What a process knows of its own last write of an object, by the server's answer. */
export interface OwnWrite {
  /** Undefined if the server has confirmed that the object is gone. */
  readonly version: string | undefined;
  readonly atMs: number;
}

/** What a process is made of. */
export interface SimProcessOptions {
  readonly identity: string;
  readonly server: FakeApiServer;
  readonly clock: FakeClock;
  /** Added to its wall clock; its monotonic clock goes right. */
  readonly skewMs: number;
  readonly witness: RequestWitness;
}

/** See the head of this file. */
export class SimProcess implements Transport, Timers, Clock {
  readonly host = "fake";
  readonly identity: string;
  readonly skewMs: number;
  /** By uid. */
  readonly ownWrites = new Map<string, OwnWrite>();
  /** Set once it is made. */
  manager: Manager | undefined;
  readonly #server: FakeApiServer;
  readonly #clock: FakeClock;
  readonly #witness: RequestWitness;
  readonly #watches = new Set<WatchResponse>();
  readonly #late: (() => void)[] = [];
  #state: "running" | "frozen" | "dead" = "running";
  /** At which of its next writes it dies; undefined: it lives on. */
  #end: { readonly left: number; readonly when: "before" | "after" } | undefined;

  constructor(options: SimProcessOptions) {
    this.identity = options.identity;
    this.skewMs = options.skewMs;
    this.#server = options.server;
    this.#clock = options.clock;
    this.#witness = options.witness;
  }

  /** False once it was killed. */
  get isAlive(): boolean {
    return this.#state !== "dead";
  }

  /** True while it is stopped and will go on. */
  get isFrozen(): boolean {
    return this.#state === "frozen";
  }

  nowMs(): number {
    return this.#clock.nowMs() + this.skewMs;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  /** Ends it here: nothing that it has begun and nothing that it waits for goes on. */
  kill(): void {
    this.#state = "dead";
    this.#late.length = 0;
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
  }

  /** It dies right before its `left`-th write from now, or when the server has just acted on it. */
  killAtWrite(left: number, when: "before" | "after"): void {
    this.#end = { left, when };
  }

  /** SIGSTOP: connections stay, nothing runs. */
  freeze(): void {
    if (this.#state === "running") this.#state = "frozen";
  }

  /** SIGCONT: what came due meanwhile happens now. */
  thaw(): void {
    if (this.#state !== "frozen") return;
    this.#state = "running";
    for (const run of this.#late.splice(0)) run();
  }

  schedule(delayMs: number, run: () => void): CancelTimer {
    let cancelled = false;
    const fire = (): void => {
      if (cancelled || this.#state === "dead") return;
      if (this.#state === "frozen") this.#late.push(fire);
      else run();
    };
    const cancel = this.#clock.schedule(delayMs, fire);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  /** Goes on when the process runs; never if it is dead. */
  running(): Promise<void> {
    if (this.#state === "running") return Promise.resolve();
    if (this.#state === "dead") return new Promise(() => undefined);
    return new Promise((resolve) => {
      this.#late.push(resolve);
    });
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    await this.running();
    const last = this.#countWrite(request);
    if (last === "before") {
      this.kill();
      await this.running();
    }
    this.#witness(this, request);
    const { restores } = this.#server.storage;
    const answer = this.#server.request(request);
    if (last === "after") {
      void answer.then(undefined, () => undefined);
      this.kill();
    }
    try {
      const response = await answer;
      await this.running();
      // What a backup has undone meanwhile was never written.
      if (this.#server.storage.restores === restores) this.#remember(request, response);
      return response;
    } finally {
      await this.running();
    }
  }

  async watch(request: ApiRequest): Promise<WatchResponse> {
    await this.running();
    this.#witness(this, request);
    const response = await this.#server.watch(request);
    if (!this.isAlive) response.close();
    await this.running();
    this.#watches.add(response);
    return { ...response, events: this.#lines(response) };
  }

  close(): Promise<void> {
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
    return Promise.resolve();
  }

  async *#lines(response: WatchResponse): AsyncGenerator<WatchLine> {
    try {
      for await (const line of response.events) {
        if (this.#state !== "running") await this.running();
        yield line;
      }
    } finally {
      await this.running();
      this.#watches.delete(response);
    }
  }

  #countWrite(request: ApiRequest): "before" | "after" | undefined {
    if (this.#end === undefined || !isOwnWrite(request)) return undefined;
    this.#end = { ...this.#end, left: this.#end.left - 1 };
    return this.#end.left > 0 ? undefined : this.#end.when;
  }

  #remember(request: ApiRequest, { status, body }: ApiResponse): void {
    if (request.method === "GET" || status >= 300 || request.query?.["dryRun"] !== undefined) {
      return;
    }
    const { metadata, details } = body as {
      readonly metadata?: { readonly uid?: string; readonly resourceVersion?: string };
      readonly details?: { readonly uid?: string };
    };
    const uid = metadata?.uid ?? details?.uid;
    if (uid === undefined) return;
    const gone = details?.uid !== undefined;
    const version = gone ? undefined : metadata?.resourceVersion;
    this.ownWrites.set(uid, { version, atMs: this.#clock.monotonicMs() });
  }
}

/** A write that is neither the lease nor an Event nor a dry-run. */
export function isOwnWrite({ method, path, query }: ApiRequest): boolean {
  if (method === "GET" || query?.["dryRun"] !== undefined) return false;
  return !/\/(leases|events)(\/|$)/.test(path);
}
