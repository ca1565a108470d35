// Time for tests: stands still until told to go on. Timers run in order of their due time, and
// between two of them everything that promises can do is done.

import type { Clock, Rng } from "#api/base/index.ts";

import type { CancelTimer, Timers, World } from "../lifecycle/timers.ts";

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Turns of the event loop that count as "everything is done". */
const SETTLE_TURNS = 20;

/** Clock and timers in one. Starts at 2030-01-01T00:00:00Z. */
export class FakeClock implements Clock, Timers {
  #nowMs = Date.UTC(2030, 0, 1);
  #elapsedMs = 0;
  #order = 0;
  readonly #entries = new Set<Entry>();

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  schedule(delayMs: number, run: () => void): CancelTimer {
    const entry = { atMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#order++, run };
    this.#entries.add(entry);
    return () => this.#entries.delete(entry);
  }

  /** Timers that wait; for finding leaks. */
  get waiting(): number {
    return this.#entries.size;
  }

  /** Moves time on, running what becomes due, and lets everything settle before and after. */
  async advance(ms: number): Promise<void> {
    await settle();
    const untilMs = this.#elapsedMs + ms;
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.atMs > untilMs) break;
      this.#entries.delete(next);
      this.#move(next.atMs);
      next.run();
      await settle();
    }
    this.#move(untilMs);
    await settle();
  }

  /** The process was stopped: time goes on, but no timer has fired yet when code runs again. */
  freezeProcess(ms: number): void {
    this.#move(this.#elapsedMs + ms);
  }

  #next(): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of this.#entries) {
      const earlier =
        first === undefined ||
        entry.atMs < first.atMs ||
        (entry.atMs === first.atMs && entry.order < first.order);
      if (earlier) first = entry;
    }
    return first;
  }

  #move(toMs: number): void {
    if (toMs <= this.#elapsedMs) return;
    this.#nowMs += toMs - this.#elapsedMs;
    this.#elapsedMs = toMs;
  }
}

/** Lets all promises and immediates run that can run without a timer or a socket. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Repeatable randomness (mulberry32). Not for secrets. */
export function seededRng(seed: number): Rng {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  return {
    next,
    bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256)),
  };
}

/** A world that stands still, with the same randomness every time. */
export function fakeWorld(seed = 1): World & { readonly clock: FakeClock } {
  const clock = new FakeClock();
  return { clock, timers: clock, rng: seededRng(seed) };
}
