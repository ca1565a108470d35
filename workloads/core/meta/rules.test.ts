import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";

import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { CollectionSpecSchema } from "#api/gen/oaas-admin_pb.ts";

import { checkSpec, checkTransition } from "./index.ts";

type Change = Partial<Omit<CollectionSpec, "$typeName" | "$unknown">>;

/** Three members; partition 0 on 1, 2, 3 and partition 1 on 2, 3, 1, as Raft groups. */
function spec(change: Change = {}): CollectionSpec {
  return create(CollectionSpecSchema, {
    collection: "shop.Cart",
    generation: 3n,
    partitioning: "Hashed",
    hashVersion: 1,
    shardType: "Raft",
    persistent: true,
    members: [1, 2, 3].map((id) => ({
      id: BigInt(id),
      ordinal: id - 1,
      incarnation: `i${id}`,
      linkAddress: `m-${id}:8081`,
    })),
    partitions: [
      { partition: 0, members: [1n, 2n, 3n], founded: 1n, founders: ["i1", "i2", "i3"] },
      { partition: 1, members: [2n, 3n, 1n], founded: 1n, founders: ["i1", "i2", "i3"] },
    ],
    slots: [
      { first: 0, last: 2047, partition: 0 },
      { first: 2048, last: 4095, partition: 1 },
    ],
    metaVoters: [1n, 2n, 3n],
    ...change,
  });
}

function withMembers(...members: readonly bigint[][]): CollectionSpec["partitions"] {
  return spec().partitions.map((entry, at) => ({ ...entry, members: members[at] ?? [] }));
}

describe("a generation", () => {
  it("of three members is taken", () => {
    expect(checkSpec(spec())).toBeUndefined();
  });

  it.each<[string, Change, string]>([
    ["nobody", { collection: "" }, "collection"],
    ["no members", { members: [] }, "no members"],
    ["a type that nobody serves", { shardType: "Paxos" }, "Paxos"],
    ["a voter that is no member", { metaVoters: [9n] }, "voter 9"],
    ["two voters", { metaVoters: [1n, 2n] }, "1, 3 or 5"],
    ["a voter twice", { metaVoters: [1n, 1n, 2n] }, "twice"],
    ["a replica twice", { partitions: withMembers([1n, 1n], [2n]) }, "replica twice"],
    ["an unknown member", { partitions: withMembers([9n], [2n]) }, "no member 9"],
    ["a partition of nobody", { partitions: withMembers([], [2n]) }, "no member"],
    ["several homes of Basic data", { shardType: "Basic" }, "more than one replica"],
    [
      "a group that nobody founded",
      { partitions: spec().partitions.map((entry) => ({ ...entry, founders: [] })) },
      "no founders",
    ],
  ])("of %s is refused", (_name, change, says) => {
    expect(checkSpec(spec(change))?.message).toContain(says);
  });
});

describe("after it", () => {
  const moved = { partitions: withMembers([3n, 2n, 1n], [1n, 2n, 3n]) };
  const lone = (...ids: readonly bigint[]) => spec({ partitions: withMembers([...ids], [2n]) });

  it("replicas of Raft may go anywhere: the group moves itself", () => {
    expect(checkTransition(spec(), spec(moved))).toBeUndefined();
    expect(checkTransition(lone(1n), lone(3n))).toBeUndefined();
  });

  it.each(["Basic", "Mst"])("those of %s stay where one has the data", (shardType) => {
    const before = { ...lone(1n), shardType };
    expect(checkTransition(before, { ...lone(3n), shardType })?.message).toContain("partition 0");
  });

  const elsewhere = spec().slots.map((slot) => ({ ...slot, partition: 0 }));

  it.each<[string, Change]>([
    ["another name", { collection: "shop.Order" }],
    ["another type", { shardType: "Mst" }],
    ["another partitioning", { partitioning: "Explicit" }],
    ["fewer partitions", { partitions: spec().partitions.slice(0, 1) }],
    ["slots elsewhere", { slots: elsewhere }],
  ])("%s is refused", (_name, change) => {
    expect(checkTransition(spec(), spec(change))).toBeDefined();
  });
});
