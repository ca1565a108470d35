// The garbage collector of a busy cluster takes seconds. Until then the children of an object that was
// deleted stand beside its successor of the same name: they are waited for, and neither taken over
// nor taken for somebody else's.
import { describe, expect, it } from "@jest/globals";

import { conditionsOf, simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "../oaas.ts";
import { OWN_KINDS } from "../world/kinds.ts";

describe("a garbage collector that is late", () => {
  it.each([1, 2, 3])("keeps successors waiting and nothing else, seed %d", async (seed) => {
    const stalled = new Set<string>();
    const { violations, faults } = await simulate(
      oaasSimulation({
        seed,
        packages: ["p0"],
        async script({ sim, users }) {
          const own = new Set(OWN_KINDS.map(({ plural }) => plural));
          sim.server.storage.subscribe(({ kind, stored }) => {
            if (!own.has(kind.plural)) return;
            for (const { type, message } of conditionsOf(stored.object)) {
              if (type === "Stalled") stalled.add(`${kind.kind}: ${message ?? ""}`);
            }
          });
          users.put("p0", { policy: "Delete" });
          await sim.clock.advance(30_000);
          sim.faults.collectorMsMax = 20_000;
          users.remove("p0");
          await sim.clock.advance(500);
          users.put("p0", { policy: "Delete" });
          await sim.clock.advance(90_000);
        },
      }),
    );
    expect(violations).toEqual([]);
    expect([...stalled]).toEqual([]);
    expect(faults["late-collection"]).toBeGreaterThan(0);
  });
});
