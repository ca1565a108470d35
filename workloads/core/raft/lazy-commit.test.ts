// When a leader that is lazy about it tells its members what is committed.
import { describe, expect, it } from "@jest/globals";

import type { MessageOf } from "./index.ts";
import { N2, N3, N4, Solo } from "./testing/solo.ts";

// No heartbeat comes in between.
const LAZY = { lazyCommit: true, heartbeatTicks: 9 };

/** Appends without entries by the commit index that they tell. */
function told(appends: readonly MessageOf<"append">[]): readonly number[] {
  return appends.filter(({ entries }) => entries.length === 0).map(({ commit }) => commit);
}

describe("a lazy leader", () => {
  it("says nothing when something is committed, and tells with the next entries", () => {
    const solo = new Solo({ settings: LAZY }).lead().tick();
    solo.propose("a").said();
    solo.acknowledge(N2);
    const { committed, last } = solo.status;
    expect(committed).toBe(last);
    expect(solo.saidOf("append")).toEqual([]);
    solo.propose("b");
    const appends = solo.saidOf("append");
    expect(appends.map(({ to, commit }) => [to, commit])).toEqual([
      [N2, committed],
      [N3, committed],
    ]);
    expect(told(appends)).toEqual([]);
  });

  it("tells on the next tick if there are none, once", () => {
    const solo = new Solo({ settings: LAZY }).lead().tick();
    solo.propose("a").said();
    solo.acknowledge(N2).acknowledge(N3).said();
    solo.tick();
    expect(told(solo.saidOf("append"))).toEqual([solo.status.last, solo.status.last]);
    solo.tick();
    expect(solo.saidOf("append")).toEqual([]);
  });

  it("tells a change of members at once", () => {
    const solo = new Solo({ settings: LAZY }).lead().tick();
    const changes = [{ kind: "add-learner" as const, member: N4 }];
    solo.step({ kind: "change", id: 1, change: { transition: "auto", changes } }).said();
    solo.acknowledge(N2).acknowledge(N3);
    expect(told(solo.saidOf("append"))).toContain(solo.status.last);
  });

  it("tells who shall lead what is committed before it campaigns", () => {
    const solo = new Solo({ settings: LAZY }).lead().tick();
    solo.propose("a").said();
    solo.acknowledge(N2).acknowledge(N3).said();
    solo.step({ kind: "transfer", target: N2 });
    const kinds = solo.said().filter(({ to }) => to === N2);
    expect(kinds.map(({ kind }) => kind)).toEqual(["append", "timeout-now"]);
  });
});

it("tells at once unless it is lazy", () => {
  const solo = new Solo({ settings: { heartbeatTicks: 9 } }).lead().tick();
  solo.propose("a").said();
  solo.acknowledge(N2);
  expect(told(solo.saidOf("append"))).toContain(solo.status.last);
});
