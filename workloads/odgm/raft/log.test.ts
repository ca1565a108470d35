// The log of a group over a store in memory.
import { describe, expect, it } from "@jest/globals";

import { assert } from "#api/base/index.ts";
import type { Entry, GroupId, MemberId, Persist } from "#workloads/core/raft/index.ts";
import { foundingBase, makeConfiguration } from "#workloads/core/raft/index.ts";

import { logKey } from "./keys.ts";
import { GroupLog } from "./log.ts";
import { TestDisk } from "./testing/grid.ts";

const GROUP = 3 as GroupId;

/** A disk with the log of a group that has so many entries. */
function diskWith(count: number): TestDisk {
  const disk = new TestDisk();
  const base = foundingBase(makeConfiguration(["a", "b", "c"] as MemberId[]));
  const { found, writes } = GroupLog.begin(disk, GROUP, base);
  disk.apply(writes);
  const places = Array.from({ length: count }, (_, at) => ({
    index: base.index + 1 + at,
    term: 4,
  }));
  disk.apply(found.log.writesOf(persistOf(places)));
  return disk;
}

function persistOf(places: readonly Pick<Entry, "index" | "term">[]): Persist {
  const rest = { snapshot: undefined, hard: undefined, base: undefined, sync: true };
  const entries = places.map((place) => {
    return { ...place, kind: "command" as const, data: new Uint8Array(3) };
  });
  return { id: 1, then: [], entries, ...rest };
}

describe("the log of a group", () => {
  it("knows the term of its last entry, even if that rots after the start", () => {
    const disk = diskWith(5);
    const found = GroupLog.find(disk, GROUP);
    assert(found !== undefined, "it is in the store");
    const last = found.log.lastIndex();
    disk.damage(logKey(GROUP, last));
    expect(found.log.term(last)).toBe(4);
    // Entries before it are read when they are needed.
    disk.damage(logKey(GROUP, last - 1));
    expect(found.log.term(last - 1)).toBeUndefined();
    expect(GroupLog.find(disk, GROUP)?.damagedAt).toBe(last - 1);
  });

  it("ends after a restart where another leader's entries ended", () => {
    const disk = diskWith(5);
    const { log } = GroupLog.find(disk, GROUP) ?? {};
    assert(log !== undefined, "it is in the store");
    const from = log.lastIndex() - 3;
    disk.apply(log.writesOf(persistOf([{ index: from, term: 5 }])));
    const again = GroupLog.find(disk, GROUP);
    expect(again?.log.lastIndex()).toBe(from);
    expect(again?.log.term(from)).toBe(5);
    expect(again?.damagedAt).toBeUndefined();
  });
});
