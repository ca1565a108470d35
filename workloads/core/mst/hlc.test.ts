import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { Stamp } from "../merge/index.ts";
import { STAMP_EPOCH_MS, timeOfMs } from "../merge/index.ts";
import { CLOCK_BOUND_MS, ClockSkew, HybridClock, RESERVE_AHEAD_MS } from "./hlc.ts";

const T0 = STAMP_EPOCH_MS + 1_000_000;

function issue(clock: HybridClock, nowMs: number): Stamp {
  let outcome = clock.issue(nowMs);
  if (outcome.kind === "reserve") {
    clock.reserved(outcome.highWater);
    outcome = clock.issue(nowMs);
  }
  if (outcome.kind !== "stamp") throw new Error("a reserved clock issues stamps");
  return outcome.stamp;
}

describe("HybridClock", () => {
  it("issues stamps that only grow, also when the wall clock goes back", () => {
    const walls = fc.array(fc.integer({ min: -20_000, max: 20_000 }), { minLength: 2 });
    fc.assert(
      fc.property(walls, (offsets) => {
        const clock = new HybridClock({ node: "a", highWater: 0 });
        const times = offsets.map((offset) => issue(clock, T0 + offset).time);
        expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
      }),
    );
  });

  it("issues nothing above its durable mark, so a restart never repeats a stamp", () => {
    const clock = new HybridClock({ node: "a", highWater: 0 });
    const wanted = clock.issue(T0);
    expect(wanted).toEqual({ kind: "reserve", highWater: timeOfMs(T0 + RESERVE_AHEAD_MS) });
    const last = issue(clock, T0);
    const again = new HybridClock({ node: "a", highWater: timeOfMs(T0 + RESERVE_AHEAD_MS) });
    expect(issue(again, T0 - 60_000).time).toBeGreaterThan(last.time);
    expect(clock.issue(T0 + RESERVE_AHEAD_MS + 1).kind).toBe("reserve");
  });

  it("asks for a new mark while there is room for half of it", () => {
    const clock = new HybridClock({ node: "a", highWater: 0 });
    issue(clock, T0);
    expect(clock.wantedReserve(T0)).toBeUndefined();
    expect(clock.wantedReserve(T0 + RESERVE_AHEAD_MS)).toBe(timeOfMs(T0 + 2 * RESERVE_AHEAD_MS));
  });

  it("is after what it observed, unless that lies beyond the bound", () => {
    const clock = new HybridClock({ node: "a", highWater: 0 });
    clock.reserved(timeOfMs(T0 + 60_000));
    expect(clock.observe(timeOfMs(T0 + CLOCK_BOUND_MS), T0)).toBe(true);
    expect(issue(clock, T0).time).toBeGreaterThan(timeOfMs(T0 + CLOCK_BOUND_MS));
    expect(clock.observe(timeOfMs(T0 + CLOCK_BOUND_MS + 1), T0)).toBe(false);
    expect(issue(clock, T0).time).toBeLessThan(timeOfMs(T0 + CLOCK_BOUND_MS + 1));
  });

  it("promises nothing that is still on its way into the tree", () => {
    const clock = new HybridClock({ node: "a", highWater: 0 });
    const first = issue(clock, T0);
    const second = issue(clock, T0);
    expect(clock.promise(T0 + 5)).toBe(first.time - 1);
    clock.settled(first);
    expect(clock.promise(T0 + 5)).toBe(second.time - 1);
    clock.settled(second);
    const promise = clock.promise(T0 + 5);
    expect(promise).toBe(timeOfMs(T0 + 5));
    expect(issue(clock, T0).time).toBeGreaterThan(promise);
  });

  it("promises nothing above its durable mark: a restart with a clock set back would break it", () => {
    const clock = new HybridClock({ node: "a", highWater: timeOfMs(T0) });
    expect(clock.promise(T0 + 60_000)).toBe(timeOfMs(T0));
  });
});

describe("ClockSkew", () => {
  it.each([
    { name: "no peers", offsets: [], want: false },
    { name: "all near", offsets: [10, -20], want: false },
    { name: "one peer far off of three", offsets: [9_000, 5, -5], want: false },
    { name: "one peer far off of two", offsets: [60_000, 5], want: false },
    { name: "we are behind", offsets: [6_000, 5_500, 9_000], want: true },
    { name: "we are ahead", offsets: [-5_001, -7_000], want: true },
    { name: "just within", offsets: [5_000, 5_000], want: false },
  ])("$name: $want", ({ offsets, want }) => {
    const skew = new ClockSkew();
    for (const [at, offset] of offsets.entries()) skew.sample(`p${at}`, offset);
    expect(skew.isSkewed()).toBe(want);
  });

  it("forgets members that left", () => {
    const skew = new ClockSkew();
    skew.sample("gone", 60_000);
    skew.sample("here", 1);
    skew.keep(["here"]);
    expect(skew.medianMs()).toBe(1);
  });
});
