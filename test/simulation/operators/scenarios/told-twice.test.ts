// Found by seed 19: a watch tells its last events again after the end of an object has been told.
// The object came back in the cache, and its owner was served as if it were there.
import { describe, expect, it } from "@jest/globals";

import { simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "../oaas.ts";

describe("events that are told twice", () => {
  it.each([1, 2, 3])("change nothing, seed %d", async (seed) => {
    const { violations } = await simulate(
      oaasSimulation({
        seed,
        packages: ["p1"],
        async script({ sim, users }) {
          users.put("p1");
          await sim.clock.advance(500 * seed);
          users.remove("p1");
          sim.server.replayWatches();
          await sim.clock.advance(1_000);
          users.put("p1");
          await sim.clock.advance(200);
          sim.server.replayWatches();
          await sim.clock.advance(10_000);
        },
      }),
    );
    expect(violations).toEqual([]);
  });
});
