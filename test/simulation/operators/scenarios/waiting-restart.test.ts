// Found by seed 128: the image of one target changed while another did not serve. The restart of its
// pod waited for the other, and nobody told it when that served again.
import { describe, expect, it } from "@jest/globals";

import { keyOf, KINDS } from "#controllers/runtime/index.ts";
import { simulate } from "#controllers/runtime/testing/index.ts";

import { rawstorSimulation } from "../rawstor/rawstor.ts";
import { all } from "../world/look.ts";

describe("a restart that waits for another target", () => {
  it("comes once that serves again", async () => {
    const { violations } = await simulate(
      rawstorSimulation({
        seed: 1,
        async script(world) {
          const { sim, disks } = world;
          world.put("disk-a");
          world.put("disk-b");
          await sim.clock.advance(60_000);
          for (const pod of all(sim.server, KINDS.Pod)) {
            if (pod.metadata.name.startsWith("disk-a")) disks.killPod(keyOf(pod));
          }
          world.put("disk-b", { image: "example.com/ost:2" });
          await sim.clock.advance(60_000);
          const images = all(sim.server, KINDS.Pod).map((pod) => pod.spec?.containers[0]?.image);
          expect(images).toContain("example.com/ost:2");
        },
      }),
    );
    expect(violations).toEqual([]);
  });
});
