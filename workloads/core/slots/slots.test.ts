import { describe, expect, it } from "@jest/globals";

import { xxh3 } from "#workloads/platform/hash/index.ts";

import { evenSlots, makeSlotTable, slotOf } from "./index.ts";

describe("slots", () => {
  // The hash of "ping" is a vector of the published Rawstor protocol: 0x03400e82594d193a.
  it("are the low twelve bits of XXH3-64 of the id", () => {
    expect(slotOf(xxh3, "ping")).toBe(0x93a);
    expect(slotOf(xxh3, "abcd")).toBe(0x890);
  });

  it.each([1, 2, 3, 7, 4096])("are shared out evenly over %i partitions", (partitions) => {
    const made = makeSlotTable(evenSlots(partitions), partitions);
    if (made.kind !== "ok") throw new Error(made.message);
    const counts = new Array<number>(partitions).fill(0);
    for (const partition of made.table) counts[partition] = (counts[partition] ?? 0) + 1;
    expect(counts.reduce((a, b) => a + b)).toBe(4096);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  it.each([
    { given: [{ first: 0, last: 4094, partition: 0 }], want: "slot 4095 is not assigned" },
    {
      given: [
        { first: 0, last: 4095, partition: 0 },
        { first: 7, last: 7, partition: 0 },
      ],
      want: "slot 7 is assigned twice",
    },
    { given: [{ first: 0, last: 4096, partition: 0 }], want: "slots 0-4096: not within 0-4095" },
    { given: [{ first: 9, last: 8, partition: 0 }], want: "slots 9-8: not within 0-4095" },
    {
      given: [{ first: 0, last: 4095, partition: 1 }],
      want: "slots 0-4095: there is no partition 1",
    },
  ])("are refused: $want", ({ given, want }) => {
    expect(makeSlotTable(given, 1)).toEqual({ kind: "invalid", message: want });
  });
});
