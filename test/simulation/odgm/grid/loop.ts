// The event loop of one simulated process: its clocks, which jump and drift, its timers, and pauses
// in which it does nothing at all. A pause can come in the middle of a call: the rest of the call
// then runs later, and everything that follows from it happens then.
import type { Clock, Rng } from "#api/base/index.ts";
import type { StopTimer, Timers } from "#workloads/odgm/raft/ports.ts";
import type { Timers as StoreTimers } from "#workloads/core/store/index.ts";

import type { World } from "./world.ts";

const EPOCH_MS = 1_700_000_000_000;
/** Timers come up to so much late. */
const TIMER_LATE_MS = 1.5;
/** What happens between two looks at the clock takes about so long. */
const LOOK_MS = 0.02;
/** An event-loop turn takes at least so long. */
const TURN_MS = 0.01;

/** The clocks of a machine; they outlive its processes. */
export interface MachineClock {
  /** Seconds of this machine per second. */
  readonly rate: number;
  /** Wall clock ahead of the world's. */
  wallOffsetMs: number;
}

/** See the top of the file. */
export class Loop implements Timers, Clock {
  /** The process has ended: nothing of it happens any more. */
  isOver = false;
  private readonly world: World;
  private readonly clock: MachineClock;
  private readonly rng: Rng;
  private readonly originMs: number;
  private pausedUntilMs = 0;
  private pauseIn: { looks: number; readonly ms: number } | undefined;

  constructor(world: World, clock: MachineClock, rng: Rng) {
    this.world = world;
    this.clock = clock;
    this.rng = rng;
    this.originMs = Math.floor(rng.next() * 1e9);
  }

  /** The world's time as far as this process is concerned. */
  get atMs(): number {
    return Math.max(this.world.nowMs, this.pausedUntilMs);
  }

  /** It stands still for so long. */
  pause(ms: number): void {
    this.pausedUntilMs = this.atMs + ms;
  }

  /** It stands still for so long after it has looked at its clock so many times. */
  pauseLater(looks: number, ms: number): void {
    this.pauseIn = { looks, ms };
  }

  readonly monotonicMs = (): number => {
    const { pauseIn } = this;
    // Whoever looks again and again sees that time passes.
    this.pause(LOOK_MS);
    if (pauseIn !== undefined) {
      pauseIn.looks -= 1;
      if (pauseIn.looks < 0) {
        this.pauseIn = undefined;
        this.pause(pauseIn.ms);
      }
    }
    return this.originMs + this.atMs * this.clock.rate;
  };

  readonly nowMs = (): number =>
    Math.floor(EPOCH_MS + this.atMs * this.clock.rate + this.clock.wallOffsetMs);

  /** Something arrives from outside: it is taken when the loop runs. */
  arrive(run: () => void): void {
    if (this.isOver) return;
    if (this.world.nowMs < this.pausedUntilMs) {
      // What waited long is taken in no particular order: timers may be first or last.
      const isLong = this.pausedUntilMs - this.world.nowMs > TIMER_LATE_MS;
      const atMs = this.pausedUntilMs + (isLong ? this.rng.next() * TIMER_LATE_MS : 0);
      this.world.at(atMs, () => this.arrive(run));
      return;
    }
    run();
  }

  every(ms: number, run: () => void): StopTimer {
    let stop: StopTimer = () => undefined;
    const again = (): void => {
      stop = this.after(ms, again);
      run();
    };
    stop = this.after(ms, again);
    return () => stop();
  }

  after(ms: number, run: () => void): StopTimer {
    const waitMs = ms / this.clock.rate + this.rng.next() * TIMER_LATE_MS;
    return this.world.at(this.atMs + waitMs, () => this.arrive(run));
  }

  readonly endOfTurn = (run: () => void): void => {
    this.world.at(this.atMs + TURN_MS, () => this.arrive(run));
  };

  /** Resolves after so long; never if the process ends before. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.at(this.atMs + ms, () =>
        this.arrive(() => {
          this.world.isStirred = true;
          resolve();
        }),
      );
    });
  }

  /** The same clock and timers for a store. */
  get forStore(): StoreTimers {
    return {
      nowMs: this.nowMs,
      monotonicMs: this.monotonicMs,
      cpuMs: () => 0,
      soon: (run) =>
        this.endOfTurn(() => {
          this.world.isStirred = true;
          run();
        }),
      later: (ms, run) =>
        this.after(ms, () => {
          this.world.isStirred = true;
          run();
        }),
    };
  }
}
