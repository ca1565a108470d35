// Status of a collection from what was seen: counts, the worst partitions, and why.
import { ShardState, StoreState } from "#api/gen/oaas-admin_pb.ts";
import { conditions, REASONS } from "#api/meta/index.ts";
import type { OdgmCollectionStatus, TroubledPartition } from "#api/oaas/v1alpha1/index.ts";
import { effectiveOdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { collectionNames } from "#api/workload/odgm-names.ts";

import type { MemberSeen, Observed } from "./plan/observed.ts";
import type { CollectionPlan } from "./plan/plan.ts";
import { podSelector } from "./render.ts";

/** Everything in status but what the framework adds. */
export type CollectionFields = Omit<OdgmCollectionStatus, "conditions" | "observedGeneration">;

/** A condition without its times. */
export interface ConditionDraft {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

interface Summary {
  readonly total: number;
  readonly serving: number;
  readonly objects: number;
  readonly bytes: number;
  readonly troubled: readonly TroubledPartition[];
  /** Partitions per member ordinal that leads them. */
  readonly leaders: ReadonlyMap<number, number>;
}

const TROUBLED_MAX = 32;
const MESSAGE_MAX = 512;

/** How one member is, in a few words. */
function memberWord(seen: MemberSeen | undefined): string {
  switch (seen?.kind) {
    case undefined:
    case "absent":
      return "has no pod";
    case "connecting":
      return "is not reached yet";
    case "unreachable":
      return `does not answer: ${seen.message}`;
    case "known":
      if (seen.status.storeState === StoreState.READY) return "serves an older generation";
      return seen.status.storeMessage === "" ? "is not formatted" : seen.status.storeMessage;
  }
}

interface PartitionSeen {
  readonly serving: boolean;
  readonly owner: number | undefined;
  readonly objects: number;
  readonly bytes: number;
  readonly message: string;
}

function partitionSeen(observed: Observed, plan: CollectionPlan, partition: number): PartitionSeen {
  const nowhere = { serving: false, owner: undefined, objects: 0, bytes: 0 };
  const { committed } = plan;
  const ownerId = committed?.partitions.find((entry) => entry.partition === partition)?.members[0];
  const owner = committed?.members.find((member) => member.id === ownerId)?.ordinal;
  if (owner === undefined) return { ...nowhere, message: "it is not placed yet" };
  const seen = observed.members.get(owner);
  const shard =
    seen?.kind === "known"
      ? seen.status.shards.find((entry) => entry.partition === partition)
      : undefined;
  if (shard === undefined) {
    return { ...nowhere, owner, message: `member ${owner} ${memberWord(seen)}` };
  }
  const serving = shard.state === ShardState.READY || shard.state === ShardState.STORAGE_FULL;
  return {
    serving,
    owner,
    objects: Number(shard.objects),
    bytes: Number(shard.bytes),
    message: shard.message === "" ? `member ${owner} is starting it` : shard.message,
  };
}

function summarize(observed: Observed, plan: CollectionPlan): Summary {
  const total = effectiveOdgmCollection(observed.collection.spec).partitions;
  const troubled: TroubledPartition[] = [];
  const leaders = new Map<number, number>();
  let [serving, objects, bytes] = [0, 0, 0];
  for (let partition = 0; partition < total; partition += 1) {
    const seen = partitionSeen(observed, plan, partition);
    objects += seen.objects;
    bytes += seen.bytes;
    if (seen.owner !== undefined) leaders.set(seen.owner, (leaders.get(seen.owner) ?? 0) + 1);
    if (seen.serving) serving += 1;
    else if (troubled.length < TROUBLED_MAX) {
      const message = seen.message.slice(0, MESSAGE_MAX);
      troubled.push({ partition, state: "Unavailable", message });
    }
  }
  return { total, serving, objects, bytes, troubled, leaders };
}

function balanced(leaders: ReadonlyMap<number, number>, nodes: number): boolean {
  const counts = Array.from({ length: nodes }, (_, ordinal) => leaders.get(ordinal) ?? 0);
  return counts.length === 0 || Math.max(...counts) - Math.min(...counts) <= 1;
}

/** Whether the data can be used, and the worst reason if not. */
function dataReady(observed: Observed, plan: CollectionPlan, summary: Summary): ConditionDraft {
  const type = conditions.DATA_READY;
  const all = summary.serving === summary.total;
  const counts = `${summary.serving} of ${summary.total} partitions serve`;
  const [trouble] = plan.troubles;
  if (trouble !== undefined) {
    const message = `${counts}; member ${trouble.ordinal}: ${trouble.message}`;
    return { type, status: "False", reason: trouble.reason, message };
  }
  if (all && plan.nodes > 0)
    return { type, status: "True", reason: REASONS.Available, message: counts };
  const stuck =
    observed.pods.find((pod) => pod.trouble !== undefined)?.trouble ?? observed.set?.trouble;
  if (stuck !== undefined) {
    return { type, status: "False", reason: stuck.reason, message: `${counts}; ${stuck.message}` };
  }
  const ready = observed.pods.filter((pod) => pod.ready).length;
  if (ready < plan.nodes) {
    const message = `${counts}; ${ready} of ${plan.nodes} pods are ready`;
    return { type, status: "False", reason: REASONS.WaitingForPods, message };
  }
  const reason = plan.progress?.reason ?? REASONS.WaitingForData;
  const why = plan.progress?.message ?? summary.troubled[0]?.message ?? "nothing is wanted";
  return { type, status: "False", reason, message: `${counts}; ${why}` };
}

/** Fields and conditions. Refusal, failure and deletion are added by the framework. */
export function computeStatus(
  observed: Observed,
  plan: CollectionPlan,
): { readonly fields: CollectionFields; readonly conditions: readonly ConditionDraft[] } {
  const { namespace, name } = observed.collection.metadata;
  const summary = summarize(observed, plan);
  const data = dataReady(observed, plan, summary);
  const outdated = observed.pods.some(
    (pod) =>
      observed.set?.updateRevision !== undefined && pod.revision !== observed.set.updateRevision,
  );
  const settled = data.status === "True" && plan.progress === undefined && !outdated;
  const work = plan.progress ?? {
    reason: outdated ? REASONS.Progressing : data.reason,
    message: outdated ? "pods are being restarted one by one" : data.message,
  };
  const selector = Object.entries(podSelector(name)).map(([key, value]) => `${key}=${value}`);
  return {
    fields: {
      nodeCount: observed.pods.length,
      selector: selector.join(","),
      partitions: {
        total: summary.total,
        serving: summary.serving,
        unavailable: summary.total - summary.serving,
      },
      ...(summary.troubled.length === 0 ? {} : { troubledPartitions: summary.troubled }),
      leadersBalanced: balanced(summary.leaders, plan.nodes),
      ...(plan.committed === undefined
        ? {}
        : { assignmentGeneration: Number(plan.committed.generation) }),
      bytes: summary.bytes,
      objects: summary.objects,
      service: collectionNames(namespace, name).service,
    },
    conditions: [
      { ...data, type: conditions.READY },
      data,
      {
        type: conditions.FULLY_REPLICATED,
        status: data.status,
        reason: data.reason,
        message: data.status === "True" ? "every partition has its one replica" : data.message,
      },
      {
        type: conditions.REBALANCING,
        status: "False",
        reason: REASONS.Succeeded,
        message: "nothing moves",
      },
      {
        type: conditions.RECONCILING,
        status: settled || plan.suspended ? "False" : "True",
        reason: work.reason,
        message: work.message,
      },
    ],
  };
}
