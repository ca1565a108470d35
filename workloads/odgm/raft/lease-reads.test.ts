// Reads that the leader's lease grants, and what becomes of them when the process stood still.
import { describe, expect, it } from "@jest/globals";

import { assert } from "#api/base/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import type { GroupId, MemberId } from "#workloads/core/raft/index.ts";

import type { Group, ReadReady } from "./group.ts";
import { TestGrid } from "./testing/grid.ts";
import { Words } from "./testing/words.ts";

const ABC = ["a", "b", "c"] as MemberId[];

/** The leader of three, for long enough to have a lease. */
async function leaderWithLease(): Promise<{ readonly grid: TestGrid; readonly group: Group }> {
  const grid = new TestGrid(seededRng(1));
  const [group] = ABC.map((id) =>
    grid.start(id).host.open({
      ...{ group: 7 as GroupId, name: "words", machine: new Words(), founders: ABC },
      wanted: { generation: 1n, members: ABC },
      settings: { raft: { leaseReads: true, quiesceTicks: 0 } },
    }),
  );
  assert(group !== undefined, "the first one shall lead");
  await grid.time.until(() => group.isLeading, "the first one leads");
  await grid.time.pass(500);
  return { grid, group };
}

/** All outcomes of a read, with what its lease says at that moment. */
function readBy(group: Group): readonly (readonly [ReadReady["kind"], boolean | undefined])[] {
  const told: (readonly [ReadReady["kind"], boolean | undefined])[] = [];
  group.read("lease", (ready) => {
    told.push([ready.kind, ready.kind === "ready" ? ready.stillHolds?.() : undefined]);
  });
  return told;
}

describe("a read by lease", () => {
  it("asks nobody", async () => {
    const { grid, group } = await leaderWithLease();
    for (const id of ABC) grid.isolate(id, true);
    const told = readBy(group);
    await grid.time.step();
    expect(told).toEqual([["ready", true]]);
  });

  it("asks a majority if the process stood still until the lease was over", async () => {
    const { grid, group } = await leaderWithLease();
    const told = readBy(group);
    // Its turn comes before the tick that would see how late it is.
    grid.time.nowMs += 900;
    await grid.time.step();
    expect(told).toEqual([]);
    await grid.time.until(() => told.length > 0, "an answer of the majority", 500);
    expect(told).toEqual([["ready", undefined]]);
  });

  it("is answered by nobody who was deposed while it stood still", async () => {
    const { grid, group } = await leaderWithLease();
    const told = readBy(group);
    grid.time.nowMs += 900;
    for (const id of ABC) grid.isolate(id, true);
    await grid.time.until(() => told.length > 0, "an answer");
    expect(told).toEqual([["refused", undefined]]);
  });
});
