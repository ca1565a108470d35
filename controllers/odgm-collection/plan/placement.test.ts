import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { CollectionMember } from "#api/gen/oaas-admin_pb.ts";
import { CollectionMemberSchema, CollectionSpecSchema } from "#api/gen/oaas-admin_pb.ts";

import type { PlacedPartition, PlacementInput } from "./placement.ts";
import { MOVING_MAX, placePartitions } from "./placement.ts";

/** Members 1, 2, ... at ordinals 0, 1, ... */
function members(count: number): readonly CollectionMember[] {
  return Array.from({ length: count }, (_, ordinal) =>
    create(CollectionMemberSchema, {
      id: BigInt(ordinal + 1),
      environment: "default",
      ordinal,
      incarnation: `i${ordinal}`,
    }),
  );
}

const everything = new Set(Array.from({ length: 64 }, (_, partition) => partition));

function input(change: Partial<PlacementInput> = {}): PlacementInput {
  return {
    current: undefined,
    members: members(3),
    partitions: 3,
    replicas: 3,
    shardType: "Raft",
    partitioning: "Explicit",
    leaving: new Set(),
    settled: everything,
    isWell: true,
    ...change,
  };
}

/** The generation that this placement makes. */
function generation(placed: readonly PlacedPartition[], change: Partial<PlacementInput> = {}) {
  const { members: list, shardType } = input(change);
  return create(CollectionSpecSchema, {
    generation: 1n,
    shardType,
    members: [...list],
    partitions: placed.map((entry) => ({
      ...entry,
      members: [...entry.members],
      founders: [...entry.founders],
    })),
  });
}

/** Places, then places again with that as the current generation and what has changed. */
function after(first: Partial<PlacementInput>, change: Partial<PlacementInput>) {
  const current = generation(placePartitions(input(first)), first);
  return placePartitions(input({ ...first, current, ...change }));
}

const idsOf = (placed: readonly PlacedPartition[]) => placed.map((entry) => entry.members);
const counts = (placed: readonly PlacedPartition[], of: readonly CollectionMember[]) =>
  of.map(({ id }) => placed.filter((entry) => entry.members.includes(id)).length);
const leads = (placed: readonly PlacedPartition[], of: readonly CollectionMember[]) =>
  of.map(({ id }) => placed.filter((entry) => entry.members[0] === id).length);

