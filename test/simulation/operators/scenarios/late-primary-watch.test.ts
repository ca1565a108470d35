// Found by seed 86: a package and all below it are deleted while the watch on collections is late.
// The operator goes on serving the collection that it still sees: it makes its Secret by a call,
// the garbage collector takes it at once, which wakes the collection. 240 passes in 600 ms.
import { describe, expect, it } from "@jest/globals";

import { simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "../oaas.ts";
import { COLLECTIONS } from "../world/kinds.ts";

describe("a collection whose deletion is told late", () => {
  it("is not worked on without end", async () => {
    let secrets = 0;
    const { violations } = await simulate(
      oaasSimulation({
        seed: 86,
        async script({ sim, users }) {
          users.put("p0");
          await sim.clock.advance(30_000);
          sim.server.storage.subscribe(({ kind, type }) => {
            if (kind.plural === "secrets" && type === "ADDED") secrets += 1;
          });
          sim.server.holdWatches(COLLECTIONS);
          users.remove("p0");
          await sim.clock.advance(60_000);
          sim.server.releaseWatches();
        },
      }),
    );
    expect(violations).toEqual([]);
    expect(secrets).toBeGreaterThan(0);
    expect(secrets).toBeLessThan(120);
  });
});
