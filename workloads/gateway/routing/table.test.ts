import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, it } from "@jest/globals";

import type { ClsRouting } from "#api/gen/oprc-route_pb.ts";
import { ClsRoutingSchema, Partitioning } from "#api/gen/oprc-route_pb.ts";
import { silentLogger } from "#workloads/platform/log/index.ts";

import { indexClass } from "./class-route.ts";
import { RouteTable } from "./table.ts";

function entry(name: string, generation: number, more: object = {}): ClsRouting {
  const init: MessageInitShape<typeof ClsRoutingSchema> = {
    name,
    partitions: 1,
    generation: BigInt(generation),
    linkAddress: "m:8081",
    ...more,
  };
  return create(ClsRoutingSchema, init);
}

const end = create(ClsRoutingSchema, { snapshotEnd: true });

describe("RouteTable", () => {
  let table: RouteTable;
  const names = (): string[] => [...table.all()].map((route) => route.name).sort();

  beforeEach(() => {
    table = new RouteTable(silentLogger);
  });

  it("is loaded by an empty file as well as by an empty snapshot", () => {
    expect(table.loaded).toBe(false);
    table.loadFile([]);
    expect(table.loaded).toBe(true);
    const other = new RouteTable(silentLogger);
    other.watchStarted();
    expect(other.loaded).toBe(false);
    other.watchEvent(end);
    expect(other.loaded).toBe(true);
  });

  it("keeps what the operator said while it is away, and takes a newer file then", () => {
    table.loadFile([entry("a", 1)]);
    table.watchStarted();
    table.watchEvent(entry("a", 2));
    table.watchEvent(end);
    table.watchEnded();
    expect(table.find("a")?.generation).toBe(2n);
    table.loadFile([entry("a", 3), entry("b", 1)]);
    expect(table.find("a")?.generation).toBe(3n);
    expect(names()).toEqual(["a", "b"]);
  });

  it("drops what a complete snapshot does not name, and not before it is complete", () => {
    table.watchStarted();
    table.watchEvent(entry("a", 1));
    table.watchEvent(entry("b", 1));
    table.watchEvent(end);
    table.watchEnded();
    table.watchStarted();
    table.watchEvent(entry("b", 1));
    expect(names()).toEqual(["a", "b"]);
    table.watchEvent(end);
    expect(names()).toEqual(["b"]);
  });

  it("believes a present operator over the file that a class is gone", () => {
    table.loadFile([entry("a", 9)]);
    table.watchStarted();
    table.watchEvent(entry("a", 9));
    table.watchEvent(end);
    table.watchEvent(entry("a", 9, { removed: true }));
    expect(names()).toEqual([]);
  });

  it("takes the operator's word for a lower generation: the class was made anew", () => {
    table.watchStarted();
    table.watchEvent(entry("a", 5));
    table.watchEvent(entry("a", 1));
    expect(table.find("a")?.generation).toBe(1n);
  });

  it("keeps the entry before an invalid one", () => {
    table.loadFile([entry("a", 1)]);
    table.loadFile([entry("a", 2, { partitioning: Partitioning.HASHED })]);
    expect(table.find("a")?.generation).toBe(1n);
  });
});

describe("indexClass", () => {
  const hashed = { partitioning: Partitioning.HASHED, partitions: 2 };
  it.each([
    [
      "a gap",
      [
        { first: 0, last: 9 },
        { first: 11, last: 4095 },
      ],
      "slot 10 is not assigned",
    ],
    [
      "an overlap",
      [
        { first: 0, last: 9 },
        { first: 9, last: 4095 },
      ],
      "slot 9 is assigned twice",
    ],
    ["an early end", [{ first: 0, last: 9 }], "slot 10 is not assigned"],
    ["a range too far", [{ first: 0, last: 4096 }], "not within"],
    ["an owner that is none", [{ first: 0, last: 4095, partition: 2 }], "no partition 2"],
  ])("refuses slots with %s", (_name, slots, problem) => {
    const result = indexClass(entry("a", 1, { ...hashed, slots }));
    expect(result.kind === "invalid" ? result.problem : "ok").toContain(problem);
  });

  it("refuses a class without name or partitions", () => {
    expect(indexClass(entry("", 1)).kind).toBe("invalid");
    expect(indexClass(entry("a", 1, { partitions: 0 })).kind).toBe("invalid");
  });
});
