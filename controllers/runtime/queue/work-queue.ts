// The keys that wait for their pass. A key is there once however often it is added, is never
// worked on twice at a time, and comes back after the pass if it was added meanwhile. Urgent keys
// go first, but every eighth turn the longest waiting key of the lowest level goes, so that a flood
// of edits does not starve a resync.

import type { Metrics } from "../base/metrics.ts";
import type { CancelTimer, World } from "../base/timers.ts";
import { backoffMs } from "../base/timers.ts";

/** How urgent a key is. `edit` is a user's change, `background` is start-up and resync. */
export type Priority = "edit" | "change" | "background";

const LEVELS: readonly Priority[] = ["edit", "change", "background"];
/** Values of the `priority` label, as controller-runtime numbers them. */
const LEVEL_LABEL: Readonly<Record<Priority, string>> = {
  edit: "10",
  change: "0",
  background: "-100",
};
const FAIR_TURN = 8;
/** Changes wake a troubled key at most this often. */
const TROUBLED_MS = 1_000;
/** A fight that has rested for this long is over. */
const FIGHT_MS = 60_000;

/** Pauses after failures of one key: 5 ms doubling to 1,000 s. */
export const ITEM_BACKOFF = { baseMs: 5, maxMs: 1_000_000 } as const;

/** Settings of a {@link WorkQueue}. */
export interface WorkQueueOptions {
  readonly name: string;
  readonly world: World;
  readonly metrics: Metrics;
}

/** How often in a row, and when last. */
interface Trouble {
  readonly count: number;
  readonly atMs: number;
}

interface Waiting {
  readonly sinceMs: number;
}

interface Again {
  priority: Priority;
  /** Why, as long as every wish named a cause; undefined once one did not. */
  causes: Set<string> | undefined;
}

/** More causes than a pass can have written: then it is woken in any case. */
const CAUSES_MAX = 64;

