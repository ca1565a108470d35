// From an availability to a number of replicas. A group of replicas serves while a majority is up,
// so its availability is the upper half of a Poisson-binomial distribution over the availabilities
// of the places where the replicas live. Places are taken worst first: a plan must hold for any
// choice of that many places. Source: reference "Replica and availability formulas"; the strong
// rule is the next odd number, at least three.

import { assert } from "#api/base/index.ts";

/** Most replicas that a plan asks for on its own. */
export const REPLICAS_MAX = 50;
/** A target above this one cannot be told apart from certainty in the arithmetic below. */
export const TARGET_MAX = 0.999999999;
/** Fewest replicas of a class that is Strong: two would stop at the first failure. */
export const STRONG_REPLICAS_MIN = 3;

/**
 * Probability that a majority (floor(n/2)+1) of n independent replicas is up, given the probability
 * of each; 0 for none. Exact up to rounding: O(n^2) convolution, no sampling.
 */
export function quorumAvailability(availabilities: readonly number[]): number {
  // up[k] = probability that exactly k of the replicas seen so far are up.
  let up: readonly number[] = [1];
  for (const p of availabilities) {
    assert(p >= 0 && p <= 1, "an availability lies between 0 and 1");
    const before = up;
    up = Array.from({ length: before.length + 1 }, (_, k) => {
      const stays = (before[k] ?? 0) * (1 - p);
      const joins = k === 0 ? 0 : (before[k - 1] ?? 0) * p;
      return stays + joins;
    });
  }
  if (availabilities.length === 0) return 0;
  const quorum = Math.floor(availabilities.length / 2) + 1;
  return up.slice(quorum).reduce((sum, p) => sum + p, 0);
}

/** How many replicas, and what they reach. */
export interface ReplicaCount {
  readonly replicas: number;
  /** Quorum availability of that many of the worst places. */
  readonly achieved: number;
  /** False: not even all places together reach the target. */
  readonly reached: boolean;
}

/**
 * The smallest number of places, worst first, whose quorum availability reaches `target`; if none
 * does, all of them (at most {@link REPLICAS_MAX}, at least one).
 */
export function replicasForTarget(availabilities: readonly number[], target: number): ReplicaCount {
  const worstFirst = availabilities.toSorted((a, b) => a - b).slice(0, REPLICAS_MAX);
  const wanted = Math.min(target, TARGET_MAX);
  for (let n = 1; n <= worstFirst.length; n += 1) {
    const achieved = quorumAvailability(worstFirst.slice(0, n));
    if (achieved >= wanted) return { replicas: n, achieved, reached: true };
  }
  return {
    replicas: Math.max(1, worstFirst.length),
    achieved: quorumAvailability(worstFirst),
    reached: false,
  };
}

/** The next odd number from `replicas`, at least three, at most the largest odd one allowed. */
export function strongReplicas(replicas: number): number {
  const odd = replicas % 2 === 0 ? replicas + 1 : replicas;
  return Math.min(Math.max(odd, STRONG_REPLICAS_MIN), REPLICAS_MAX - 1);
}

/** `count` rounded up to a power of two, at least one. */
export function nextPowerOfTwo(count: number): number {
  let power = 1;
  while (power < count) power *= 2;
  return power;
}
