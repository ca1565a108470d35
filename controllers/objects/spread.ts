// Spreading the pods of one workload over nodes.
import type { TopologySpreadConstraint } from "kubernetes-types/core/v1.js";

import { nonEmptyMap, present } from "./present.ts";

/** Input of {@link spreadOverNodes}. */
export interface SpreadInput {
  /** Labels that select the workload's pods and nothing else. */
  readonly selector: Readonly<Record<string, string>>;
  /** Hard: a pod that would unbalance the nodes stays Pending. Soft: it is placed all the same. */
  readonly mode: "Hard" | "Soft";
  /** Of a Deployment: a rollout's new pods spread among themselves; otherwise it may jam. */
  readonly perRevision?: boolean | undefined;
}

/**
 * One constraint over `kubernetes.io/hostname` with a skew of at most one. A node that is down
 * keeps counting as an empty one, so a hard spread never doubles up on the nodes that are left.
 */
export function spreadOverNodes(input: SpreadInput): TopologySpreadConstraint {
  return present({
    labelSelector: { matchLabels: nonEmptyMap(input.selector) ?? {} },
    matchLabelKeys: input.perRevision === true ? ["pod-template-hash"] : undefined,
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: input.mode === "Hard" ? "DoNotSchedule" : "ScheduleAnyway",
  });
}
