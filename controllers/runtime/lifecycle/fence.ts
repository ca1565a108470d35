// The write fence: no write leaves this process after it may have lost the lease. Judged by the
// monotonic clock at every write, so that a process which was stopped for a while finds the fence
// down before any timer has fired.

import type { WriteFence } from "../client/rest-client.ts";
import { NotLeaderError } from "../client/errors.ts";
import type { CancelTimer, World } from "../base/timers.ts";

/** Opened for one term at a time by the elector. Closed at first. */
export class LeaseFence implements WriteFence {
  readonly #world: World;
  #validUntilMs = Number.NEGATIVE_INFINITY;
  #term = new AbortController();
  #cancel: CancelTimer | undefined;

  constructor(world: World) {
    this.#world = world;
    this.#term.abort();
  }

  /** Of the present term; aborted while there is none. */
  get signal(): AbortSignal {
    return this.#term.signal;
  }

  check(): void {
    if (!this.isOpen) throw new NotLeaderError("this process does not lead");
  }

  get isOpen(): boolean {
    return !this.#term.signal.aborted && this.#world.clock.monotonicMs() < this.#validUntilMs;
  }

  /** Begins a term, or prolongs the present one, until this moment of the monotonic clock. */
  openUntil(validUntilMs: number): void {
    if (this.#term.signal.aborted) this.#term = new AbortController();
    this.#validUntilMs = validUntilMs;
    this.#cancel?.();
    const leftMs = validUntilMs - this.#world.clock.monotonicMs();
    this.#cancel = this.#world.timers.schedule(leftMs, () => this.close());
  }

  /** Ends the term: writes under way are given up. Idempotent. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#validUntilMs = Number.NEGATIVE_INFINITY;
    this.#term.abort();
  }
}

/** Without leader election there is one process, and it may always write. */
export function openFence(): WriteFence {
  return { check: () => undefined, signal: new AbortController().signal };
}
