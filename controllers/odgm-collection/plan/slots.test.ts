import { describe, expect, it } from "@jest/globals";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";

import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import {
  CollectionSpecSchema,
  SlotAssignmentSchema,
  SlotMoveProgress,
  SlotMoveSchema,
  SlotMoveState,
} from "#api/gen/oaas-admin_pb.ts";
import { ODGM_SLOTS } from "#api/workload/odgm.ts";

import type { SlotsSeen } from "./slots.ts";
import {
  initialSlots,
  isEmptyPartition,
  planSlots,
  SLOT_MOVES_MAX,
  slotsLeft,
  slotsToMove,
} from "./slots.ts";

/** A collection that began with `first` partitions and has `count` of them now. */
function collection(first: number, count: number): CollectionSpec {
  return create(CollectionSpecSchema, {
    collection: "shop.Cart",
    generation: 3n,
    partitioning: "Hashed",
    partitions: Array.from({ length: count }, (_, partition) => ({
      partition,
      unslotted: partition >= first,
    })),
    slots: [...initialSlots(first)],
  });
}

/** The next generation, and whether it differs. */
function next(current: CollectionSpec, seen: SlotsSeen, isSettled = true): CollectionSpec {
  const { slots, moves } = planSlots(current, seen, isSettled);
  const generation = current.generation + 1n;
  return create(CollectionSpecSchema, {
    ...current,
    generation,
    slots: slots.map((slot) => create(SlotAssignmentSchema, slot)),
    moves: moves.map((move) => create(SlotMoveSchema, move)),
  });
}

const told = (spec: CollectionSpec, progress: SlotMoveProgress): SlotsSeen => ({
  progress: new Map(spec.moves.map(({ id }) => [id, progress])),
  isKnownToAll: true,
});
const nothing: SlotsSeen = { progress: new Map(), isKnownToAll: true };

function held(spec: CollectionSpec): readonly number[] {
  const counts = spec.partitions.map(() => 0);
  for (const { first, last, partition } of spec.slots) {
    counts[partition] = (counts[partition] ?? 0) + last - first + 1;
  }
  return counts;
}

function owners(spec: CollectionSpec): readonly number[] {
  const found: number[] = [];
  for (const { first, last, partition } of spec.slots) {
    for (let slot = first; slot <= last; slot += 1) found[slot] = partition;
  }
  return found;
}

/** Every move reported over and over, until nothing is left to do. */
function finish(spec: CollectionSpec): CollectionSpec {
  let current = spec;
  for (let turns = 0; turns < 500; turns += 1) {
    const after = next(current, told(current, SlotMoveProgress.CLEANED));
    if (after.moves.length === 0 && slotsLeft(after) === 0) return after;
    current = after;
  }
  throw new Error("it never ends");
}

describe("slots of more partitions", () => {
  it("come in equal shares, from the end of each old partition", () => {
    const first = next(collection(2, 4), nothing);
    const plain = first.moves.map(({ from, to, slots }) => ({
      route: `${from} to ${to}`,
      slots: slots.map(({ first: low, last }) => `${low}-${last}`),
    }));
    expect(plain).toEqual([
      { route: "0 to 2", slots: ["1024-2047"] },
      { route: "1 to 3", slots: ["3072-4095"] },
    ]);
    expect(held(finish(first))).toEqual([1024, 1024, 1024, 1024]);
  });

  it("go one step at a time, when it is due", () => {
    const copying = next(collection(2, 4), nothing);
    const state = (spec: CollectionSpec) => [...new Set(spec.moves.map((move) => move.state))];
    expect(next(copying, told(copying, SlotMoveProgress.COPYING)).moves).toEqual(copying.moves);
    const copied = told(copying, SlotMoveProgress.COPIED);
    // Somebody may still serve by a generation that knows nothing of the move.
    expect(next(copying, { ...copied, isKnownToAll: false }).moves).toEqual(copying.moves);
    const cutOver = next(copying, copied);
    expect(state(cutOver)).toEqual([SlotMoveState.CUT_OVER]);
    expect(cutOver.slots).toEqual(copying.slots);
    expect(next(cutOver, told(cutOver, SlotMoveProgress.CUT_OVER)).moves).toEqual(cutOver.moves);
    const activated = next(cutOver, told(cutOver, SlotMoveProgress.ACTIVATED));
    expect(state(activated)).toEqual([SlotMoveState.ACTIVATED]);
    expect(held(activated)).toEqual([1024, 1024, 1024, 1024]);
    expect(next(activated, told(activated, SlotMoveProgress.ACTIVATED)).moves).toHaveLength(
      activated.moves.length,
    );
    expect(next(activated, told(activated, SlotMoveProgress.CLEANED)).moves).toEqual([]);
  });

  it("wait until every partition is there and every member knows it", () => {
    expect(next(collection(2, 4), nothing, false).moves).toEqual([]);
    expect(next(collection(2, 4), { ...nothing, isKnownToAll: false }).moves).toEqual([]);
  });

  it("do not move by themselves", () => {
    expect(next(collection(3, 3), nothing).moves).toEqual([]);
    expect(slotsLeft(collection(3, 3))).toBe(0);
  });

  it("are counted", () => {
    const spec = collection(2, 4);
    expect([slotsLeft(spec), slotsToMove(spec)]).toEqual([2048, 2048]);
    expect([isEmptyPartition(spec, 1), isEmptyPartition(spec, 2)]).toEqual([false, true]);
    const done = finish(spec);
    expect([slotsLeft(done), slotsToMove(done)]).toEqual([0, 2048]);
    expect(isEmptyPartition(done, 2)).toBe(false);
  });

  it("are spread evenly, moving no more than they must, at most a few at a time", () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 24 }));
    fc.assert(
      fc.property(sizes, ([first, more]) => {
        const before = collection(first, first + more);
        const begun = next(before, nothing);
        expect(begun.moves.length).toBeLessThanOrEqual(SLOT_MOVES_MAX);
        expect(new Set(begun.moves.map(({ id }) => id)).size).toBe(begun.moves.length);
        const after = finish(begun);
        const counts = held(after);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(ODGM_SLOTS.count);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        const old = owners(before);
        const moved = owners(after).filter((partition, slot) => partition !== old[slot]);
        expect(moved.length).toBe(slotsToMove(before));
        expect(moved.every((partition) => partition >= first)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});
