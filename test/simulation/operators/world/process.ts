// One operator process: it can be killed between any two steps, frozen and thawed. It owns the
// transport and the timers of its manager, so a dead one acts no more, whatever its code still
// waits for, and a frozen one hears nothing until it goes on.
import type {
  ApiRequest,
  ApiResponse,
  CancelTimer,
  Timers,
  Transport,
  WatchLine,
  WatchResponse,
} from "#controllers/runtime/index.ts";
import type { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";
import type { FakeClock } from "#controllers/runtime/testing/fake-clock.ts";

/** Told about every request at the moment at which the process sends it. */
export type RequestWitness = (process: SimProcess, request: ApiRequest) => void;

/** See the head of this file. */
export class SimProcess implements Transport, Timers {
  readonly host = "fake";
  readonly identity: string;
  readonly #server: FakeApiServer;
  readonly #clock: FakeClock;
  readonly #witness: RequestWitness;
  readonly #watches = new Set<WatchResponse>();
  readonly #late: (() => void)[] = [];
  #state: "running" | "frozen" | "dead" = "running";
  /** At which of its next writes it dies; undefined: it lives on. */
  #end: { readonly left: number; readonly when: "before" | "after" } | undefined;

  constructor(identity: string, server: FakeApiServer, clock: FakeClock, witness: RequestWitness) {
    this.identity = identity;
    this.#server = server;
    this.#clock = clock;
    this.#witness = witness;
  }

  /** False once it was killed. */
  get isAlive(): boolean {
    return this.#state !== "dead";
  }

  /** True while it is stopped and will go on. */
  get isFrozen(): boolean {
    return this.#state === "frozen";
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
    const answer = this.#server.request(request);
    if (last === "after") {
      void answer.then(undefined, () => undefined);
      this.kill();
    }
    try {
      return await answer;
    } finally {
      await this.running();
    }
  }

  async watch(request: ApiRequest): Promise<WatchResponse> {
    await this.running();
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
        await this.running();
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
}

/** A write that is neither the lease nor an Event nor a dry-run. */
export function isOwnWrite({ method, path, query }: ApiRequest): boolean {
  if (method === "GET" || query?.["dryRun"] !== undefined) return false;
  return !/\/(leases|events)(\/|$)/.test(path);
}
