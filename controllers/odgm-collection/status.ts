// Status of a collection from what was seen: counts, the worst partitions, and why.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { SlotMoveState } from "#api/gen/oaas-admin_pb.ts";
import { conditions, REASONS } from "#api/meta/index.ts";
import type { OdgmCollectionStatus } from "#api/oaas/v1alpha1/index.ts";
import { effectiveOdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { collectionNames } from "#api/workload/odgm-names.ts";

import type { Observed } from "./plan/observed.ts";
import type { CollectionPlan } from "./plan/plan.ts";
import { slotsLeft, slotsToMove } from "./plan/slots.ts";
import { podSelector } from "./render.ts";
import type { Summary } from "./status/partitions.ts";
import { summarize } from "./status/partitions.ts";

/** Everything in status but what the framework adds. */
export type CollectionFields = Omit<OdgmCollectionStatus, "conditions" | "observedGeneration">;

/** A condition without its times. */
export interface ConditionDraft {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

function balanced(leaders: ReadonlyMap<number, number>, nodes: number): boolean {
  const counts = Array.from({ length: nodes }, (_, ordinal) => leaders.get(ordinal) ?? 0);
  return counts.length === 0 || Math.max(...counts) - Math.min(...counts) <= 1;
}

/** Whether the data can be used, and the worst reason if not. */
function dataReady(observed: Observed, plan: CollectionPlan, summary: Summary): ConditionDraft {
  const type = conditions.DATA_READY;
  const not = (reason: string, message: string): ConditionDraft => ({
    type,
    status: "False",
    reason,
    message,
  });
  if (plan.nodes === 0) return not(REASONS.Disabled, RESTS);
  const counts = `${summary.serving} of ${summary.total} partitions serve`;
  const [trouble] = plan.troubles;
  if (trouble !== undefined) {
    return not(trouble.reason, `${counts}; member ${trouble.ordinal}: ${trouble.message}`);
  }
  const first = summary.troubled[0]?.message ?? "";
  if (summary.serving === summary.total) {
    if (summary.full === 0)
      return { type, status: "True", reason: REASONS.Available, message: counts };
    const message = `${counts}, ${summary.full} take no new data: ${first}`;
    return not(REASONS.StorageFull, message);
  }
  const stuck = observed.pods.find((pod) => pod.trouble !== undefined)?.trouble;
  if (stuck !== undefined) return not(stuck.reason, `${counts}; ${stuck.message}`);
  const pods = podsMessage(observed, plan);
  if (pods !== undefined) return not(REASONS.WaitingForPods, `${counts}; ${pods}`);
  const silent = [...observed.members].find(
    ([ordinal, seen]) => ordinal < plan.nodes && seen.kind === "unreachable",
  );
  const reason = silent === undefined ? REASONS.WaitingForData : REASONS.Unreachable;
  const why = plan.progress?.message ?? first;
  return not(plan.progress?.reason ?? reason, `${counts}; ${why}`);
}

/** What is missing of the pods; undefined if all are ready. */
function podsMessage(observed: Observed, plan: CollectionPlan): string | undefined {
  const ready = observed.pods.filter((pod) => pod.ready).length;
  if (ready >= plan.nodes) return undefined;
  const text = `${ready} of ${plan.nodes} pods are ready`;
  const { length } = observed.pods;
  if (length >= plan.nodes || observed.set?.updateRevision === undefined) return text;
  // Quota and Pod Security reject pods before they exist: only the StatefulSet's Events say so.
  const { namespace, name } = observed.collection.metadata;
  const set = collectionNames(namespace, name).statefulSet;
  const look = `kubectl describe statefulset ${set} -n ${namespace}`;
  return `${text} and ${plan.nodes - length} are not created; if this stays, see: ${look}`;
}

const RESTS = "spec.nodes is 0: it rests, the data is kept in its claims";

function isOutdated(observed: Observed): boolean {
  const revision = observed.set?.updateRevision;
  return revision !== undefined && observed.pods.some((pod) => pod.revision !== revision);
}

/** What is being done, if anything is: nothing of it needs a person. */
function work(
  observed: Observed,
  plan: CollectionPlan,
  data: ConditionDraft,
  summary: Summary,
): { readonly reason: string; readonly message: string } | undefined {
  if (plan.suspended || plan.troubles.length > 0) return undefined;
  if (plan.nodes === 0) {
    const { length } = observed.pods;
    if (length === 0) return undefined;
    return { reason: REASONS.Progressing, message: `${length} data pods are going to rest` };
  }
  if (plan.progress !== undefined) return plan.progress;
  if (data.status !== "True" && data.reason !== REASONS.StorageFull) return data;
  const moves = rebalancing(plan, summary);
  if (moves.status === "True") return moves;
  if (!isOutdated(observed)) return undefined;
  return { reason: REASONS.Progressing, message: "pods are being restarted one by one" };
}

/** Whether every replica of every partition serves. */
function fullyReplicated(
  observed: Observed,
  data: ConditionDraft,
  summary: Summary,
): ConditionDraft {
  const type = conditions.FULLY_REPLICATED;
  if (data.status !== "True") return { ...data, type };
  const { replicas } = effectiveOdgmCollection(observed.collection.spec);
  const kept = replicas === 1 ? "its one replica" : `its ${replicas} replicas`;
  if (summary.whole === summary.total)
    return { ...data, type, message: `every partition has ${kept}` };
  const all = replicas === 1 ? "their replica" : `all ${replicas} replicas`;
  const counts = `${summary.whole} of ${summary.total} partitions have ${all}`;
  const message = `${counts}; ${summary.troubled[0]?.message ?? ""}`;
  return { type, status: "False", reason: REASONS.WaitingForData, message };
}

/** Whether replicas or slots are on their way to where they shall be. */
function rebalancing(plan: CollectionPlan, { moving, total }: Summary): ConditionDraft {
  const type = conditions.REBALANCING;
  const slots = movingSlots(plan.committed);
  const isMoving = plan.nodes > 0 && (moving > 0 || slots !== undefined);
  if (!isMoving) {
    return { type, status: "False", reason: REASONS.Succeeded, message: "nothing moves" };
  }
  const first = plan.groups.find((group) => !group.settled && (group.serving || group.empty));
  const which = `partition ${first?.partition ?? 0}: ${first?.message ?? ""}`;
  const replicas = moving === 0 ? [] : [`${moving} of ${total} partitions move; ${which}`];
  const message = [...(slots === undefined ? [] : [slots]), ...replicas].join("; ");
  return { type, status: "True", reason: REASONS.Moving, message };
}

/** How far slots are on their way to more partitions; undefined if none is. */
function movingSlots(committed: CollectionSpec | undefined): string | undefined {
  if (committed?.partitioning !== "Hashed") return undefined;
  const left = slotsLeft(committed);
  if (left === 0 && committed.moves.length === 0) return undefined;
  const all = slotsToMove(committed);
  const [first] = committed.moves;
  const counts = `${all - left} of ${all} slots have moved to their new partitions`;
  if (first === undefined) return counts;
  const doing = DOING[first.state];
  return `${counts}; partition ${first.from} to ${first.to}: ${doing}`;
}

const DOING: Readonly<Record<SlotMoveState, string>> = {
  [SlotMoveState.UNSPECIFIED]: "waiting",
  [SlotMoveState.COPYING]: "copying",
  [SlotMoveState.CUT_OVER]: "handing over",
  [SlotMoveState.ACTIVATED]: "deleting what was left behind",
};

/** As the data is; a suspended collection says that nothing will be done about it. */
function readyCondition(plan: CollectionPlan, data: ConditionDraft): ConditionDraft {
  const status = plan.nodes === 0 ? "True" : data.status;
  const ready = { ...data, type: conditions.READY, status };
  if (!plan.suspended) return ready;
  const message = `spec.suspend is set: nothing is changed; ${data.message}`;
  return { ...ready, reason: REASONS.Suspended, message };
}

function drafts(
  observed: Observed,
  plan: CollectionPlan,
  data: ConditionDraft,
  summary: Summary,
): readonly ConditionDraft[] {
  const busy = work(observed, plan, data, summary);
  return [
    readyCondition(plan, data),
    data,
    fullyReplicated(observed, data, summary),
    rebalancing(plan, summary),
    ...(busy === undefined
      ? []
      : [
          {
            type: conditions.RECONCILING,
            status: "True" as const,
            reason: busy.reason,
            message: busy.message,
          },
        ]),
    // Only a person can end a member's trouble.
    ...(plan.troubles.length === 0
      ? []
      : [{ ...data, type: conditions.STALLED, status: "True" as const }]),
  ];
}

/** Objects without bytes were not counted: members count those of Raft partitions alone. */
function bytes(summary: Summary): Pick<CollectionFields, "bytes"> {
  return summary.bytes === 0 && summary.objects > 0 ? {} : { bytes: summary.bytes };
}

/** Only what there is: a collection of one replica each has no lag. */
function lag({ lagEntries, lagMs }: Summary): Pick<CollectionFields, "lagEntries" | "lagMs"> {
  return { ...(lagEntries === 0 ? {} : { lagEntries }), ...(lagMs === 0 ? {} : { lagMs }) };
}

/** Fields and conditions. Refusal, failure and deletion are added by the framework. */
export function computeStatus(
  observed: Observed,
  plan: CollectionPlan,
): { readonly fields: CollectionFields; readonly conditions: readonly ConditionDraft[] } {
  const { namespace, name } = observed.collection.metadata;
  const summary = summarize(plan.groups);
  const { leaders, moving, troubled } = summary;
  const rests = plan.nodes === 0;
  const selector = Object.entries(podSelector(name)).map(([key, value]) => `${key}=${value}`);
  return {
    fields: {
      nodeCount: observed.pods.length,
      selector: selector.join(","),
      partitions: {
        total: summary.total,
        serving: summary.serving,
        unavailable: summary.total - summary.serving,
        ...(rests ? {} : { degraded: summary.serving - summary.whole, moving }),
      },
      ...(rests || troubled.length === 0 ? {} : { troubledPartitions: troubled }),
      leadersBalanced: balanced(leaders, plan.nodes),
      ...(plan.committed === undefined
        ? {}
        : { assignmentGeneration: Number(plan.committed.generation) }),
      // Nobody counts what rests.
      ...(rests ? {} : { objects: summary.objects, ...bytes(summary), ...lag(summary) }),
      service: collectionNames(namespace, name).service,
    },
    conditions: drafts(observed, plan, dataReady(observed, plan, summary), summary),
  };
}
