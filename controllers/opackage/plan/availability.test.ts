import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import {
  nextPowerOfTwo,
  quorumAvailability,
  replicasForTarget,
  strongReplicas,
} from "./availability.ts";

const places = (p: number, n: number): number[] => Array.from({ length: n }, () => p);

describe("quorumAvailability", () => {
  it.each([
    { given: [], want: 0 },
    { given: [0.9, 0.9, 0.9], want: 0.972 },
    { given: places(0.99, 1), want: 0.99 },
    { given: places(0.99, 2), want: 0.9801 },
    { given: places(0.99, 3), want: 0.999702 },
    { given: places(0.99, 4), want: 0.999408 },
    { given: places(0.99, 5), want: 0.99999 },
    { given: [1, 0], want: 0 },
    { given: [1, 1, 0], want: 1 },
  ])("of $given is $want", ({ given, want }) => {
    expect(quorumAvailability(given)).toBeCloseTo(want, 5);
  });

  it("agrees with counting every outcome", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }), (ps) => {
        let sum = 0;
        for (let outcome = 0; outcome < 2 ** ps.length; outcome += 1) {
          const up = ps.map((_, i) => ((outcome >> i) & 1) === 1);
          const count = up.filter(Boolean).length;
          if (count < Math.floor(ps.length / 2) + 1) continue;
          sum += ps.reduce((product, p, i) => product * (up[i] === true ? p : 1 - p), 1);
        }
        expect(quorumAvailability(ps)).toBeCloseTo(sum, 9);
      }),
    );
  });

  it("refuses what is no probability", () => {
    expect(() => quorumAvailability([1.1])).toThrow("between 0 and 1");
  });
});

describe("replicasForTarget", () => {
  // Required count at 0.99 each, with 1 to 5 places.
  it.each([
    { target: 0.99, want: [1, 1, 1, 1, 1] },
    { target: 0.995, want: [1, 2, 3, 3, 3] },
    { target: 0.999, want: [1, 2, 3, 3, 3] },
    { target: 0.9999, want: [1, 2, 3, 4, 5] },
  ])("for $target with 1 to 5 places is $want", ({ target, want }) => {
    const got = [1, 2, 3, 4, 5].map((n) => replicasForTarget(places(0.99, n), target).replicas);
    expect(got).toEqual(want);
  });

  it("counts the worst places first, in whatever order they come", () => {
    expect(replicasForTarget([0.999, 0.5], 0.9)).toMatchObject({ replicas: 2, reached: false });
    expect(replicasForTarget([0.5, 0.999], 0.4)).toEqual({
      replicas: 1,
      achieved: 0.5,
      reached: true,
    });
  });

  it("takes all places and says so when the target is out of reach", () => {
    expect(replicasForTarget(places(0.5, 3), 0.99)).toEqual({
      replicas: 3,
      achieved: 0.5,
      reached: false,
    });
    expect(replicasForTarget([], 0.99)).toEqual({ replicas: 1, achieved: 0, reached: false });
    expect(replicasForTarget(places(0.1, 80), 0.99).replicas).toBe(50);
  });

  it("treats certainty as nine nines", () => {
    expect(replicasForTarget([1], 1)).toEqual({ replicas: 1, achieved: 1, reached: true });
    expect(replicasForTarget(places(0.9999, 5), 1).replicas).toBe(5);
  });
});

describe("strongReplicas", () => {
  it.each([
    [1, 3],
    [2, 3],
    [3, 3],
    [4, 5],
    [5, 5],
    [6, 7],
    [50, 49],
  ])("%d becomes %d", (given, want) => {
    expect(strongReplicas(given)).toBe(want);
  });
});

describe("nextPowerOfTwo", () => {
  it.each([
    [0, 1],
    [1, 1],
    [2, 2],
    [3, 4],
    [4.5, 8],
    [4096, 4096],
  ])("of %d is %d", (given, want) => {
    expect(nextPowerOfTwo(given)).toBe(want);
  });
});
