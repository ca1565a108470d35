import { expect, it } from "@jest/globals";

import { diskRoom } from "./guard.ts";

const at = (usedBytes: number) => ({ capacityBytes: 1_000, usedBytes });

it.each([
  { used: 849, before: "room", want: "room" },
  { used: 850, before: "room", want: "full" },
  { used: 949, before: "full", want: "full" },
  { used: 951, before: "room", want: "overfull" },
  // One write more or less does not change it back.
  { used: 940, before: "overfull", want: "overfull" },
  { used: 900, before: "overfull", want: "full" },
  { used: 834, before: "full", want: "full" },
  { used: 832, before: "full", want: "room" },
  { used: 832, before: "overfull", want: "room" },
] as const)("a disk at $used of 1000 that was $before is $want", ({ used, before, want }) => {
  expect(diskRoom(at(used), 0.85, before)).toBe(want);
});

it("nothing is known before the first look", () => {
  expect(diskRoom({ capacityBytes: 0, usedBytes: 0 }, 0.85, "room")).toBe("room");
});
