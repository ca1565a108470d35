// What the members say about each partition, summed up for the collection's status.
import { ShardState, StoreState } from "#api/gen/oaas-admin_pb.ts";
import type { TroubledPartition } from "#api/oaas/v1alpha1/index.ts";
import { effectiveOdgmCollection } from "#api/oaas/v1alpha1/index.ts";

import type { MemberSeen, Observed } from "../plan/observed.ts";
import type { CollectionPlan } from "../plan/plan.ts";

/** Counts over all partitions, and those that are not well. */
export interface Summary {
  readonly total: number;
  readonly serving: number;
  readonly objects: number;
  readonly bytes: number;
  /** Partitions that answer but take no new data. */
  readonly full: number;
  /** At most 32, the ones that do not answer first. */
  readonly troubled: readonly TroubledPartition[];
  /** Partitions of which every replica serves and can grow. */
  readonly whole: number;
  /** Partitions per member ordinal that leads them. */
  readonly leaders: ReadonlyMap<number, number>;
}

/** Bounds of the status schema. */
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
  readonly full: boolean;
  readonly owner: number | undefined;
  readonly objects: number;
  readonly bytes: number;
  readonly message: string;
}

/** Every replica of a partition, the primary first; one that is nowhere if it is not placed. */
function replicasSeen(
  observed: Observed,
  plan: CollectionPlan,
  partition: number,
): readonly PartitionSeen[] {
  const { committed } = plan;
  const ids = committed?.partitions.find((entry) => entry.partition === partition)?.members ?? [];
  const owners = ids.flatMap((id) => {
    const ordinal = committed?.members.find((member) => member.id === id)?.ordinal;
    return ordinal === undefined ? [] : [ordinal];
  });
  if (owners.length === 0) {
    const nothing = { serving: false, full: false, owner: undefined, objects: 0, bytes: 0 };
    return [{ ...nothing, message: "it is not placed yet" }];
  }
  return owners.map((owner) => replicaSeen(observed, partition, owner));
}

function replicaSeen(observed: Observed, partition: number, owner: number): PartitionSeen {
  const nowhere = { serving: false, full: false, objects: 0, bytes: 0 };
  const seen = observed.members.get(owner);
  const shard =
    seen?.kind === "known"
      ? seen.status.shards.find((entry) => entry.partition === partition)
      : undefined;
  if (shard === undefined) {
    return { ...nowhere, owner, message: `member ${owner} ${memberWord(seen)}` };
  }
  const full = shard.state === ShardState.STORAGE_FULL;
  const pending = full ? `the disk of member ${owner} is full` : `member ${owner} is starting it`;
  return {
    serving: full || shard.state === ShardState.READY,
    full,
    owner,
    objects: Number(shard.objects),
    bytes: Number(shard.bytes),
    message: shard.message === "" ? pending : shard.message,
  };
}

/** What the members say about every partition of the collection. */
export function summarize(observed: Observed, plan: CollectionPlan): Summary {
  const total = effectiveOdgmCollection(observed.collection.spec).partitions;
  const down: TroubledPartition[] = [];
  const degraded: TroubledPartition[] = [];
  const leaders = new Map<number, number>();
  const sum = { serving: 0, full: 0, whole: 0, objects: 0, bytes: 0 };
  for (let partition = 0; partition < total; partition += 1) {
    const replicas = replicasSeen(observed, plan, partition);
    const [primary] = replicas;
    const best = replicas.find((seen) => seen.serving && !seen.full) ?? primary;
    if (best === undefined) continue;
    sum.objects += Math.max(...replicas.map((seen) => seen.objects));
    for (const seen of replicas) sum.bytes += seen.bytes;
    const leads = primary?.owner;
    if (leads !== undefined) leaders.set(leads, (leaders.get(leads) ?? 0) + 1);
    if (best.serving) sum.serving += 1;
    if (best.full) sum.full += 1;
    const lame = replicas.find((seen) => !seen.serving || seen.full);
    if (lame === undefined) sum.whole += 1;
    const message = (best.serving && lame !== undefined ? lame : best).message;
    const bounded = message.slice(0, MESSAGE_MAX);
    if (!best.serving) down.push({ partition, state: "Unavailable", message: bounded });
    else if (lame !== undefined) degraded.push({ partition, state: "Degraded", message: bounded });
  }
  return { total, ...sum, troubled: [...down, ...degraded].slice(0, TROUBLED_MAX), leaders };
}
