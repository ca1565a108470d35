// What the rawstor operator runs: the list of its controllers and their port.
import type { TargetPort } from "#controllers/ost-target/port.ts";
import { ostTargetController } from "#controllers/ost-target/reconcile.ts";
import { rawstorVolumeController } from "#controllers/rawstor-volume/reconcile.ts";
import type { AnyController, OperatorParts } from "#controllers/runtime/index.ts";

import type { OperatorOptions } from "./options.ts";
import { OperatorTargetPort } from "./target-port.ts";

/** The controllers of this operator; RBAC is generated from what they declare. */
export function controllersOf(
  options: Pick<OperatorOptions, "namespace" | "ostImage" | "allowedPathPrefixes">,
  clusterUid: string,
  port: TargetPort,
): readonly AnyController[] {
  const { ostImage: image, namespace, allowedPathPrefixes } = options;
  return [
    ostTargetController({ image, namespace, clusterUid, allowedPathPrefixes }, port),
    rawstorVolumeController(),
  ];
}

/** Adds everything to the manager and runs it until the signal aborts. */
export async function start(parts: OperatorParts<OperatorOptions>): Promise<void> {
  const { manager, options, clusterUid, log, signal } = parts;
  const port = new OperatorTargetPort(manager.client, log);
  for (const controller of controllersOf(options, clusterUid, port)) manager.add(controller);
  await manager.run(signal);
  log.info("stopped");
}
