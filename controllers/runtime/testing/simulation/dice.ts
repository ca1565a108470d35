// All randomness of a run comes from its seed through here.
import type { Rng } from "#api/base/index.ts";
import { assert } from "#api/base/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";

/** Draws from a seed; the same seed gives the same draws in the same order. */
export class Dice {
  readonly rng: Rng;

  constructor(seed: number) {
    this.rng = seededRng(seed);
  }

  /** A whole number from `min` to `max`, both possible. */
  int(min: number, max: number): number {
    return min + Math.floor(this.rng.next() * (max - min + 1));
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.rng.next() < probability;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    const found = list[this.int(0, list.length - 1)];
    assert(found !== undefined, "pick from an empty list");
    return found;
  }

  /** One of a list that is not empty; each as often as its weight says, 1 if it has none. */
  weighted<T extends { readonly weight?: number }>(list: readonly T[]): T {
    let left = this.rng.next() * list.reduce((sum, { weight = 1 }) => sum + weight, 0);
    for (const one of list) {
      left -= one.weight ?? 1;
      if (left < 0) return one;
    }
    return this.pick(list);
  }

  /** Dice of their own, so that one part's draws do not shift another's. */
  fork(): Dice {
    return new Dice(this.int(0, 0x7fffffff));
  }
}
