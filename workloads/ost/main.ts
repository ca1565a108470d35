// The ost program: reads its settings, serves until a signal, and says with its exit code why a
// disk is not served. `--help` tells the rest.
import { writeFileSync } from "node:fs";

import { errorMessage } from "#api/base/index.ts";
import type { OstConfig } from "#api/workload/ost.ts";
import { ostExitCodes, ostTerminationGraceSeconds } from "#api/workload/ost.ts";
import { createLogger } from "#workloads/platform/log/index.ts";
import { exitOnSignal } from "#workloads/platform/shutdown/index.ts";

import { DiskRefusedError } from "./errors.ts";
import { parseCommandLine } from "./options.ts";
import { startOst } from "./ost.ts";

/** Kubernetes shows what is written there as the container's termination message. */
const TERMINATION_LOG = "/dev/termination-log";

const command = parseCommandLine(process.argv.slice(2), process.env);
if (command.kind === "exit") {
  process.stdout.write(command.out);
  process.stderr.write(command.error);
  process.exitCode = command.code;
} else {
  await run(command.config);
}

async function run(config: OstConfig): Promise<void> {
  const inPod = process.env["KUBERNETES_SERVICE_HOST"] !== undefined;
  const format = inPod ? "json" : "plain";
  const log = createLogger({ service: "ost", level: config.logLevel, format });
  try {
    const starting = startOst(config, log);
    const boundMs = (ostTerminationGraceSeconds - 5) * 1000;
    const steps = starting.then((ost) => [{ name: "ost", run: () => ost.close() }]);
    exitOnSignal({ steps, boundMs, log });
    await starting;
  } catch (cause: unknown) {
    const message = errorMessage(cause);
    log.error("cannot serve", { error: message });
    process.exitCode =
      cause instanceof DiskRefusedError ? ostExitCodes[cause.reason] : ostExitCodes.Crash;
    if (inPod) writeFileSync(TERMINATION_LOG, message, { flag: "a" });
  }
}
