// Hosts of several members when things happen at the wrong time: a replica that was removed and is
// wanted again before the disk knows, and damage that only the sender of a snapshot meets.
import { describe, expect, it } from "@jest/globals";

import { assert, utf8Encode } from "#api/base/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import type { GroupId, MemberId } from "#workloads/core/raft/index.ts";
import { objectKey } from "#workloads/core/store/index.ts";

import type { Group, WantedGroup } from "./group.ts";
import { keyText } from "./keys.ts";
import { TestGrid } from "./testing/grid.ts";
import { wordOf, Words } from "./testing/words.ts";

const GROUP = 7 as GroupId;
const [A, B, C, D] = ["a", "b", "c", "d"] as unknown as [MemberId, MemberId, MemberId, MemberId];
const ABC = [A, B, C];
const FIRST: WantedGroup = { generation: 1n, members: ABC };

function open(grid: TestGrid, id: MemberId, wanted = FIRST): Group {
  const { host } = grid.members.get(id) ?? grid.start(id);
  const name = `words of ${id}`;
  return host.open({ group: GROUP, name, machine: new Words(), wanted, founders: ABC });
}

/** Three members, the first of which leads and has logged a word. */
async function three(seed: number) {
  const grid = new TestGrid(seededRng(seed));
  const groups = ABC.map((id) => open(grid, id));
  const [leader] = groups;
  assert(leader !== undefined, "there are three");
  await grid.time.until(() => leader.isLeading, "the first one leads");
  leader.propose(utf8Encode("k=v"), () => undefined);
  await grid.time.until(
    () => groups.every(({ state }) => wordOf(state, "k") === "v"),
    "everybody has it",
  );
  return { grid, leader, groups };
}

describe("a replica that was removed just now", () => {
  it("is not held, and comes back with nothing, although the disk still has it all", async () => {
    const { grid, leader, groups } = await three(21);
    const last = groups[2];
    const { host, disk } = grid.members.get(C) ?? {};
    assert(last !== undefined && host !== undefined && disk !== undefined, "it is open");
    for (const group of groups) group.setWanted({ generation: 2n, members: [A, B] });
    await grid.time.until(() => !last.takesPart, "it was let go of");
    last.remove();
    expect(disk.values.has(keyText(objectKey(GROUP, "k")))).toBe(true);
    expect(host.holds(GROUP)).toBe(false);
    const wanted = { generation: 3n, members: ABC };
    const again = open(grid, C, wanted);
    expect([again.appliedIndex, wordOf(again.state, "k")]).toEqual([0, undefined]);
    for (const group of groups.slice(0, 2)) group.setWanted(wanted);
    await grid.time.until(() => leader.view().reachedGeneration === 3n, "it is back");
    await grid.time.until(() => wordOf(again.state, "k") === "v", "it has learned everything");
  });
});

describe("a leader that meets damage while it sends a snapshot", () => {
  it("has its state learned anew, and the new member gets it from who leads then", async () => {
    const { grid, groups } = await three(22);
    grid.members.get(A)?.disk.damage(objectKey(GROUP, "k"));
    const wanted = { generation: 2n, members: [A, B, C, D] };
    const joining = open(grid, D, wanted);
    for (const group of groups) group.setWanted(wanted);
    await grid.time.until(() => wordOf(joining.state, "k") === "v", "the new member has it");
    const all = [...groups, joining];
    await grid.time.until(
      () => all.every(({ state, standing }) => standing === "ready" && wordOf(state, "k") === "v"),
      "everybody has it",
    );
  });
});
