// Which members shall hold each partition. Every decision that was taken before stands unless
// something forces it: a partition or replica that is missing, a member that shall go, a store that
// was replaced, or (Raft only, and only while all is well) members that hold much more than others.
// Data of Basic and Mst stays where it is. What moves is bounded, so that copies do not drown
// calls.
import type { CollectionMember, CollectionSpec } from "#api/gen/oaas-admin_pb.ts";

/** Partitions of one collection that may be on their way at the same time. */
export const MOVING_MAX = 8;

/** What placement has to go by. */
export interface PlacementInput {
  readonly current: CollectionSpec | undefined;
  readonly members: readonly CollectionMember[];
  readonly partitions: number;
  readonly replicas: number;
  readonly shardType: "Basic" | "Mst" | "Raft";
  readonly partitioning: "Hashed" | "Explicit";
  /** Ordinals that shall hold nothing any more. */
  readonly leaving: ReadonlySet<number>;
  /** Partitions whose replicas are where the current generation wants them. */
  readonly settled: ReadonlySet<number>;
  /** Every replica of every partition has caught up, and every member answers. */
  readonly isWell: boolean;
}

/** One partition: ids of its members, the primary first. */
export interface PlacedPartition {
  readonly partition: number;
  readonly members: readonly bigint[];
  readonly founded: bigint;
  readonly founders: readonly string[];
  /** Made for slots that others hold. */
  readonly unslotted: boolean;
}

interface Work extends PlacementInput {
  /** Members that may get something, in the order of ordinals. */
  readonly stay: readonly CollectionMember[];
  readonly load: Map<bigint, number>;
}

/** Whether the primary of a partition may change. */
type Free = (partition: number) => boolean;

/** The wanted members of every partition. Pure and repeatable. */
export function placePartitions(input: PlacementInput): readonly PlacedPartition[] {
  const { current, members, leaving, settled, partitions } = input;
  const stay = members.filter((member) => !leaving.has(member.ordinal));
  const heirs = successors(current, members);
  const kept = new Map(
    current?.partitions.map((entry) => [
      entry.partition,
      entry.members.map((id) => heirs.get(id) ?? id),
    ]),
  );
  const load = new Map(members.map((member) => [member.id, 0]));
  for (const id of [...kept.values()].flat()) load.set(id, (load.get(id) ?? 0) + 1);
  const work: Work = { ...input, stay, load };

  const owners: bigint[][] = [];
  let moving = 0;
  for (let partition = 0; partition < partitions; partition += 1) {
    const had = kept.get(partition);
    if (had !== undefined && !settled.has(partition)) moving += 1;
    owners.push([...(had ?? [])]);
  }
  for (const [partition, ids] of owners.entries()) {
    if (!kept.has(partition)) fill(work, ids);
    else if (settled.has(partition) && moving < MOVING_MAX && reshape(work, ids)) moving += 1;
  }
  if (input.shardType === "Raft") {
    if (moving === 0 && input.isWell && leaving.size === 0) spread(work, owners);
    balancePrimaries(work, owners, (partition) => !kept.has(partition) || settled.has(partition));
  }
  return owners.map((ids, partition) => foundation(work, partition, ids));
}

/** Ids that take the place of members whose store was replaced, by ordinal. */
function successors(
  current: CollectionSpec | undefined,
  members: readonly CollectionMember[],
): ReadonlyMap<bigint, bigint> {
  return new Map(
    (current?.members ?? []).flatMap((old): readonly [bigint, bigint][] => {
      const next = members.find(
        (member) => member.environment === old.environment && member.ordinal === old.ordinal,
      );
      return next === undefined ? [] : [[old.id, next.id]];
    }),
  );
}

/** Brings one partition to the wanted count, on members that stay. True if that changed it. */
function reshape(work: Work, owners: bigint[]): boolean {
  const before = owners.join();
  if (work.shardType === "Raft") {
    const staying = new Set(work.stay.map((member) => member.id));
    for (const id of owners.filter((owner) => !staying.has(owner))) {
      const heir = leastLoaded(work, owners);
      if (heir === undefined) break;
      owners[owners.indexOf(id)] = heir;
      count(work, id, -1);
      count(work, heir, 1);
    }
    while (owners.length > work.replicas) {
      const most = mostLoaded(work, owners.slice(1));
      if (most === undefined) break;
      owners.splice(owners.indexOf(most), 1);
      count(work, most, -1);
    }
  }
  fill(work, owners);
  return owners.join() !== before;
}

