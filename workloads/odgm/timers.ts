// The timers of the process behind the port of the Raft driver. They do not keep the process alive.
import type { Clock } from "#api/base/index.ts";
import { systemClock } from "#workloads/platform/clock/index.ts";

import type { Timers } from "./raft/ports.ts";

/** Clocks and timers of whoever runs by itself. */
export interface Time {
  readonly clock: Clock;
  readonly timers: Timers;
}

/** Real time; the end of a turn is after everything that has arrived was read. */
export const nodeTimers: Timers = {
  every: (ms, run) => {
    const timer = setInterval(run, ms).unref();
    return () => clearInterval(timer);
  },
  after: (ms, run) => {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
  endOfTurn: (run) => void setImmediate(run),
};

/** The time of this process. */
export const nodeTime: Time = { clock: systemClock, timers: nodeTimers };
