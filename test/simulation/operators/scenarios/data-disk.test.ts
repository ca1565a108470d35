// The disk of a member that is no voter is replaced while operators crash at writes: the collection
// says so, is not formatted before the loss is accepted, and is whole again afterwards.
import { describe, expect, it } from "@jest/globals";

import { KINDS, keyOf } from "#controllers/runtime/index.ts";

import { simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "../oaas.ts";
import { all } from "../world/look.ts";

describe("a member's disk is replaced", () => {
  it.each([1, 2, 3])("under crash %d writes later", async (writes) => {
    const { violations } = await simulate(
      oaasSimulation({
        seed: writes,
        async script(world) {
          world.users.put("p1", {});
          await world.sim.clock.advance(40_000);
          const pod = all(world.sim.server, KINDS.Pod).find((one) =>
            one.metadata.name.endsWith("-1"),
          );
          expect(pod).toBeDefined();
          for (const process of world.sim.alive) process.killAtWrite(writes, "after");
          if (pod !== undefined) world.users.replaceDisk(keyOf(pod));
          await world.sim.clock.advance(20_000);
          world.sim.startProcess();
          await world.sim.clock.advance(40_000);
        },
      }),
    );
    expect(violations).toEqual([]);
  });
});
