// Time for tests: stands still until told to go on. Timers run in order of their due time, and
// between two of them everything that promises can do is done.

import type { Clock } from "#api/base/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";

import type { CancelTimer, Timers, World } from "../base/timers.ts";

interface Entry {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Turns of the event loop that count as "everything is done". */
const SETTLE_TURNS = 20;

/** Clock and timers in one. Starts at 2030-01-01T00:00:00Z. */
export class FakeClock implements Clock, Timers {
  #nowMs = Date.UTC(2030, 0, 1);
  #elapsedMs = 0;
  #order = 0;
  #waiting = 0;
  readonly #settleTurns: number;
  /** A binary heap by due time, then by order; cancelled entries stay until they come up. */
  readonly #heap: Entry[] = [];

  /**
   * `settleTurns`: turns of the event loop after each timer. One drains every promise; more are
   * needed only by code under test that itself waits for turns of the event loop.
   */
  constructor(options: { readonly settleTurns?: number } = {}) {
    this.#settleTurns = options.settleTurns ?? SETTLE_TURNS;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  schedule(delayMs: number, run: () => void): CancelTimer {
    const entry: Entry = {
      atMs: this.#elapsedMs + Math.max(0, delayMs),
      order: this.#order++,
      run,
    };
    this.#waiting += 1;
    push(this.#heap, entry);
    return () => {
      if (entry.run === undefined) return;
      entry.run = undefined;
      this.#waiting -= 1;
    };
  }

  /** Timers that wait; for finding leaks. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Moves time on, running what becomes due, and lets everything settle before and after. */
  async advance(ms: number): Promise<void> {
    await settle(this.#settleTurns);
    const untilMs = this.#elapsedMs + ms;
    for (;;) {
      const next = this.#next(untilMs);
      if (next?.run === undefined) break;
      const { run } = next;
      next.run = undefined;
      this.#waiting -= 1;
      this.#move(next.atMs);
      run();
      await settle(this.#settleTurns);
    }
    this.#move(untilMs);
    await settle(this.#settleTurns);
  }

  /** The process was stopped: time goes on, but no timer has fired yet when code runs again. */
  freezeProcess(ms: number): void {
    this.#move(this.#elapsedMs + ms);
  }

  /** Takes out the first timer that is due by then. */
  #next(untilMs: number): Entry | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return undefined;
      if (first.run !== undefined && first.atMs > untilMs) return undefined;
      pop(this.#heap);
      if (first.run !== undefined) return first;
    }
  }

  #move(toMs: number): void {
    if (toMs <= this.#elapsedMs) return;
    this.#nowMs += toMs - this.#elapsedMs;
    this.#elapsedMs = toMs;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (parent === undefined || !isBefore(entry, parent)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let down = 2 * at + 1;
    let child = heap[down];
    const right = heap[down + 1];
    if (child === undefined) break;
    if (right !== undefined && isBefore(right, child)) {
      child = right;
      down += 1;
    }
    if (!isBefore(child, last)) break;
    heap[at] = child;
    at = down;
  }
  heap[at] = last;
}

/** Lets all promises and immediates run that can run without a timer or a socket. */
export async function settle(turns = SETTLE_TURNS): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** A world that stands still, with the same randomness every time. */
export function fakeWorld(seed = 1): World & { readonly clock: FakeClock } {
  const clock = new FakeClock();
  return { clock, timers: clock, rng: seededRng(seed) };
}
