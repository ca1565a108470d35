// Random clusters under faults; see testing/cluster.ts for what is done and what is checked.
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { seededRng } from "#api/base/testing/seeded-rng.ts";

import { Cluster } from "./testing/cluster.ts";

const SEEDS = 60;
const STEPS = 1500;

function play(seed: number, steps: number): Cluster {
  const rng = seededRng(seed);
  const voters = 1 + (seed % 5);
  const cluster = new Cluster(seededRng(seed + 1_000_000), voters, voters < 5 ? seed % 2 : 0);
  const number = (): number => Math.floor(rng.next() * 1_000_000);
  for (let step = 0; step < steps; step += 1) {
    cluster.act(number(), number(), number());
    if (step % 100 === 0) cluster.checkLogs();
  }
  cluster.recover();
  cluster.checkLogs();
  return cluster;
}

describe("a cluster under faults", () => {
  it("keeps its promises and recovers, for every seed", () => {
    const total = new Map<string, number>();
    for (let seed = 0; seed < SEEDS; seed += 1) {
      let seen: Cluster["seen"];
      try {
        ({ seen } = play(seed, STEPS));
      } catch (cause) {
        throw new Error(`seed ${seed}, ${STEPS} steps`, { cause });
      }
      for (const [what, count] of Object.entries(seen)) {
        total.set(what, (total.get(what) ?? 0) + count);
      }
    }
    // All of it happened, and more than once.
    for (const [what, count] of total) expect([what, count > 5]).toEqual([what, true]);
  });

  it("keeps its promises for any sequence of actions", () => {
    const number = fc.nat(1_000_000);
    const actions = fc.array(fc.tuple(number, number, number), { minLength: 50, maxLength: 400 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.nat(1000), actions, (voters, seed, list) => {
        const cluster = new Cluster(seededRng(seed), voters);
        for (const [what, a, b] of list) cluster.act(what, a, b);
        cluster.checkLogs();
        cluster.recover();
        cluster.checkLogs();
      }),
      { numRuns: 40 },
    );
  });
});
