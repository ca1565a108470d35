// Asked for by the plan, not found by a seed: etcd is restored from a backup and goes on counting
// where the backup ends. The same versions are given out once more, for other states. A watch from
// a version that is ahead is accepted and silent: caches showed for ever what had never been.
import { describe, expect, it } from "@jest/globals";

import { simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "../oaas.ts";

/** Before anybody has looked again, and after everybody has. */
const WAITS_MS = [3_000, 40_000];

describe("an API server that gives the same versions out again", () => {
  it.each([1, 2, 3, 4])("is believed, seed %d", async (seed) => {
    const { violations, faults } = await simulate(
      oaasSimulation({
        seed,
        packages: ["p0"],
        async script({ sim, users }) {
          users.put("p0");
          await sim.clock.advance(700 * seed);
          sim.backUp();
          await sim.clock.advance(6_000);
          users.put("p0");
          await sim.clock.advance(6_000);
          expect(sim.restore(2_000, { rewinds: true })).toBe(true);
          users.put("p0");
          await sim.clock.advance(WAITS_MS[seed % 2] ?? 0);
          users.put("p0");
          await sim.clock.advance(20_000);
        },
      }),
    );
    expect(violations).toEqual([]);
    expect(faults["outage"]).toBeGreaterThan(0);
  });
});
