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

function partitionSeen(observed: Observed, plan: CollectionPlan, partition: number): PartitionSeen {
  const nowhere = { serving: false, full: false, owner: undefined, objects: 0, bytes: 0 };
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
  const sum = { serving: 0, full: 0, objects: 0, bytes: 0 };
  for (let partition = 0; partition < total; partition += 1) {
    const seen = partitionSeen(observed, plan, partition);
    sum.objects += seen.objects;
    sum.bytes += seen.bytes;
    if (seen.owner !== undefined) leaders.set(seen.owner, (leaders.get(seen.owner) ?? 0) + 1);
    if (seen.serving) sum.serving += 1;
    if (seen.full) sum.full += 1;
    const message = seen.message.slice(0, MESSAGE_MAX);
    if (!seen.serving) down.push({ partition, state: "Unavailable", message });
    else if (seen.full) degraded.push({ partition, state: "Degraded", message });
  }
  return { total, ...sum, troubled: [...down, ...degraded].slice(0, TROUBLED_MAX), leaders };
}
