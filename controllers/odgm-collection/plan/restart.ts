// Which pod restarts next. The StatefulSet never does it itself (OnDelete): a pod of an old
// revision that does not serve anyway goes first; a serving one only while all others are there,
// serve and have caught up, nothing else is under way, and it leads nothing any more. A pod of the
// new revision serves once its member has said so: what the new program breaks stays at one pod. Of
// an old one that is not asked, it may be what is to be mended.
import type { RaftStatus } from "#api/gen/oaas-admin_pb.ts";
import { RaftRole } from "#api/gen/oaas-admin_pb.ts";

import type { CollectionCall } from "./calls.ts";
import type { Observed, ObservedPod } from "./observed.ts";

/** How long a member leads nothing once it was asked: its pod is gone by then. */
const RESIGN_SECONDS = 60;
/** How soon it is looked at again whether a member still leads, or a pod is still there. */
export const LOOK_AGAIN_MS = 5_000;

/** What is done next about pods of an old revision. */
export interface RestartPlan {
  readonly calls: readonly CollectionCall[];
  /** Look again after this time, whatever is heard. */
  readonly wakeAfterMs?: number;
}

/** See the head of this file. `isQuiet`: nothing is under way, and every group is whole. */
export function planRestart(
  observed: Observed,
  troubled: ReadonlySet<number>,
  isQuiet: boolean,
): RestartPlan {
  const revision = observed.set?.updateRevision;
  if (revision === undefined || observed.pods.some((pod) => pod.deleting)) return { calls: [] };
  const old = observed.pods.filter((pod) => pod.revision !== revision);
  const serves = (pod: ObservedPod): boolean => {
    if (!pod.ready || troubled.has(pod.ordinal)) return false;
    return pod.revision !== revision || observed.members.get(pod.ordinal)?.kind === "known";
  };
  const broken = old.find((pod) => !serves(pod));
  if (broken !== undefined) return { calls: [restart(broken)] };
  const isComplete = observed.pods.length >= (observed.set?.replicas ?? 0);
  if (!isQuiet || !isComplete || !observed.pods.every(serves)) return { calls: [] };
  const next = old.find((pod) => hasResigned(observed, pod)) ?? old.at(-1);
  if (next === undefined) return { calls: [] };
  const target = observed.targets.get(next.ordinal);
  if (target === undefined || !leads(observed, next)) return { calls: [restart(next)] };
  const wakeAfterMs = LOOK_AGAIN_MS;
  if (hasResigned(observed, next)) return { calls: [], wakeAfterMs };
  return { calls: [{ kind: "resign", target, seconds: RESIGN_SECONDS }], wakeAfterMs };
}

function restart({ name, uid }: ObservedPod): CollectionCall {
  return { kind: "restart-pod", name, uid };
}

function hasResigned(observed: Observed, pod: ObservedPod): boolean {
  const seen = observed.members.get(pod.ordinal);
  return seen?.kind === "known" && seen.status.resigned;
}

/** It leads a group that somebody else could lead. */
function leads(observed: Observed, pod: ObservedPod): boolean {
  const seen = observed.members.get(pod.ordinal);
  if (seen?.kind !== "known") return false;
  const { meta, shards } = seen.status;
  return [meta, ...shards.map(({ raft }) => raft)].some(leadsOthers);
}

function leadsOthers(raft: RaftStatus | undefined): boolean {
  return raft?.role === RaftRole.LEADER && raft.voters.length > 1;
}
