import { describe, expect, it } from "@jest/globals";

import { overheadBound, Pair } from "./converge.ts";

describe("two replicas", () => {
  const pair = new Pair(2000, 100);

  it("that are equal exchange their roots and nothing else", () => {
    const { rounds, bytes, objectBytes } = pair.converge(0);
    expect([rounds, objectBytes]).toEqual([1, 0]);
    expect(bytes).toBeGreaterThan(16);
    expect(bytes).toBeLessThan(overheadBound(2000, 0));
  });

  it("that differ in d of n exchange those objects and O(d log n) beside", () => {
    for (const differing of [1, 10]) {
      const { rounds, bytes, objectBytes } = pair.converge(differing);
      expect(rounds).toBeGreaterThan(1);
      expect(objectBytes).toBeGreaterThan(differing * 100);
      expect(bytes).toBeGreaterThan(objectBytes);
      expect(bytes - objectBytes).toBeLessThan(overheadBound(2000, differing));
      // They are equal now.
      expect(pair.converge(0).rounds).toBe(1);
    }
  });
});
