// Timers as a port, so that tests and the simulator own time. Everything in the runtime that waits
// goes through here.

import type { Clock, Rng } from "#api/base/index.ts";

/** One-shot timers. */
export interface Timers {
  /** Calls `run` once after `delayMs`, unless cancelled; never before this call has returned. */
  schedule(delayMs: number, run: () => void): CancelTimer;
  /**
   * Resolves once the event loop has looked after its connections and timers. Not there where time
   * is somebody else's: then work takes none, and nothing waits for it.
   */
  turn?(): Promise<void>;
}

/** Idempotent; has no effect once the timer has run. */
export type CancelTimer = () => void;

/**
 * Timers of the process. They keep it alive: while the API server is away there may be nothing else
 * that does. Everything in the runtime cancels its timers when it stops.
 */
export const systemTimers: Timers = {
  schedule(delayMs, run) {
    // setTimeout fires at once beyond 2^31-1; nothing here waits longer than that on purpose.
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), 0x7fffffff));
    return () => clearTimeout(timer);
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
};

/** Clocks of the process. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Randomness of the process; good for jitter, not for keys. */
export const systemRng: Rng = {
  next: () => Math.random(),
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
};

/** The three together, as the runtime hands them down. */
export interface World {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly rng: Rng;
}

/** Resolves after `delayMs`, or at once when `signal` aborts; never rejects. */
export function sleep(timers: Timers, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = timers.schedule(delayMs, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** Resolves when `signal` aborts, at once if it has. */
export function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** `baseMs * 2^attempt`, capped, spread evenly over the upper half. `attempt` counts from 0. */
export function backoffMs(
  policy: { readonly baseMs: number; readonly maxMs: number },
  attempt: number,
  rng: Rng,
): number {
  const full = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(attempt, 40));
  return full * (0.5 + rng.next() / 2);
}
