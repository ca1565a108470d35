// Found by seeds 1, 5, 6, 10, 11 (25 steps): the disk of ordinal 0, the meta group's only voter, is
// replaced and its loss accepted. The committed generation was only there; the group goes on from
// what the other members serve, and begins at 1 again only where nobody is left who serves anything.
import { describe, expect, it } from "@jest/globals";

import { KINDS, keyOf } from "#controllers/runtime/index.ts";
import { simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "../oaas.ts";
import { all } from "../world/look.ts";
import type { World } from "../world/world.ts";

/** Generations that were committed while a package lost the disk of its member 0. */
async function committedAround(name: "p0" | "p1", after: (world: World) => Promise<void>) {
  const committed: bigint[] = [];
  const { violations } = await simulate(
    oaasSimulation({
      seed: 1,
      async script(world) {
        world.fleet.witness((deed) => {
          if (deed.kind === "committed") committed.push(deed.spec.generation);
        });
        world.users.put(name);
        await world.sim.clock.advance(40_000);
        const pod = all(world.sim.server, KINDS.Pod).find((one) =>
          one.metadata.name.endsWith("-0"),
        );
        if (pod === undefined) throw new Error("there is no member 0");
        world.users.replaceDisk(keyOf(pod));
        await after(world);
      },
    }),
  );
  return { violations, committed };
}

describe("the voter's disk is replaced and its loss accepted", () => {
  it("goes on from the generation that the other member serves", async () => {
    const { violations, committed } = await committedAround("p1", ({ sim }) =>
      sim.clock.advance(20_000),
    );
    expect(violations).toEqual([]);
    expect(committed).toEqual([1n, 2n]);
  });

  it("waits for a member that is away: it may serve a later one", async () => {
    const { violations, committed } = await committedAround("p1", async ({ sim, fleet }) => {
      const other = all(sim.server, KINDS.Pod).find((one) => one.metadata.name.endsWith("-1"));
      const address = `${other?.status?.podIP ?? ""}:8082`;
      fleet.unreachable.add(address);
      fleet.changed(address);
      await sim.clock.advance(60_000);
      fleet.unreachable.delete(address);
      fleet.changed(address);
      await sim.clock.advance(20_000);
    });
    expect(violations).toEqual([]);
    expect(committed).toEqual([1n, 2n]);
  });

  it("begins at 1 where it was the only member", async () => {
    const { violations, committed } = await committedAround("p0", ({ sim }) =>
      sim.clock.advance(20_000),
    );
    expect(violations).toEqual([]);
    expect(committed).toEqual([1n, 1n]);
  });
});
