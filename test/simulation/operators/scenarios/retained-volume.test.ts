// Found by seed 100775: the claim of the only member goes while its volume is to be retained, and a
// person accepts the loss. The group of the store on that volume counted as alive for ever, so the
// simulated successor was refused what a real one does: it founds the group anew.
import { describe, expect, it } from "@jest/globals";

import { keyOf, KINDS } from "#controllers/runtime/index.ts";
import { simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "../oaas.ts";
import { all } from "../world/look.ts";

describe("a member whose claim went and whose volume was kept", () => {
  it("has a successor once its loss is accepted", async () => {
    const { violations, trace } = await simulate(
      oaasSimulation({
        seed: 1,
        packages: ["p0"],
        async script({ sim, users, cluster }) {
          users.put("p0", { policy: "Retain" });
          await sim.clock.advance(30_000);
          const claims = all(sim.server, KINDS.PersistentVolumeClaim);
          expect(claims.length).toBeGreaterThan(0);
          for (const claim of claims) {
            sim.server.userDelete(KINDS.PersistentVolumeClaim, keyOf(claim));
          }
          for (const pod of all(sim.server, KINDS.Pod)) cluster.killPod(keyOf(pod));
          await sim.clock.advance(10_000);
        },
      }),
    );
    expect(violations).toEqual([]);
    expect(trace.join("\n")).toContain("oaas.io/accept-data-loss=inc-1-");
  });
});
