// What a generation may say, and what may follow what: the content of a proposal, judged before it
// is logged. What is refused here was never served, so nothing that holds data can be lost by it.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { ODGM_SLOTS } from "#api/workload/odgm.ts";
import { makeSlotTable } from "#workloads/core/slots/index.ts";

import { checkMoves, checkMoveSteps } from "./moves.ts";
import type { SpecProblem } from "./problem.ts";
import { invalid, unsupported } from "./problem.ts";

/** Partitions of one collection; the shard number in the store's keys leaves room for these. */
export const PARTITIONS_MAX = 1 << 20;

const SHARD_TYPES: ReadonlySet<string> = new Set(["Basic", "Mst", "Raft"]);

/** undefined if this program can serve it. */
export function checkSpec(spec: CollectionSpec): SpecProblem | undefined {
  const count = spec.partitions.length;
  if (spec.collection === "") return invalid("collection is empty");
  if (!SHARD_TYPES.has(spec.shardType)) return unsupported(`shard type "${spec.shardType}"`);
  if (count === 0 || count > PARTITIONS_MAX) return invalid(`${count} partitions`);
  return (
    checkMembers(spec) ??
    checkVoters(spec) ??
    checkPartitions(spec) ??
    checkSlots(spec) ??
    checkFunctions(spec)
  );
}

/**
 * undefined if nothing of the data of `current` is lost under `wanted`: replicas stay or learn from
 * those that do, and slots change their partition by a move alone, step by step (moves.ts).
 */
export function checkTransition(
  current: CollectionSpec,
  wanted: CollectionSpec,
): SpecProblem | undefined {
  if (wanted.collection !== current.collection) return invalid("the collection has another name");
  if (wanted.shardType !== current.shardType) return unsupported("changing the shard type");
  if (wanted.partitioning !== current.partitioning) return unsupported("changing the partitioning");
  if (wanted.partitions.length < current.partitions.length) {
    return unsupported("removing partitions");
  }
  for (const { partition, members } of current.partitions) {
    const next = wanted.partitions.find((candidate) => candidate.partition === partition);
    const stays = members.some((id) => {
      const before = ordinalOf(current, id);
      return next?.members.some((other) => ordinalOf(wanted, other) === before) === true;
    });
    // Basic has one member, so it stays; of Mst one must stay from which the new ones learn. A Raft
    // group brings its members there by itself, one after the other.
    if (!stays && wanted.shardType !== "Raft")
      return unsupported(`moving partition ${partition} to other members at once`);
  }
  if (wanted.partitioning !== "Hashed") return undefined;
  return checkMoveSteps(current, wanted);
}

function checkMembers(spec: CollectionSpec): SpecProblem | undefined {
  const ids = new Set(spec.members.map((member) => member.id));
  const ordinals = new Set(spec.members.map((member) => member.ordinal));
  if (spec.members.length === 0) return invalid("no members");
  if (ids.size !== spec.members.length) return invalid("two members have one id");
  if (ordinals.size !== spec.members.length) return invalid("two members have one ordinal");
  const replicated = new Set(
    spec.partitions.flatMap(({ members }) => (members.length > 1 ? members : [])),
  );
  const nameless = spec.members.find(
    ({ id, incarnation }) => replicated.has(id) && incarnation === "",
  );
  if (nameless !== undefined) {
    return invalid(`member ${nameless.ordinal} holds replicas and has no incarnation`);
  }
  return undefined;
}

function checkVoters({ metaVoters, members }: CollectionSpec): SpecProblem | undefined {
  const ids = new Set(members.map((member) => member.id));
  const unknown = metaVoters.find((id) => !ids.has(id));
  if (unknown !== undefined) return invalid(`voter ${unknown} is no member`);
  if (new Set(metaVoters).size !== metaVoters.length) return invalid("a voter is named twice");
  // None: from before voters were named; the member of ordinal 0 votes.
  const isOdd = metaVoters.length === 0 || metaVoters.length % 2 === 1;
  return isOdd ? undefined : invalid(`${metaVoters.length} voters: 1, 3 or 5 can agree`);
}

function checkPartitions(spec: CollectionSpec): SpecProblem | undefined {
  const ids = new Set(spec.members.map((member) => member.id));
  const seen = new Set<number>();
  for (const { partition, members, founders } of spec.partitions) {
    if (spec.shardType === "Raft" && founders.length === 0) {
      return invalid(`partition ${partition} has no founders`);
    }
    if (partition >= spec.partitions.length) return invalid(`partition ${partition} leaves a gap`);
    if (seen.has(partition)) return invalid(`partition ${partition} is assigned twice`);
    seen.add(partition);
    if (members.length === 0) return invalid(`partition ${partition} has no member`);
    if (members.length > 1 && spec.shardType === "Basic") {
      return unsupported(`partition ${partition} has more than one replica`);
    }
    if (new Set(members).size !== members.length) {
      return invalid(`partition ${partition} has a replica twice`);
    }
    const unknown = members.find((id) => !ids.has(id));
    if (unknown !== undefined) return invalid(`partition ${partition}: no member ${unknown}`);
  }
  return undefined;
}

function checkSlots(spec: CollectionSpec): SpecProblem | undefined {
  if (spec.partitioning === "Explicit") {
    return spec.moves.length === 0 ? undefined : invalid("callers choose partitions: none moves");
  }
  if (spec.partitioning !== "Hashed") return unsupported(`partitioning "${spec.partitioning}"`);
  if (spec.hashVersion !== ODGM_SLOTS.hashVersion)
    return unsupported(`hash version ${spec.hashVersion}`);
  const table = makeSlotTable(spec.slots, spec.partitions.length);
  return table.kind === "ok" ? checkMoves(spec, table.table) : invalid(table.message);
}

function checkFunctions(spec: CollectionSpec): SpecProblem | undefined {
  const names = new Set(spec.functions.map((fn) => fn.name));
  return names.size === spec.functions.length ? undefined : invalid("two functions have one name");
}

function ordinalOf(spec: CollectionSpec, id: bigint | undefined): number | undefined {
  return spec.members.find((member) => member.id === id)?.ordinal;
}
