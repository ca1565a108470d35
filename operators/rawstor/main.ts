// The rawstor operator: wires options, caches and controllers, and stops on
// SIGTERM in good order.
import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import {
  createJsonLogger,
  KINDS,
  Manager,
  sleep,
  systemTimers,
} from "#controllers/runtime/index.ts";

import { start } from "./controllers.ts";
import type { OperatorOptions } from "./options.ts";
import { parseOptions } from "./options.ts";

const RETRY_MS = 2_000;

/** Uid of namespace kube-system: what a cluster is called. Waits for the API server. */
async function clusterUid(manager: Manager, signal: AbortSignal, log: Logger): Promise<string> {
  for (;;) {
    try {
      const found = await manager.client.get(KINDS.Namespace, {
        namespace: "",
        name: "kube-system",
      });
      if (found !== undefined) return found.metadata.uid;
      log.warn("namespace kube-system is not there, trying again");
    } catch (cause) {
      log.warn("the API server does not answer, trying again", { error: errorMessage(cause) });
    }
    await sleep(systemTimers, RETRY_MS, signal);
    if (signal.aborted) throw new Error("stopped before the API server answered");
  }
}

function createManager(options: OperatorOptions, logger: Logger): Manager {
  return new Manager({
    name: "rawstor-operator",
    identity: options.identity,
    cluster: options.cluster,
    logger,
    health: options.health,
    ...(options.leaderElect
      ? { leaderElection: { leaseName: "rawstor-operator", leaseNamespace: options.namespace } }
      : {}),
  });
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const log = createJsonLogger("rawstor-operator", options.logLevel);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      log.info("stopping", { signal });
      stop.abort();
    });
  }
  const manager = createManager(options, log);
  try {
    const uid = await clusterUid(manager, stop.signal, log);
    await start({ manager, options, clusterUid: uid, log, signal: stop.signal });
  } catch (cause) {
    if (stop.signal.aborted) return;
    log.error("the operator ends", {
      error: errorMessage(cause),
      ...(cause instanceof Error ? { stack: cause.stack } : {}),
    });
    process.exitCode = 1;
  }
}

await main();
