// Passes that wait for nobody follow each other without the event loop ever looking at a
// connection: ten thousand of them after a restart would hold up a user's edit, the probes and the
// lease for seconds. So they run in slices, and between two slices the loop has its turn.

import type { World } from "./timers.ts";

/** Short beside what a request takes, long beside a turn of the loop. */
const SLICE_MS = 5;

/** See the head of this file. One for everything that runs in a process. */
export class Slices {
  readonly #world: Pick<World, "clock" | "timers">;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #turn: Promise<void> | undefined;

  constructor(world: Pick<World, "clock" | "timers">) {
    this.#world = world;
  }

  /** What to wait for before the next piece of work; undefined while the slice lasts. */
  pause(): Promise<void> | undefined {
    const { clock, timers } = this.#world;
    if (this.#turn !== undefined) return this.#turn;
    if (timers.turn === undefined || clock.monotonicMs() - this.#sinceMs < SLICE_MS) {
      return undefined;
    }
    this.#turn = timers.turn().then(() => {
      this.#turn = undefined;
      this.#sinceMs = clock.monotonicMs();
    });
    return this.#turn;
  }
}