function fill(work: Work, owners: bigint[]): void {
  while (owners.length < work.replicas) {
    const least = leastLoaded(work, owners);
    if (least === undefined) return;
    owners.push(least);
    count(work, least, 1);
  }
}

/** Moves replicas from the member with the most to the one with the fewest, while that helps. */
function spread(work: Work, owners: readonly bigint[][]): void {
  for (let moved = 0; moved < MOVING_MAX; moved += 1) {
    const byLoad = [...work.stay].sort((a, b) => loadOf(work, a.id) - loadOf(work, b.id));
    const [to] = byLoad;
    const from = byLoad.at(-1);
    if (to === undefined || from === undefined) return;
    if (loadOf(work, from.id) - loadOf(work, to.id) < 2) return;
    const members = owners.find((ids) => ids.includes(from.id) && !ids.includes(to.id));
    if (members === undefined) return;
    members[members.indexOf(from.id)] = to.id;
    count(work, from.id, -1);
    count(work, to.id, 1);
  }
}

/** Puts another member first where the first one leads at least two more than that. */
function balancePrimaries(work: Work, owners: readonly bigint[][], free: Free): void {
  const { stay } = work;
  const leads = new Map(stay.map((member) => [member.id, 0]));
  for (const [first] of owners)
    if (first !== undefined) leads.set(first, leadsOf(leads, first) + 1);
  for (const [partition, members] of owners.entries()) {
    const [first] = members;
    if (first === undefined || (!free(partition) && leads.has(first))) continue;
    const better = members
      .filter((id) => leads.has(id))
      .sort((a, b) => leadsOf(leads, a) - leadsOf(leads, b))[0];
    if (better === undefined || leadsOf(leads, first) - leadsOf(leads, better) < 2) continue;
    members.splice(members.indexOf(better), 1);
    members.unshift(better);
    leads.set(first, leadsOf(leads, first) - 1);
    leads.set(better, leadsOf(leads, better) + 1);
  }
}

function leadsOf(leads: ReadonlyMap<bigint, number>, id: bigint): number {
  return leads.get(id) ?? 0;
}

/** With whom the group of a partition began; a Raft group that lost all its stores begins anew. */
function foundation(work: Work, partition: number, ids: readonly bigint[]): PlacedPartition {
  const { current, members, shardType } = work;
  const before = current?.partitions.find((entry) => entry.partition === partition);
  const isThere = before?.members.some((id) => members.some((member) => member.id === id));
  if (before !== undefined && (shardType !== "Raft" || isThere === true)) {
    const { founded, founders, unslotted } = before;
    return { partition, members: ids, founded, founders, unslotted };
  }
  const known = new Map(members.map((member) => [member.id, member.incarnation]));
  const founders = shardType === "Raft" ? ids.flatMap((id) => known.get(id) ?? []).sort() : [];
  const isNew = current !== undefined && before === undefined;
  const unslotted = before?.unslotted ?? (isNew && work.partitioning === "Hashed");
  const founded = (current?.generation ?? 0n) + 1n;
  return { partition, members: ids, founded, founders, unslotted };
}

/** The member with the fewest replicas that does not hold one of this partition yet. */
function leastLoaded(work: Work, owners: readonly bigint[]): bigint | undefined {
  let least: bigint | undefined;
  for (const { id } of work.stay) {
    if (owners.includes(id)) continue;
    if (least === undefined || loadOf(work, id) < loadOf(work, least)) least = id;
  }
  return least;
}

/** The one of these with the most replicas; the last of equals. */
function mostLoaded(work: Work, ids: readonly bigint[]): bigint | undefined {
  let most: bigint | undefined;
  for (const id of ids) {
    if (most === undefined || loadOf(work, id) >= loadOf(work, most)) most = id;
  }
  return most;
}

function loadOf({ load }: Work, id: bigint): number {
  return load.get(id) ?? 0;
}

function count(work: Work, id: bigint, by: number): void {
  work.load.set(id, loadOf(work, id) + by);
}
