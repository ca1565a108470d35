// Found by seed 5050: etcd is restored from a backup as Kubernetes wants it, with versions that go on
// beyond all that were seen. The cache held what it had written itself against the list of the
// restored state, for that was "older", and an object stayed in it that had never been.
import { describe, expect, it } from "@jest/globals";

import { simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "../oaas.ts";

describe("an API server that is restored from a backup", () => {
  it.each([1, 2, 3, 4])("is believed, seed %d", async (seed) => {
    const { violations, faults } = await simulate(
      oaasSimulation({
        seed,
        packages: ["p0"],
        async script({ sim, users }) {
          users.put("p0");
          await sim.clock.advance(1_000 * seed);
          sim.backUp();
          // What is written from here on is not told to anybody before it is undone.
          sim.server.holdWatches();
          await sim.clock.advance(8_000);
          expect(sim.restore(2_000)).toBe(true);
          await sim.clock.advance(60_000);
        },
      }),
    );
    expect(violations).toEqual([]);
    expect(faults["outage"]).toBeGreaterThan(0);
  });
});
