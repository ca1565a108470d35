// Objects come to rest: once nothing outside changes, nothing is written. A controller that has a
// bug there (a time or a random value in a status, a render that is not repeatable, two operators
// that write over each other) would keep the API server busy for ever. Here is what bounds it. An
// edit of the object is never held up.

import type { Clock, Logger } from "#api/base/index.ts";

import type { Metrics } from "../base/metrics.ts";
import type { BudgetPolicy } from "../queue/budget.ts";
import { Budget } from "../queue/budget.ts";
import type { ChangeSet } from "./types.ts";

/** Writes of one object that no edit has asked for: enough for a rolling update, not for a loop. */
const WRITES: BudgetPolicy = { burst: 30, refillMs: 10_000 };
/** Passes that a pass asks for within the second. */
const PASSES: BudgetPolicy = { burst: 100, refillMs: 1_000 };
/** Passes with calls outside Kubernetes: what a call makes may be undone as fast as it is seen. */
const CALLS: BudgetPolicy = { burst: 30, refillMs: 2_000 };
/** Passes that make children again: some ten seconds of them, which is more than a late watch. */
const REMADE: BudgetPolicy = { burst: 15, refillMs: 60_000 };
const DOUBT_EVERY_MS = 300_000;
const SOON_MS = 1_000;
const WARN_EVERY_MS = 300_000;
const SWEEP_AT = 1_024;
const PATHS_MAX = 16;

/** What does not come to rest: label `what` of the metric. */
type What = "status" | "children" | "calls" | "requeue";

/** Settings of a {@link Rest}; one per controller. */
export interface RestOptions {
  readonly controller: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** See the head of this file. */
export class Rest {
  readonly #options: RestOptions;
  readonly #status: Budget;
  readonly #children: Budget;
  readonly #calls: Budget;
  readonly #passes: Budget;
  readonly #remade: Budget;
  #doubtedAtMs = Number.NEGATIVE_INFINITY;
  readonly #warnedAtMs = new Map<string, number>();

  constructor(options: RestOptions) {
    this.#options = options;
    this.#status = new Budget(WRITES, options.clock);
    this.#children = new Budget(WRITES, options.clock);
    this.#calls = new Budget(CALLS, options.clock);
    this.#passes = new Budget(PASSES, options.clock);
    this.#remade = new Budget(REMADE, options.clock);
  }

  /** False if this status, which differs at `paths`, is to be written later. */
  mayWriteStatus(key: string, paths: readonly string[]): boolean {
    if (this.#status.take(key)) return true;
    this.#restless(key, "status", paths);
    return false;
  }

  /** How long a status that was put off has to wait. */
  statusWaitMs(key: string): number {
    return this.#status.waitMs(key);
  }

  /** Children were changed though nobody had edited anything; how long to leave them alone now. */
  changedChildren(key: string, changeSet: ChangeSet): number {
    const changed = changeSet.changes.filter((one) => one.action === "Configured");
    if (changed.length === 0 || this.#children.take(key)) return 0;
    const paths = changed.flatMap(({ kind, name, paths: at }) =>
      (at ?? []).map((path) => `${kind} ${name} ${path}`),
    );
    this.#restless(key, "children", paths);
    return this.#children.waitMs(key);
  }

  /**
   * Children were made again that had been there. True if that goes on and on, so that their owner
   * may be gone and the garbage collector takes what is made for it: time to look whether the cache
   * is right. Not more often than every five minutes, for it may as well be somebody who deletes.
   */
  remadeChildren(key: string, remade: ChangeSet["changes"]): boolean {
    if (this.#remade.take(key)) return false;
    const names = remade.map(({ kind, name }) => `${kind} ${name}`);
    this.#restless(key, "children", names);
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#doubtedAtMs < DOUBT_EVERY_MS) return false;
    this.#doubtedAtMs = nowMs;
    return true;
  }

  /** False if calls were made so often lately that the object has to wait for its next change. */
  mayCallAgain(key: string): boolean {
    if (this.#calls.take(key)) return true;
    this.#restless(key, "calls", []);
    return false;
  }

  /** When a pass that asks for another one gets it. */
  requeueMs(key: string, wishMs: number): number {
    if (wishMs >= SOON_MS || this.#passes.take(key)) return wishMs;
    this.#restless(key, "requeue", []);
    return Math.max(wishMs, this.#passes.waitMs(key));
  }

  /** The object is gone. */
  forget(key: string): void {
    for (const budget of this.#budgets) budget.forget(key);
    this.#warnedAtMs.delete(key);
  }

  get #budgets(): readonly Budget[] {
    return [this.#status, this.#children, this.#calls, this.#passes, this.#remade];
  }

  #restless(key: string, what: What, paths: readonly string[]): void {
    const { controller, clock, metrics, logger } = this.#options;
    metrics.restless.inc({ controller, what });
    const nowMs = clock.monotonicMs();
    const warnedAtMs = this.#warnedAtMs.get(key);
    if (warnedAtMs !== undefined && nowMs - warnedAtMs < WARN_EVERY_MS) return;
    if (this.#warnedAtMs.size >= SWEEP_AT) this.#sweep(nowMs);
    this.#warnedAtMs.set(key, nowMs);
    logger.warn("object does not come to rest", {
      object: key,
      what,
      paths: paths.slice(0, PATHS_MAX),
    });
  }

  #sweep(nowMs: number): void {
    for (const budget of this.#budgets) budget.sweep();
    for (const [key, atMs] of this.#warnedAtMs) {
      if (nowMs - atMs >= WARN_EVERY_MS) this.#warnedAtMs.delete(key);
    }
  }
}
