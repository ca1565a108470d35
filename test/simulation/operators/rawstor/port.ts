// The target port of one operator process: the real one of operators/rawstor, which asks simulated
// programs by simulated time.
import { sleep } from "#controllers/runtime/index.ts";
import type { Host } from "#controllers/runtime/testing/index.ts";
import { memoryLogger } from "#controllers/runtime/testing/index.ts";
import { OperatorTargetPort } from "#operators/rawstor/target-port.ts";

import type { Disks } from "./disks.ts";

/** The operator's own port, as one simulated process has it. */
export function simTargetPort(host: Host<unknown>, disks: Disks): OperatorTargetPort {
  const { client, process, dice } = host;
  return new OperatorTargetPort(client, memoryLogger(), {
    clock: process,
    timers: process,
    async ask(url) {
      await sleep(process, dice.int(1, 100));
      const status = disks.status(url);
      return status === undefined
        ? { kind: "unreachable", message: "connection refused" }
        : { kind: "known", status };
    },
    async tell(url, order) {
      await sleep(process, dice.int(1, 100));
      if (!disks.turn(url, order)) throw new Error("connection refused");
    },
  });
}