/** See the head of this file. Keys are the texts of object keys. */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #labels: { readonly name: string; readonly controller: string };
  /** Insertion order is waiting order. */
  readonly #levels: Readonly<Record<Priority, Map<string, Waiting>>> = {
    edit: new Map(),
    change: new Map(),
    background: new Map(),
  };
  readonly #running = new Map<string, number>();
  /** Added while running. */
  readonly #again = new Map<string, Again>();
  readonly #later = new Map<string, { readonly atMs: number; readonly cancel: CancelTimer }>();
  readonly #failures = new Map<string, Trouble>();
  readonly #fights = new Map<string, Trouble>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #idle: (() => void)[] = [];
  #serving = false;
  #turn = 0;
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#labels = { name: options.name, controller: options.name };
    this.#measureDepth();
  }

  /** Keys that wait now, without those that are due later. */
  get depth(): number {
    return LEVELS.reduce((sum, level) => sum + this.#levels[level].size, 0);
  }

  /** True if nothing waits, runs or is due later. */
  get isQuiet(): boolean {
    return this.depth === 0 && this.#running.size === 0 && this.#later.size === 0;
  }

  /**
   * Adds a key, or raises its priority if it waits already. Without effect once closed. `cause`
   * names the news; a running pass that turns out to have caused it is not followed by another.
   */
  add(key: string, priority: Priority, cause?: string): void {
    if (this.#closed) return;
    if (this.#running.has(key)) {
      this.#addAgain(key, priority, cause);
      return;
    }
    const known = LEVELS.find((level) => this.#levels[level].has(key));
    if (known !== undefined) {
      if (rank(priority) < rank(known)) this.#move(key, known, priority);
      return;
    }
    const sinceMs = this.#options.world.clock.monotonicMs();
    const heldMs = priority === "edit" ? 0 : this.#heldUntilMs(key) - sinceMs;
    if (heldMs > 0) {
      this.addAfter(key, heldMs, priority);
      return;
    }
    this.#options.metrics.queueAdds.inc(this.#labels);
    this.#levels[priority].set(key, { sinceMs });
    this.#serve();
  }

  /** Adds the key after a while; the sooner of two such wishes counts. */
  addAfter(key: string, delayMs: number, priority: Priority): void {
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key, priority);
      return;
    }
    const atMs = this.#options.world.clock.monotonicMs() + delayMs;
    const known = this.#later.get(key);
    if (known !== undefined) {
      if (known.atMs <= atMs) return;
      known.cancel();
    }
    const cancel = this.#options.world.timers.schedule(delayMs, () => {
      this.#later.delete(key);
      this.add(key, priority);
    });
    this.#later.set(key, { atMs, cancel });
  }

  /** Adds the key after its own pause, which doubles with every failure; returns the pause. */
  addFailed(key: string, atLeastMs = 0): number {
    const failures = this.#failures.get(key)?.count ?? 0;
    const atMs = this.#options.world.clock.monotonicMs();
    this.#failures.set(key, { count: failures + 1, atMs });
    this.#options.metrics.queueRetries.inc(this.#labels);
    const delayMs = Math.max(atLeastMs, backoffMs(ITEM_BACKOFF, failures, this.#options.world.rng));
    this.addAfter(key, delayMs, "change");
    return delayMs;
  }

  /** The key is well: its next failure starts from a short pause, and what was due later is not. */
  succeeded(key: string): void {
    this.#failures.delete(key);
    this.#later.get(key)?.cancel();
    this.#later.delete(key);
  }

  /** The pass had to undo what somebody else keeps doing. */
  contested(key: string): void {
    const count = (this.#fights.get(key)?.count ?? 0) + 1;
    this.#fights.set(key, { count, atMs: this.#options.world.clock.monotonicMs() });
  }

  /** Failures of this key in a row. */
  failures(key: string): number {
    return this.#failures.get(key)?.count ?? 0;
  }

  /** Drops everything about a key, when the object is gone. */
  forget(key: string): void {
    this.succeeded(key);
    this.#fights.delete(key);
  }

  /** The next key, which then counts as running until {@link done}; undefined once closed. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const key = this.#next();
    if (key !== undefined) return Promise.resolve(key);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** Counts the key as running without handing it out: a pass of an earlier term still holds it. */
  hold(key: string): void {
    this.#running.set(key, this.#options.world.clock.monotonicMs());
  }

  /** The pass of a taken key is over; `own` are the causes that it has made itself. */
  done(key: string, own?: ReadonlySet<string>): void {
    const startedAtMs = this.#running.get(key);
    if (startedAtMs === undefined) return;
    this.#running.delete(key);
    const seconds = (this.#options.world.clock.monotonicMs() - startedAtMs) / 1000;
    this.#options.metrics.workSeconds.observe(this.#labels, seconds);
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again !== undefined && !isAllOf(again.causes, own)) this.add(key, again.priority);
    if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Stops handing out keys; those that wait are dropped, those that run go on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { cancel } of this.#later.values()) cancel();
    this.#later.clear();
    this.#again.clear();
    for (const level of LEVELS) this.#levels[level].clear();
    for (const resolve of this.#takers.splice(0)) resolve(undefined);
    this.#measureDepth();
  }

  /** Resolves when nothing runs any more. */
  drained(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Fills the gauges about what waits and what runs; called when metrics are read. */
  measure(): void {
    this.#measureDepth();
    const nowMs = this.#options.world.clock.monotonicMs();
    const ages = [...this.#running.values()].map((startedAtMs) => (nowMs - startedAtMs) / 1000);
    const { metrics } = this.#options;
    metrics.unfinishedSeconds.set(
      this.#labels,
      ages.reduce((sum, age) => sum + age, 0),
    );
    metrics.longestRunningSeconds.set(this.#labels, Math.max(0, ...ages));
  }

  /** Until when changes do not wake this key. */
  #heldUntilMs(key: string): number {
    const nowMs = this.#options.world.clock.monotonicMs();
    const fight = this.#fights.get(key);
    if (fight !== undefined && nowMs - fight.atMs > FIGHT_MS) this.#fights.delete(key);
    const troubles = [this.#failures.get(key), this.#fights.get(key)];
    const ends = troubles.map((one) =>
      one === undefined
        ? 0
        : one.atMs +
          Math.min(TROUBLED_MS, (ITEM_BACKOFF.baseMs / 2) * 2 ** Math.min(one.count, 20)),
    );
    return Math.max(...ends);
  }

  #addAgain(key: string, priority: Priority, cause: string | undefined): void {
    const known = this.#again.get(key);
    if (known === undefined) {
      const causes = cause === undefined ? undefined : new Set([cause]);
      this.#again.set(key, { priority, causes });
      return;
    }
    known.priority = higher(known.priority, priority);
    if (cause === undefined || (known.causes?.size ?? 0) >= CAUSES_MAX) known.causes = undefined;
    else known.causes?.add(cause);
  }

  /**
   * Hands keys to those who wait, once the present turn is over: one change often wakes a key in
   * several ways, and the pass that begins with the first must not be followed by one for the rest.
   */
  #serve(): void {
    if (this.#serving || this.#takers.length === 0) return;
    this.#serving = true;
    queueMicrotask(() => {
      this.#serving = false;
      while (this.#takers.length > 0) {
        const key = this.#next();
        if (key === undefined) return;
        this.#takers.shift()?.(key);
      }
    });
  }

  #next(): string | undefined {
    this.#turn++;
    const order = this.#turn % FAIR_TURN === 0 ? LEVELS.toReversed() : LEVELS;
    for (const level of order) {
      for (const [key, waiting] of this.#levels[level]) {
        this.#levels[level].delete(key);
        const nowMs = this.#options.world.clock.monotonicMs();
        this.#running.set(key, nowMs);
        const seconds = (nowMs - waiting.sinceMs) / 1000;
        this.#options.metrics.queueSeconds.observe(this.#labels, seconds);
        return key;
      }
    }
    return undefined;
  }

  #move(key: string, from: Priority, to: Priority): void {
    const waiting = this.#levels[from].get(key);
    if (waiting === undefined) return;
    this.#levels[from].delete(key);
    this.#levels[to].set(key, waiting);
  }

  #measureDepth(): void {
    for (const level of LEVELS) {
      this.#options.metrics.queueDepth.set(
        { ...this.#labels, priority: LEVEL_LABEL[level] },
        this.#levels[level].size,
      );
    }
  }
}

/** True if every cause is known and among `own`. */
function isAllOf(
  causes: ReadonlySet<string> | undefined,
  own: ReadonlySet<string> | undefined,
): boolean {
  if (causes === undefined || own === undefined) return false;
  for (const cause of causes) if (!own.has(cause)) return false;
  return true;
}

function rank(priority: Priority): number {
  return LEVELS.indexOf(priority);
}

function higher(a: Priority, b: Priority): Priority {
  return rank(a) < rank(b) ? a : b;
}
