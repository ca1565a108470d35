import { describe, expect, it } from "@jest/globals";

import { FakeClock } from "../testing/fake-clock.ts";
import { Slices } from "./slices.ts";

describe("slices", () => {
  it("end after 5 ms for all workers at once, and the next one begins after the turn", async () => {
    let nowMs = 0;
    const ends: (() => void)[] = [];
    const slices = new Slices({
      clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
      timers: {
        schedule: () => () => undefined,
        turn: () => new Promise((resolve) => ends.push(resolve)),
      },
    });
    const first = slices.pause();
    expect(slices.pause()).toBe(first);
    nowMs = 100;
    ends[0]?.();
    await first;
    expect(slices.pause()).toBeUndefined();
    nowMs = 104.9;
    expect(slices.pause()).toBeUndefined();
    nowMs = 105;
    expect(slices.pause()).toBeInstanceOf(Promise);
    expect(ends).toHaveLength(2);
  });

  it("never end where time is somebody else's", () => {
    const clock = new FakeClock();
    expect(new Slices({ clock, timers: clock }).pause()).toBeUndefined();
  });
});
