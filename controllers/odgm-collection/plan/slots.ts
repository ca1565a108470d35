// Which slots are on their way and where to. More partitions of a Hashed collection begin without
// slots; each takes an equal share from those that have more, and nothing else moves. A move goes
// on by one generation per step, as its source reports it: it copies, gives the slots up once
// everybody knows of the move, deletes what it had once they are served elsewhere.
import { create } from "@bufbuild/protobuf";

import type { CollectionSpec, SlotAssignment, SlotMove, SlotSpan } from "#api/gen/oaas-admin_pb.ts";
import { SlotMoveProgress, SlotMoveState, SlotSpanSchema } from "#api/gen/oaas-admin_pb.ts";
import { ODGM_SLOTS } from "#api/workload/odgm.ts";

import type { Observed } from "./observed.ts";

const { COPYING, CUT_OVER, ACTIVATED } = SlotMoveState;

/** Moves of one collection that may be on their way at the same time. */
export const SLOT_MOVES_MAX = 8;

/** What the members say about moves. */
export interface SlotsSeen {
  /** How far each move is, by its id, as its source knows. */
  readonly progress: ReadonlyMap<bigint, number>;
  /** Every member of the committed generation answers and serves by it. */
  readonly isKnownToAll: boolean;
}

/** A new collection, or one of which nothing is known. */
export const NO_SLOTS_SEEN: SlotsSeen = { progress: new Map(), isKnownToAll: false };

/** What a generation says about slots. */
export interface PlannedSlots {
  readonly slots: readonly Pick<SlotAssignment, "first" | "last" | "partition">[];
  readonly moves: readonly Pick<SlotMove, "id" | "from" | "to" | "slots" | "state">[];
}

/** Reads the moves out of what members say. */
export function slotsSeen(
  observed: Pick<Observed, "members">,
  committed: CollectionSpec | undefined,
): SlotsSeen {
  if (committed === undefined) return NO_SLOTS_SEEN;
  const progress = new Map<bigint, number>();
  for (const seen of observed.members.values()) {
    if (seen.kind !== "known") continue;
    for (const move of seen.status.shards.flatMap((shard) => shard.moves)) {
      // From giving the slots up on it is in the state of every replica; before, the leader knows.
      progress.set(move.id, Math.max(move.progress, progress.get(move.id) ?? 0));
    }
  }
  const isKnownToAll = committed.members.every(({ ordinal, incarnation }) => {
    const seen = observed.members.get(ordinal);
    if (seen?.kind !== "known" || seen.status.incarnation !== incarnation) return false;
    return seen.status.generation >= committed.generation;
  });
  return { progress, isKnownToAll };
}

/** Contiguous, near-equal slot ranges for `partitions` partitions, in order. */
export function initialSlots(partitions: number): PlannedSlots["slots"] {
  return Array.from({ length: partitions }, (_, partition) => ({
    first: Math.floor((partition * ODGM_SLOTS.count) / partitions),
    last: Math.floor(((partition + 1) * ODGM_SLOTS.count) / partitions) - 1,
    partition,
  }));
}

/**
 * The map and the moves of the next generation. `isSettled`: every partition is placed, leads and
 * is whole, so that new moves may begin.
 */
export function planSlots(
  current: CollectionSpec,
  seen: SlotsSeen,
  isSettled: boolean,
): PlannedSlots {
  const owners = ownersOf(current.slots);
  const moves = current.moves.flatMap((move) => nextStep(move, seen));
  for (const { to, slots, state } of moves) {
    if (state !== ACTIVATED) continue;
    for (const { first, last } of slots) owners.fill(to, first, last + 1);
  }
  const slots = rangesOf(owners);
  const mayBegin = current.moves.length === 0 && isSettled && seen.isKnownToAll;
  return { slots, moves: mayBegin ? newMoves(current, owners) : moves };
}

/** The same move, one step further if that is due; none once it is over. */
function nextStep(move: SlotMove, { progress, isKnownToAll }: SlotsSeen): readonly SlotMove[] {
  const reached = progress.get(move.id) ?? SlotMoveProgress.UNSPECIFIED;
  const at = (state: SlotMoveState): readonly SlotMove[] => [{ ...move, state }];
  switch (move.state) {
    case COPYING:
      return at(isKnownToAll && reached >= SlotMoveProgress.COPIED ? CUT_OVER : COPYING);
    case CUT_OVER:
      return at(reached >= SlotMoveProgress.ACTIVATED ? ACTIVATED : CUT_OVER);
    case ACTIVATED:
      return reached >= SlotMoveProgress.CLEANED ? [] : at(ACTIVATED);
    default:
      return at(COPYING);
  }
}

