// The timers of the process behind the port of the Raft driver. They do not keep the process alive.
import type { Timers } from "./raft/ports.ts";

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
