// A pass gets a time limit. The limit asks by its signal, which every call to the API server
// honours. Code that does not listen cannot be stopped, but it must not hold up the other objects:
// after a grace its worker is given back. Its key stays taken until it really ends, so that an
// object never has two passes, and an aborted signal lets none of its writes through.

import type { Timers } from "../base/timers.ts";

/** Limits of a pass. */
export interface PassLimit {
  readonly timers: Timers;
  readonly timeoutMs: number;
  /** From the signal to being given up. */
  readonly graceMs: number;
  /** Ends the pass whatever its time. */
  readonly abort: AbortSignal;
  /** Called once if the time is over. */
  readonly onTimeout: () => void;
}

/** `ended`: `work` has settled. `stuck`: it goes on, deaf to its signal. Never rejects. */
export function runPass(
  work: (signal: AbortSignal) => Promise<void>,
  limit: PassLimit,
): Promise<"ended" | "stuck"> {
  const { timers, abort } = limit;
  const own = new AbortController();
  return new Promise((resolve) => {
    let cancelGrace = (): void => undefined;
    const end = (): void => {
      if (own.signal.aborted) return;
      own.abort();
      cancelGrace = timers.schedule(limit.graceMs, () => finish("stuck"));
    };
    const cancelTimeout = timers.schedule(limit.timeoutMs, () => {
      limit.onTimeout();
      end();
    });
    const finish = (how: "ended" | "stuck"): void => {
      cancelTimeout();
      cancelGrace();
      abort.removeEventListener("abort", end);
      resolve(how);
    };
    abort.addEventListener("abort", end, { once: true });
    if (abort.aborted) end();
    const ended = (): void => finish("ended");
    work(own.signal).then(ended, ended);
  });
}