describe("partitions of Raft", () => {
  it("begin with their founders, and each member leads as many", () => {
    const placed = placePartitions(input());
    expect(placed.map(({ founders }) => founders)).toEqual(
      Array.from({ length: 3 }, () => ["i0", "i1", "i2"]),
    );
    expect(leads(placed, members(3))).toEqual([1, 1, 1]);
  });

  it("stay as they are when nothing has changed", () => {
    expect(idsOf(after({}, {}))).toEqual(idsOf(placePartitions(input())));
  });

  it("spread over members that are added, only while all is well", () => {
    const grown = { members: members(6), partitions: 4 };
    const placed = after({ partitions: 4 }, grown);
    const spread = counts(placed, grown.members);
    expect(Math.max(...spread) - Math.min(...spread)).toBeLessThan(2);
    const [first] = placed;
    expect(first?.founders).toEqual(["i0", "i1", "i2"]);
    const ill = after({ partitions: 4 }, { ...grown, isWell: false });
    expect(counts(ill, grown.members)).toEqual([4, 4, 4, 0, 0, 0]);
  });

  it("leave members that shall go, for those that stay", () => {
    const placed = after({ members: members(5), partitions: 5 }, { leaving: new Set([3, 4]) });
    expect(counts(placed, members(5)).slice(3)).toEqual([0, 0]);
    expect(placed.every((entry) => new Set(entry.members).size === 3)).toBe(true);
  });

  it("are not changed again before the last change is reached", () => {
    const five = { members: members(5), partitions: 5 };
    const before = placePartitions(input(five));
    const placed = after(five, { leaving: new Set([4]), settled: new Set() });
    expect(idsOf(placed)).toEqual(idsOf(before));
  });

  it("move at most so many at a time", () => {
    const wide = { members: members(4), partitions: 20, replicas: 3 };
    const before = placePartitions(input(wide));
    const placed = after(wide, { leaving: new Set([3]) });
    const moved = placed.filter(
      (entry, at) =>
        [...entry.members].sort().join() !== [...(before[at]?.members ?? [])].sort().join(),
    );
    expect(moved).toHaveLength(MOVING_MAX);
  });

  it("lose and gain replicas, and the one that leads stays", () => {
    const fewer = after({}, { replicas: 1 });
    expect(idsOf(fewer).map((ids) => ids.length)).toEqual([1, 1, 1]);
    expect(leads(fewer, members(3))).toEqual([1, 1, 1]);
    const more = after({ members: members(5) }, { members: members(5), replicas: 5 });
    expect(idsOf(more).map((ids) => ids.length)).toEqual([5, 5, 5]);
  });

  it("of a lost store go to the one that came after it, and keep their founders", () => {
    const replaced = members(3).map((member) =>
      member.ordinal === 1 ? { ...member, id: 9n, incarnation: "new" } : member,
    );
    const placed = after({}, { members: replaced, settled: new Set() });
    expect(idsOf(placed).flat()).not.toContain(2n);
    expect(counts(placed, replaced)).toEqual([3, 3, 3]);
    expect(placed[0]?.founders).toEqual(["i0", "i1", "i2"]);
  });

  it("that lost every store are founded anew", () => {
    const alone = { members: members(1), partitions: 1, replicas: 1 };
    const replaced = members(1).map((member) => ({ ...member, id: 2n, incarnation: "new" }));
    const [placed] = after(alone, { ...alone, members: replaced });
    expect(placed).toMatchObject({ members: [2n], founded: 2n, founders: ["new"] });
  });

  it("always settle: as many replicas as wanted, evenly spread, on members that stay", () => {
    const size = fc.integer({ min: 3, max: 7 });
    fc.assert(
      fc.property(size, size, fc.integer({ min: 1, max: 12 }), (before, nodes, partitions) => {
        const all = members(Math.max(before, nodes));
        const first = { members: members(before), partitions };
        let current = generation(placePartitions(input(first)), first);
        const leaving = new Set(all.filter((m) => m.ordinal >= nodes).map((m) => m.ordinal));
        const there = { members: all, partitions };
        for (let round = 0; round < 40; round += 1) {
          const placed = placePartitions(input({ ...there, current, leaving }));
          const next = generation(placed, there);
          if (JSON.stringify(idsOf(placed), text) === JSON.stringify(partsOf(current), text)) break;
          current = next;
        }
        const placed = placePartitions(input({ ...there, current, leaving }));
        const stay = all.filter((member) => !leaving.has(member.ordinal));
        const spread = counts(placed, stay);
        const isWhole = placed.every((entry) => new Set(entry.members).size === 3);
        const isGone = counts(placed, all).every((count, at) => count === 0 || at < nodes);
        // Moves of leavers spread by load; what is left over is evened out once they are gone.
        return isWhole && isGone && spread.reduce((sum, count) => sum + count) === 3 * partitions;
      }),
      { numRuns: 60 },
    );
  });
});

const text = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;
const partsOf = (spec: { readonly partitions: readonly { readonly members: bigint[] }[] }) =>
  spec.partitions.map((entry) => entry.members);

describe("partitions of Basic and Mst", () => {
  it.each(["Basic", "Mst"] as const)("of %s stay where they are", (shardType) => {
    const replicas = shardType === "Mst" ? 2 : 1;
    const first = { shardType, replicas, partitions: 4 } as const;
    const before = placePartitions(input(first));
    expect(idsOf(after(first, { members: members(6) }))).toEqual(idsOf(before));
    expect(before.every((entry) => entry.founders.length === 0)).toBe(true);
  });
});
