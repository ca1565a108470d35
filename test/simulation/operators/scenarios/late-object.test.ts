// Found by seeds 14380 and 14725: a client got an object onto a target between its last count and its
// end, and the target went with it. The count was of a time when objects were still taken.
import { describe, expect, it } from "@jest/globals";

import type { OstTarget } from "#api/rawstor/v1alpha1/index.ts";
import { OST_TARGET } from "#api/rawstor/v1alpha1/index.ts";
import { defineKind, keyOf, KINDS } from "#controllers/runtime/index.ts";
import { simulate } from "#controllers/runtime/testing/index.ts";

import type { RawstorWorld } from "../rawstor/rawstor.ts";
import { rawstorSimulation } from "../rawstor/rawstor.ts";
import { all, one } from "../world/look.ts";

const TARGETS = defineKind<OstTarget>(OST_TARGET);
const KEY = { namespace: "", name: "disk-a" };
const PATH = "/var/lib/rawstor/disks/disk-a";

/** A target that serves an empty disk, and then what happens to it. */
async function run(script: (world: RawstorWorld) => Promise<void>, seed = 1): Promise<void> {
  const { violations } = await simulate(
    rawstorSimulation({
      seed,
      async script(world) {
        world.put(KEY.name);
        await world.sim.clock.advance(60_000);
        expect(world.disks.keep(PATH, 0)).toBe(0);
        await script(world);
      },
    }),
  );
  expect(violations).toEqual([]);
}

const isThere = ({ sim }: RawstorWorld): boolean => one(sim.server, TARGETS, KEY) !== undefined;

describe("an object that comes at the end of its target", () => {
  it("keeps it, though it was empty when it was last asked", async () => {
    await run(async (world) => {
      expect(world.disks.keep(PATH, 5)).toBe(5);
      world.sim.server.userDelete(TARGETS, KEY);
      await world.sim.clock.advance(30_000);
      expect(isThere(world)).toBe(true);
      expect(world.disks.keep(PATH, 0)).toBe(0);
      await world.sim.clock.advance(30_000);
      expect(isThere(world)).toBe(false);
    });
  });

  it.each([1, 2, 3])("keeps it if operator and pod go at write %d of that end", async (write) => {
    await run(async (world) => {
      const { sim, disks } = world;
      expect(disks.keep(PATH, 5)).toBe(5);
      for (const process of sim.alive) process.killAtWrite(write, "after");
      sim.server.userDelete(TARGETS, KEY);
      await sim.clock.advance(300);
      for (const pod of all(sim.server, KINDS.Pod)) disks.killPod(keyOf(pod));
      await sim.clock.advance(20_000);
      sim.startProcess();
      await sim.clock.advance(60_000);
      expect(isThere(world)).toBe(true);
      expect(disks.keep(PATH, 6)).toBe(5);
    }, write);
  });

  it("is taken by the next target of that name, which finds its disk closed", async () => {
    await run(async (world) => {
      world.sim.server.userDelete(TARGETS, KEY);
      await world.sim.clock.advance(30_000);
      expect(isThere(world)).toBe(false);
      expect(world.disks.at(PATH).closedFor).toBeDefined();
      world.put(KEY.name);
      await world.sim.clock.advance(60_000);
      expect(world.disks.keep(PATH, 5)).toBe(5);
    });
  });
});
