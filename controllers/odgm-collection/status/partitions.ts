// What the members say about each partition, summed up for the collection's status.
import type { TroubledPartition } from "#api/oaas/v1alpha1/index.ts";

import type { GroupSeen, ReplicaSeen } from "../plan/groups.ts";

/** Counts over all partitions, and those that are not well. */
export interface Summary {
  readonly total: number;
  /** Those included that are still without slots: nothing is missing while they do not answer. */
  readonly serving: number;
  readonly objects: number;
  readonly bytes: number;
  /** Partitions that answer but take no new data. */
  readonly full: number;
  /** At most 32, the ones that do not answer first, then those that lack a replica. */
  readonly troubled: readonly TroubledPartition[];
  /** Partitions that have as many replicas as wanted, which have caught up and can grow. */
  readonly whole: number;
  /** Partitions whose replicas are not where they shall be. */
  readonly moving: number;
  /** Partitions per member ordinal that leads them. */
  readonly leaders: ReadonlyMap<number, number>;
  /** Committed entries that the replica lacks which is farthest behind its leader. */
  readonly lagEntries: number;
  /** Longest time since a replica has heard from the others. */
  readonly lagMs: number;
}

/** Bounds of the status schema. */
const TROUBLED_MAX = 32;
const MESSAGE_MAX = 512;

type State = TroubledPartition["state"];

/** How one partition is, the worst first. */
function stateOf(group: GroupSeen, lame: ReplicaSeen | undefined): State | undefined {
  if (!group.serving) return group.empty ? "Moving" : "Unavailable";
  if (lame !== undefined || group.full) return "Degraded";
  return group.settled ? undefined : "Moving";
}

function messageOf(group: GroupSeen, lame: ReplicaSeen | undefined): string {
  const parts = [group.message, lame?.message ?? ""].filter((text) => text !== "");
  // Who leads a group that moves knows more than its replicas.
  return group.serving && !group.settled ? parts.join("; ") : (parts.at(0) ?? "");
}

/** Sums up every partition of the collection. */
export function summarize(groups: readonly GroupSeen[]): Summary {
  const troubled: Record<State, TroubledPartition[]> = {
    Unavailable: [],
    Degraded: [],
    Moving: [],
  };
  const leaders = new Map<number, number>();
  const sum = { serving: 0, full: 0, whole: 0, moving: 0, objects: 0, bytes: 0 };
  let lagEntries = 0;
  let lagMs = 0;
  for (const group of groups) {
    const { partition, replicas, leader, serving } = group;
    // Who does not serve is the reason why others cannot catch up.
    const lame =
      replicas.find((replica) => !replica.serves) ??
      replicas.find((replica) => !replica.caughtUp || replica.full);
    const state = stateOf(group, lame);
    sum.objects += Math.max(0, ...replicas.map((replica) => replica.objects));
    // Replicas hold the same; the fullest one has what counts.
    sum.bytes += Math.max(0, ...replicas.map((replica) => replica.bytes));
    lagEntries = Math.max(lagEntries, ...replicas.map((replica) => replica.lagEntries));
    lagMs = Math.max(lagMs, ...replicas.map((replica) => replica.lagMs));
    if (leader !== undefined) leaders.set(leader, (leaders.get(leader) ?? 0) + 1);
    if (serving || group.empty) sum.serving += 1;
    if (group.full) sum.full += 1;
    if (serving ? lame === undefined : group.empty) sum.whole += 1;
    if (serving ? !group.settled : group.empty) sum.moving += 1;
    if (state === undefined) continue;
    const message = messageOf(group, lame).slice(0, MESSAGE_MAX);
    troubled[state].push({ partition, state, message });
  }
  const worst = [...troubled.Unavailable, ...troubled.Degraded, ...troubled.Moving];
  return {
    total: groups.length,
    ...sum,
    troubled: worst.slice(0, TROUBLED_MAX),
    leaders,
    lagEntries,
    lagMs,
  };
}
