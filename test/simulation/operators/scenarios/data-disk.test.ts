// The disk of a member that is no voter is replaced while operators crash at writes: the collection
// says so, is not formatted before the loss is accepted, and is whole again afterwards.
import { describe, expect, it } from "@jest/globals";

import { KINDS, keyOf } from "#controllers/runtime/index.ts";

import { simulate } from "../simulate.ts";
import { all } from "../world/look.ts";

describe("a member's disk is replaced", () => {
  it.each([1, 2, 3])("under crash %d writes later", async (writes) => {
    const { violations } = await simulate({
      seed: writes,
      steps: 0,
      async script(world) {
        world.users.put("p1", {});
        await world.clock.advance(40_000);
        const pod = all(world.server, KINDS.Pod).find((one) => one.metadata.name.endsWith("-1"));
        expect(pod).toBeDefined();
        for (const process of world.alive) process.killAtWrite(writes, "after");
        if (pod !== undefined) world.users.replaceDisk(keyOf(pod));
        await world.clock.advance(20_000);
        world.startProcess();
        await world.clock.advance(40_000);
      },
    });
    expect(violations).toEqual([]);
  });
});
