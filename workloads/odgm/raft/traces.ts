// What the core tells of a group, as lines of the log.
import type { Logger } from "#api/base/index.ts";
import { assertNever } from "#api/base/index.ts";
import type { Trace } from "#workloads/core/raft/index.ts";

/** Logs it at the level that it deserves. */
export function logTrace(log: Logger, trace: Trace): void {
  switch (trace.kind) {
    case "config": {
      const { voters, learners, outgoing } = trace.config;
      log.info("members", { index: trace.index, voters, learners, outgoing });
      return;
    }
    case "suspect":
      log.warn(trace.suspect ? "suspect" : "whole again", { epoch: trace.epoch });
      return;
    case "stepped-down":
      log.warn("stepped down", { reason: trace.reason });
      return;
    case "level":
    case "ignored":
    case "quiesced":
    case "woke":
      log.debug(trace.kind, { ...trace });
      return;
    default:
      assertNever(trace);
  }
}
