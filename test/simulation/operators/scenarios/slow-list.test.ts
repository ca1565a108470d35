// A list that takes seconds is of the past when it is complete. What the operator has written while
// it was under way stands above it.
import { describe, expect, it } from "@jest/globals";

import { simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "../oaas.ts";

describe("a list that takes seconds while the world changes", () => {
  it.each([1, 2, 3, 4, 5, 6])("undoes nothing, seed %d", async (seed) => {
    const { violations, faults } = await simulate(
      oaasSimulation({
        seed,
        packages: ["p0"],
        async script({ sim, users }) {
          users.put("p0");
          await sim.clock.advance(20_000);
          sim.faults.listMsMax = 3_000;
          for (let round = 0; round < 3; round += 1) {
            sim.server.compact();
            sim.server.breakWatches();
            await sim.clock.advance(700);
            users.put("p0");
            await sim.clock.advance(8_000);
          }
        },
      }),
    );
    expect(violations).toEqual([]);
    expect(faults["slow-list"]).toBeGreaterThan(0);
  });
});
