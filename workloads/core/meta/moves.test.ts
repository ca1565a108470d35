import { describe, expect, it } from "@jest/globals";
import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";

import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { CollectionSpecSchema, SlotMoveState } from "#api/gen/oaas-admin_pb.ts";

import { checkSpec, checkTransition } from "./rules.ts";

const { COPYING, CUT_OVER, ACTIVATED } = SlotMoveState;
type Change = MessageInitShape<typeof CollectionSpecSchema>;
type Move = NonNullable<Change["moves"]>[number];

/** Two partitions, the second one made for slots of the first, which has them all. */
function spec(change: Change = {}): CollectionSpec {
  return create(CollectionSpecSchema, {
    ...{ collection: "shop.Cart", partitioning: "Hashed", hashVersion: 1, shardType: "Raft" },
    members: [{ id: 1n, ordinal: 0, incarnation: "a" }],
    partitions: [
      { partition: 0, members: [1n], founders: ["a"] },
      { partition: 1, members: [1n], founders: ["a"], unslotted: true },
    ],
    slots: [{ first: 0, last: 4095, partition: 0 }],
    ...change,
  });
}

function move(state: SlotMoveState, change: Partial<Exclude<Move, { $typeName: string }>> = {}) {
  return { id: 7n, from: 0, to: 1, slots: [{ first: 0, last: 9 }], state, ...change };
}

const MOVED = [
  { first: 0, last: 9, partition: 1 },
  { first: 10, last: 4095, partition: 0 },
];
const before = spec();
const copying = spec({ moves: [move(COPYING)] });
const cutOver = spec({ moves: [move(CUT_OVER)] });
const activated = spec({ moves: [move(ACTIVATED)], slots: MOVED });
const after = spec({ slots: MOVED });

describe("a move of slots", () => {
  it("goes from its beginning to its end, one step a generation", () => {
    const steps = [before, copying, cutOver, activated, after];
    for (const [at, step] of steps.entries()) {
      expect(checkSpec(step)).toBeUndefined();
      expect(checkTransition(step, step)).toBeUndefined();
      const next = steps[at + 1];
      if (next !== undefined) expect(checkTransition(step, next)).toBeUndefined();
    }
  });

  it("skips no step and never goes back", () => {
    const steps = [before, copying, cutOver, activated, after];
    for (const [from, current] of steps.entries()) {
      for (const [to, wanted] of steps.entries()) {
        if (to === from || to === from + 1) continue;
        expect(checkTransition(current, wanted)).toBeDefined();
      }
    }
  });

  it.each<[string, Change, string]>([
    ["without slots", { moves: [move(COPYING, { slots: [] })] }, "no slots"],
    ["to itself", { moves: [move(COPYING, { from: 1 })] }, "from partition 1 to 1"],
    ["to a partition that is not there", { moves: [move(COPYING, { to: 2 })] }, "to 2"],
    ["of what the source has not", { moves: [move(COPYING, { from: 1, to: 0 })] }, "began with"],
    ["that is over, with the old map", { moves: [move(ACTIVATED)] }, "not 1"],
    ["that is not over, with the new map", { moves: [move(COPYING)], slots: MOVED }, "not 0"],
    ["twice", { moves: [move(COPYING), move(COPYING)] }, "number of its own"],
    ["of a slot twice", { moves: [move(COPYING), move(COPYING, { id: 8n })] }, "moves 7 and 8"],
    ["of Mst", { shardType: "Mst", moves: [move(COPYING)] }, "Mst"],
    ["of an Explicit collection", { partitioning: "Explicit", moves: [move(COPYING)] }, "callers"],
  ])("%s is refused", (_name, change, says) => {
    expect(checkSpec(spec(change))?.message).toContain(says);
  });

  it("is the same in every generation", () => {
    const other = spec({ moves: [move(CUT_OVER, { slots: [{ first: 0, last: 8 }] })] });
    expect(checkTransition(copying, other)?.message).toContain("another one");
  });

  it("has a number that none had before", () => {
    const more = { slots: [{ first: 20, last: 29 }] };
    const moves = (id: bigint) => [move(COPYING), move(COPYING, { id, ...more })];
    expect(checkTransition(copying, spec({ moves: moves(6n) }))?.message).toContain("used before");
    expect(checkTransition(copying, spec({ moves: moves(8n) }))).toBeUndefined();
  });
});

describe("a new partition", () => {
  const partitions = (unslotted: boolean) => [
    ...before.partitions,
    { partition: 2, members: [1n], founders: ["a"], unslotted },
  ];

  it("begins without slots", () => {
    expect(checkTransition(before, spec({ partitions: partitions(true) }))).toBeUndefined();
    expect(checkTransition(before, spec({ partitions: partitions(false) }))).toBeDefined();
  });

  it("stays what it was made for", () => {
    const changed = before.partitions.map((entry) => ({ ...entry, unslotted: false }));
    expect(checkTransition(before, spec({ partitions: changed }))).toBeDefined();
  });
});