/** From who has more than its share to who was made for slots of others and has less. */
function newMoves(current: CollectionSpec, owners: readonly number[]): PlannedSlots["moves"] {
  const held = heldBy(owners, current.partitions.length);
  const shares = sharesOf(current);
  const moved: { from: number; to: number; slots: readonly number[] }[] = [];
  for (const { partition: to, unslotted } of current.partitions) {
    let lacking = unslotted ? (shares.get(to) ?? 0) - (held[to]?.length ?? 0) : 0;
    for (const [from, slots] of held.entries()) {
      const surplus = slots.length - (shares.get(from) ?? 0);
      const count = Math.min(lacking, surplus);
      if (count <= 0) continue;
      moved.push({ from, to, slots: slots.splice(slots.length - count) });
      lacking -= count;
    }
  }
  // A number is used once: generations only count up.
  const first = (current.generation + 1n) * BigInt(ODGM_SLOTS.count);
  return moved.slice(0, SLOT_MOVES_MAX).map(({ from, to, slots }, at) => ({
    id: first + BigInt(at),
    from,
    to,
    slots: spansOf(slots),
    state: COPYING,
  }));
}

/** Equal shares; what cannot be shared stays with the oldest. */
function sharesOf({ partitions }: CollectionSpec): ReadonlyMap<number, number> {
  const order = [
    ...partitions.filter(({ unslotted }) => !unslotted),
    ...partitions.filter(({ unslotted }) => unslotted),
  ];
  const least = Math.floor(ODGM_SLOTS.count / order.length);
  const rest = ODGM_SLOTS.count % order.length;
  return new Map(order.map(({ partition }, rank) => [partition, least + (rank < rest ? 1 : 0)]));
}

/** Slots that are still to move, those under way included. */
export function slotsLeft(spec: CollectionSpec): number {
  const held = heldBy(ownersOf(spec.slots), spec.partitions.length);
  const shares = sharesOf(spec);
  const lacking = spec.partitions.map(({ partition, unslotted }) => {
    const share = shares.get(partition) ?? 0;
    return unslotted ? Math.max(0, share - (held[partition]?.length ?? 0)) : 0;
  });
  return lacking.reduce((sum, count) => sum + count, 0);
}

/** Slots of all partitions that were made for slots of others. */
export function slotsToMove(spec: CollectionSpec): number {
  const shares = sharesOf(spec);
  const made = spec.partitions.filter(({ unslotted }) => unslotted);
  return made.reduce((sum, { partition }) => sum + (shares.get(partition) ?? 0), 0);
}

/** Whether the partition was made for slots of others and has none yet. */
export function isEmptyPartition(spec: CollectionSpec, partition: number): boolean {
  const entry = spec.partitions.find((one) => one.partition === partition);
  return entry?.unslotted === true && !spec.slots.some((slot) => slot.partition === partition);
}

function heldBy(owners: readonly number[], partitions: number): number[][] {
  const held: number[][] = Array.from({ length: partitions }, () => []);
  for (const [slot, partition] of owners.entries()) held[partition]?.push(slot);
  return held;
}

function ownersOf(slots: PlannedSlots["slots"]): number[] {
  const owners = new Array<number>(ODGM_SLOTS.count).fill(0);
  for (const { first, last, partition } of slots) owners.fill(partition, first, last + 1);
  return owners;
}

function rangesOf(owners: readonly number[]): PlannedSlots["slots"] {
  const ranges: { first: number; last: number; partition: number }[] = [];
  for (const [slot, partition] of owners.entries()) {
    const range = ranges.at(-1);
    if (range?.partition === partition) range.last = slot;
    else ranges.push({ first: slot, last: slot, partition });
  }
  return ranges;
}

/** Of sorted slots. */
function spansOf(slots: readonly number[]): SlotSpan[] {
  const spans: { first: number; last: number }[] = [];
  for (const slot of slots) {
    const span = spans.at(-1);
    if (span?.last === slot - 1) span.last = slot;
    else spans.push({ first: slot, last: slot });
  }
  return spans.map((span) => create(SlotSpanSchema, span));
}
