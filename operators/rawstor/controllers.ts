// What the rawstor operator runs: the list of its controllers and their port.
import { ostTargetController } from "#controllers/ost-target/reconcile.ts";
import { rawstorVolumeController } from "#controllers/rawstor-volume/reconcile.ts";
import type { OperatorParts } from "#controllers/runtime/index.ts";

import type { OperatorOptions } from "./options.ts";
import { OperatorTargetPort } from "./target-port.ts";

/** Adds everything to the manager and runs it until the signal aborts. */
export async function start(parts: OperatorParts<OperatorOptions>): Promise<void> {
  const { manager, options, clusterUid, log, signal } = parts;
  const defaults = {
    image: options.ostImage,
    namespace: options.namespace,
    clusterUid,
    allowedPathPrefixes: options.allowedPathPrefixes,
  };
  manager
    .add(ostTargetController(defaults, new OperatorTargetPort(manager.client, log)))
    .add(rawstorVolumeController());
  await manager.run(signal);
  log.info("stopped");
}
