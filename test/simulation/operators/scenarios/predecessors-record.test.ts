// Found by seed 1975: a collection under Delete is deleted and its parent makes it anew while the
// watch on ConfigMaps is late. The record of the first one, which goes with it, was taken for the
// new one's, so claims were made without one.
import { describe, expect, it } from "@jest/globals";

import { keyOf, KINDS } from "#controllers/runtime/index.ts";
import { simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "../oaas.ts";
import { COLLECTIONS } from "../world/kinds.ts";
import { all } from "../world/look.ts";

describe("the record of a collection that is gone", () => {
  it("is not taken for that of the next one", async () => {
    const { violations } = await simulate(
      oaasSimulation({
        seed: 1975,
        async script({ sim, users }) {
          users.put("p0", { policy: "Delete" });
          await sim.clock.advance(30_000);
          sim.server.holdWatches(KINDS.ConfigMap);
          for (const one of all(sim.server, COLLECTIONS)) {
            sim.server.userDelete(COLLECTIONS, keyOf(one));
          }
          await sim.clock.advance(3_000);
          for (const process of sim.alive) process.kill();
          sim.startProcess();
          await sim.clock.advance(20_000);
        },
      }),
    );
    expect(violations).toEqual([]);
  });
});
