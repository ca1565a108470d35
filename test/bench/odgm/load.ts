// Drives one subject for a while and takes the time of every operation. Closed loop: so many
// operations in flight, the next when one ends; open loop: so many begin per second whatever the
// subject does, and time counts from when an operation was due, so that a pause of the subject is
// seen by all that it held up.
import { assertNever } from "#api/base/index.ts";

import { LatencyRecorder } from "./latency.ts";
import type { Operation } from "./mixes.ts";

/** How operations follow each other. */
export type Loop =
  | { readonly kind: "closed"; readonly concurrency: number }
  | { readonly kind: "open"; readonly perSecond: number };

/** How one ended. `missing`: the record is not there; a replica may not have it yet. */
export type Outcome =
  | { readonly kind: "done" }
  | { readonly kind: "missing" }
  | { readonly kind: "failed"; readonly reason: string };

/** Begins an operation and tells once how it ended. */
export type Execute = (operation: Operation, done: (outcome: Outcome) => void) => void;

/** Where operations come from. */
export interface OperationSource {
  next(): Operation;
  /** The insert of this record was acknowledged. */
  inserted(record: number): void;
}

/** What a run found. */
export interface LoadResult {
  /** Operations that were done. */
  readonly operations: number;
  /** Until the last one ended. */
  readonly seconds: number;
  readonly missing: number;
  /** Failures by reason. */
  readonly failures: ReadonlyMap<string, number>;
  readonly latency: LatencyRecorder;
}

/** What to run, for how long. */
export interface LoadOptions {
  readonly source: OperationSource;
  readonly execute: Execute;
  readonly loop: Loop;
  /** Nothing begins later than so many seconds, */
  readonly seconds?: number;
  /** or than so many operations, if given. */
  readonly operationsMax?: number;
  readonly nowMs?: () => number;
}

/** Runs to the end of its last operation. */
export function runLoad(options: LoadOptions): Promise<LoadResult> {
  return new Promise((resolve) => new Run(options, resolve).start());
}

class Run {
  readonly #options: LoadOptions;
  readonly #resolve: (result: LoadResult) => void;
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  readonly #untilMs: number;
  readonly #most: number;
  readonly #latency = new LatencyRecorder();
  readonly #failures = new Map<string, number>();
  #missing = 0;
  #begun = 0;
  #inFlight = 0;

  constructor(options: LoadOptions, resolve: (result: LoadResult) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#startedMs = this.#nowMs();
    this.#untilMs = this.#startedMs + (options.seconds ?? Number.POSITIVE_INFINITY) * 1000;
    this.#most = options.operationsMax ?? Number.POSITIVE_INFINITY;
  }

  start(): void {
    const { loop } = this.#options;
    switch (loop.kind) {
      case "closed":
        for (let at = 0; at < loop.concurrency; at += 1) this.#nextClosed();
        return;
      case "open":
        this.#beginDue(1000 / loop.perSecond);
        return;
      default:
        assertNever(loop);
    }
  }

  #nextClosed(): void {
    const nowMs = this.#nowMs();
    if (nowMs >= this.#untilMs || this.#begun >= this.#most) {
      if (this.#inFlight === 0) this.#end(nowMs);
      return;
    }
    this.#begin(nowMs, (outcome) => {
      // What fails at once would be repeated for ever within one turn of the event loop.
      if (outcome.kind === "failed") setImmediate(() => this.#nextClosed());
      else this.#nextClosed();
    });
  }

  #beginDue(everyMs: number): void {
    const nowMs = this.#nowMs();
    for (;;) {
      const dueMs = this.#startedMs + this.#begun * everyMs;
      if (dueMs >= this.#untilMs || this.#begun >= this.#most) {
        if (this.#inFlight === 0) this.#end(nowMs);
        return;
      }
      if (dueMs > nowMs) break;
      this.#begin(dueMs, () => this.#endOpen());
    }
    setTimeout(() => this.#beginDue(everyMs), 1);
  }

  /** The last one ends the run if nothing more is due. */
  #endOpen(): void {
    const nowMs = this.#nowMs();
    if (this.#inFlight > 0) return;
    const { loop } = this.#options;
    const everyMs = loop.kind === "open" ? 1000 / loop.perSecond : 0;
    const dueMs = this.#startedMs + this.#begun * everyMs;
    if (dueMs >= this.#untilMs || this.#begun >= this.#most) this.#end(nowMs);
  }

  #begin(fromMs: number, ended: (outcome: Outcome) => void): void {
    const { source, execute } = this.#options;
    const operation = source.next();
    this.#begun += 1;
    this.#inFlight += 1;
    execute(operation, (outcome) => {
      this.#inFlight -= 1;
      this.#count(operation, outcome, fromMs);
      ended(outcome);
    });
  }

  #count(operation: Operation, outcome: Outcome, fromMs: number): void {
    switch (outcome.kind) {
      case "failed":
        this.#failures.set(outcome.reason, (this.#failures.get(outcome.reason) ?? 0) + 1);
        return;
      case "missing":
        this.#missing += 1;
        break;
      case "done":
        if (operation.kind === "insert") this.#options.source.inserted(operation.record);
        break;
      default:
        assertNever(outcome);
    }
    this.#latency.record(this.#nowMs() - fromMs);
  }

  #end(nowMs: number): void {
    this.#resolve({
      operations: this.#latency.count,
      seconds: (nowMs - this.#startedMs) / 1000,
      missing: this.#missing,
      failures: this.#failures,
      latency: this.#latency,
    });
  }
}
