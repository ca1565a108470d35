// Says whether the event loop is alive enough to be left alone. One long pause (a big list, a
// stopped process) is forgiven; a loop that is late again and again does not get its work done,
// renews no lease in time, and is better restarted.

import type { CancelTimer, World } from "../base/timers.ts";

const PERIOD_MS = 1_000;
/** Late by this much in each of the last periods. */
const LATE_MS = 2_000;
const PERIODS = 10;

/** Measures from {@link start} on. */
export class LoopWatch {
  readonly #world: World;
  /** How late the last periods ended, newest last. */
  readonly #late: number[] = [];
  #cancel: CancelTimer | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** Begins to measure; returns how to stop. */
  start(): () => void {
    this.#wait();
    return () => this.#cancel?.();
  }

  /** What is wrong, or undefined if the loop is well. */
  get problem(): string | undefined {
    if (this.#late.length < PERIODS) return undefined;
    const leastMs = Math.min(...this.#late);
    if (leastMs < LATE_MS) return undefined;
    return `the event loop was at least ${Math.round(leastMs)} ms late ${PERIODS} times in a row`;
  }

  #wait(): void {
    const dueAtMs = this.#world.clock.monotonicMs() + PERIOD_MS;
    this.#cancel = this.#world.timers.schedule(PERIOD_MS, () => {
      this.#late.push(Math.max(0, this.#world.clock.monotonicMs() - dueAtMs));
      if (this.#late.length > PERIODS) this.#late.shift();
      this.#wait();
    });
  }
}
