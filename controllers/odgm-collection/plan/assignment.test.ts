import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { ODGM_SLOTS } from "#api/workload/odgm.ts";

import type { FormattedMember, NextGeneration, WantedCollection } from "./assignment.ts";
import { nextGeneration } from "./assignment.ts";
import { initialSlots, NO_SLOTS_SEEN } from "./slots.ts";

function member(ordinal: number, incarnation = `i${ordinal}`): FormattedMember {
  const host = `c-${ordinal}.c.ns.svc`;
  const [linkAddress, dataUrl] = [`${host}:8081`, `http://${host}:8080`];
  return { environment: "default", ordinal, incarnation, linkAddress, dataUrl };
}

function wanted(change: Partial<WantedCollection> = {}): WantedCollection {
  return {
    collection: "shop.Cart",
    package: "shop",
    partitioning: "Hashed",
    partitions: 4,
    shardType: "Basic",
    replicas: 1,
    persistent: true,
    disabled: false,
    options: {},
    functions: [],
    members: [member(0), member(1)],
    leaving: new Set(),
    settled: new Set(Array.from({ length: 64 }, (_, partition) => partition)),
    isWell: true,
    moving: NO_SLOTS_SEEN,
    resolvedClassJson: "{}",
    ...change,
  };
}

function spec(next: NextGeneration): CollectionSpec {
  if (next.kind === "refused") throw new Error(next.message);
  return next.spec;
}

describe("nextGeneration", () => {
  it("starts at 1 and spreads partitions evenly", () => {
    const first = nextGeneration(undefined, wanted());
    expect(first.kind).toBe("propose");
    expect(spec(first).generation).toBe(1n);
    expect(spec(first).partitions.map((entry) => entry.members)).toEqual([[1n], [2n], [1n], [2n]]);
  });

  it("is settled when nothing changed, whatever the order of the input", () => {
    const first = spec(nextGeneration(undefined, wanted()));
    const again = nextGeneration(first, wanted({ members: [member(1), member(0)] }));
    expect(again).toEqual({ kind: "current", spec: first });
  });

  it("counts up when a route changes and keeps the placement", () => {
    const first = spec(nextGeneration(undefined, wanted()));
    const next = nextGeneration(first, wanted({ disabled: true }));
    expect(next.kind).toBe("propose");
    expect(spec(next).generation).toBe(2n);
    expect(spec(next).partitions).toEqual(first.partitions);
  });

  it("never moves data to a member that joins", () => {
    const first = spec(nextGeneration(undefined, wanted()));
    const members = [member(0), member(1), member(2)];
    const grown = spec(nextGeneration(first, wanted({ members })));
    expect(grown.partitions).toEqual(first.partitions);
    expect(grown.members.map((entry) => entry.id)).toEqual([1n, 2n, 3n]);
  });

  it("puts new Explicit partitions on the emptiest member", () => {
    const explicit = { partitioning: "Explicit", partitions: 2 } as const;
    const first = spec(nextGeneration(undefined, wanted(explicit)));
    const members = [member(0), member(1), member(2)];
    const grown = spec(nextGeneration(first, wanted({ ...explicit, partitions: 3, members })));
    expect(grown.partitions.map((entry) => entry.members)).toEqual([[1n], [2n], [3n]]);
    expect(grown.slots).toEqual([]);
  });

  it.each([
    ["fewer partitions", { partitions: 2 }, "partitions"],
    ["more Hashed partitions than slots", { partitions: 4097 }, "partitions"],
    ["an owner that leaves", { leaving: new Set([1]) }, "nodes"],
  ])("refuses %s by path", (_name, change, path) => {
    const first = spec(nextGeneration(undefined, wanted()));
    const next = nextGeneration(first, wanted(change));
    expect(next).toMatchObject({ kind: "refused", path });
  });
});

describe("replicas of Mst", () => {
  const members = [member(0), member(1), member(2)];
  const mst = { shardType: "Mst", replicas: 2, partitions: 3, members } as const;
  const first = spec(nextGeneration(undefined, wanted(mst)));

  it("lie on different members, as many on each", () => {
    expect(first.partitions.map((entry) => entry.members)).toEqual([
      [1n, 2n],
      [3n, 1n],
      [2n, 3n],
    ]);
    expect(first.partitions.map((entry) => entry.founded)).toEqual([1n, 1n, 1n]);
  });

  it("are added where one lacks, and nobody else moves", () => {
    const more = spec(nextGeneration(first, wanted({ ...mst, replicas: 3 })));
    expect(more.partitions.map((entry) => entry.members)).toEqual([
      [1n, 2n, 3n],
      [3n, 1n, 2n],
      [2n, 3n, 1n],
    ]);
    expect(more.partitions.map((entry) => entry.founded)).toEqual([1n, 1n, 1n]);
  });

  it("of a partition that is added later are founded with it", () => {
    const explicit = { ...mst, partitioning: "Explicit" } as const;
    const before = spec(nextGeneration(undefined, wanted(explicit)));
    const after = spec(nextGeneration(before, wanted({ ...explicit, partitions: 4 })));
    expect(after.partitions.map((entry) => entry.founded)).toEqual([1n, 1n, 1n, 2n]);
  });

  it("go to the store that came after an accepted loss", () => {
    const replaced = { ...mst, members: [member(0), member(1, "x"), member(2)] };
    expect(nextGeneration(first, wanted(replaced)).kind).toBe("refused");
    const next = spec(nextGeneration(first, wanted({ ...replaced, acceptedLoss: "i1" })));
    expect(next.partitions.map((entry) => entry.members)).toEqual([
      [1n, 4n],
      [3n, 1n],
      [4n, 3n],
    ]);
  });

  it.each([
    ["fewer replicas", { replicas: 1 }, "replicas"],
    ["another type", { shardType: "Basic", replicas: 1 }, "shardType"],
  ] as const)("refuses %s by path", (_name, change, path) => {
    const next = nextGeneration(first, wanted({ ...mst, ...change }));
    expect(next).toMatchObject({ kind: "refused", path });
  });
});

describe("a store that is another one", () => {
  const first = spec(nextGeneration(undefined, wanted()));
  const members = [member(0), member(1, "x")];

  it("does not take the place of one that holds partitions", () => {
    const next = nextGeneration(first, wanted({ members }));
    expect(next).toMatchObject({ kind: "refused", message: expect.stringContaining("member 1") });
    expect(nextGeneration(first, wanted({ members, acceptedLoss: "y" })).kind).toBe("refused");
  });

  it("takes it under a new id once the loss of that incarnation was accepted", () => {
    const lost = first.members.find((entry) => entry.ordinal === 1)?.incarnation;
    const next = spec(nextGeneration(first, wanted({ members, acceptedLoss: lost })));
    expect(next.members.map((entry) => entry.id)).toEqual([1n, 3n]);
    expect(next.partitions.map((entry) => entry.members)).toEqual([[1n], [3n], [1n], [3n]]);
    const again = nextGeneration(next, wanted({ members, acceptedLoss: lost }));
    expect(again.kind).toBe("current");
  });
});

describe("initialSlots", () => {
  it("covers every slot exactly once for any count of partitions", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: ODGM_SLOTS.count }), (count) => {
        const slots = initialSlots(count);
        const gap = slots.find(
          (slot, index) =>
            slot.first !== (index === 0 ? 0 : (slots[index - 1]?.last ?? -2) + 1) ||
            slot.last < slot.first,
        );
        return gap === undefined && slots.at(-1)?.last === ODGM_SLOTS.count - 1;
      }),
      { numRuns: 100 },
    );
  });
});
