// Found by the first seeds of the rawstor operator: with empty memory it took every target that it
// had not asked yet for one that does not answer, and wrote Ready=False for a moment.
import { describe, expect, it } from "@jest/globals";

import { simulate } from "#controllers/runtime/testing/index.ts";

import { rawstorSimulation } from "../rawstor/rawstor.ts";

describe("an operator that begins with empty memory", () => {
  it("writes nothing about targets that serve", async () => {
    const { violations, writes } = await simulate(
      rawstorSimulation({
        seed: 1,
        async script(world) {
          world.put("disk-a");
          world.put("disk-b");
          await world.sim.clock.advance(60_000);
        },
      }),
    );
    expect(violations).toEqual([]);
    expect(writes).toBeGreaterThan(10);
  });
});
