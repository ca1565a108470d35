import { describe, expect, it } from "@jest/globals";

import { seededRng } from "#api/base/testing/seeded-rng.ts";

import {
  latest,
  mixed,
  SCATTERED_ITEMS,
  SCATTERED_ZETA,
  scattered,
  THETA,
  Zipfian,
} from "./zipfian.ts";

/** How often each item was drawn. */
function drawn(next: () => number, times: number): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (let time = 0; time < times; time += 1) {
    const item = next();
    counts.set(item, (counts.get(item) ?? 0) + 1);
  }
  return counts;
}

function zetaOf(items: number): number {
  let sum = 0;
  for (let rank = 1; rank <= items; rank += 1) sum += 1 / rank ** THETA;
  return sum;
}

describe("ranks", () => {
  const TIMES = 200_000;

  it("come as often as their law says", () => {
    const ranks = new Zipfian({ items: 1000, draw: seededRng(1).next });
    const counts = drawn(() => ranks.next(), TIMES);
    const zeta = zetaOf(1000);
    for (const rank of [0, 1]) {
      const share = 1 / (rank + 1) ** THETA / zeta;
      expect(Math.abs((counts.get(rank) ?? 0) / TIMES / share - 1)).toBeLessThan(0.03);
    }
    // Beyond the first two Gray's inverse is an approximation: judged by what ranks take together.
    const shareOf = (from: number, to: number): number =>
      [...counts].reduce((sum, [rank, n]) => (rank >= from && rank < to ? sum + n : sum), 0) /
      TIMES;
    expect(Math.abs(shareOf(0, 100) - zetaOf(100) / zeta)).toBeLessThan(0.02);
    expect(Math.abs(shareOf(100, 1000) - (1 - zetaOf(100) / zeta))).toBeLessThan(0.02);
    expect([Math.min(...counts.keys()), Math.max(...counts.keys()) < 1000]).toEqual([0, true]);
  });

  it("grow to what they would have been from the start", () => {
    const grown = new Zipfian({ items: 10, draw: seededRng(2).next });
    grown.grow(500);
    const whole = new Zipfian({ items: 500, draw: seededRng(2).next });
    const both = Array.from({ length: 2000 }, () => [grown.next(), whole.next()]);
    expect(both.every(([one, other]) => one === other)).toBe(true);
  });

  it("stay below the number of items, even of one", () => {
    for (const items of [1, 2, 3]) {
      const ranks = new Zipfian({ items, draw: seededRng(3).next });
      const seen = drawn(() => ranks.next(), 1000);
      expect([...seen.keys()].sort()).toEqual(Array.from({ length: items }, (_, rank) => rank));
    }
  });

  it("of ten billion items have the sum that they should have", () => {
    // A part summed up, the rest by Euler-Maclaurin.
    const from = 1_000_000;
    const rest =
      (SCATTERED_ITEMS ** (1 - THETA) - from ** (1 - THETA)) / (1 - THETA) +
      (SCATTERED_ITEMS ** -THETA - from ** -THETA) / 2;
    expect(zetaOf(from) + rest).toBeCloseTo(SCATTERED_ZETA, 6);
  });
});

describe("scattered keys", () => {
  it("are skewed, and the popular ones are not neighbours", () => {
    const chooser = scattered(seededRng(4).next);
    const counts = drawn(() => chooser.next(10_000), 100_000);
    const popular = [...counts].sort(([, a], [, b]) => b - a).slice(0, 10);
    expect(Math.abs((popular[0]?.[1] ?? 0) / 100_000 / (1 / SCATTERED_ZETA) - 1)).toBeLessThan(0.1);
    const keys = popular.map(([key]) => key).sort((a, b) => a - b);
    expect(keys.every((key, at) => key - (keys[at - 1] ?? -2) > 1)).toBe(true);
    expect((keys.at(-1) ?? 0) - (keys[0] ?? 0)).toBeGreaterThan(5000);
    expect(counts.size).toBeGreaterThan(5000);
  });

  it("depend on both halves of the rank", () => {
    expect(mixed(1)).not.toBe(mixed(1 + 2 ** 32));
    expect(new Set(Array.from({ length: 10_000 }, (_, rank) => mixed(rank))).size).toBe(10_000);
  });
});

describe("latest keys", () => {
  it("are the newest most of all, also after more were added", () => {
    const chooser = latest(seededRng(5).next, 100);
    for (const records of [100, 1000]) {
      const counts = drawn(() => chooser.next(records), 20_000);
      const [most] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [-1];
      expect(most).toBe(records - 1);
      expect(Math.max(...counts.keys())).toBe(records - 1);
      expect(Math.min(...counts.keys())).toBeGreaterThanOrEqual(0);
    }
  });
});
