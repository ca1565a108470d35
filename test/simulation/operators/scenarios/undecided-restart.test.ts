// Found by seeds 12188, 12320, 20368, 22506 and 22682: the API server answered 409 to the deletion of
// a pod and left it. The operator took it for gone, for ever, and nobody asked again.
import { describe, expect, it } from "@jest/globals";

import { KINDS } from "#controllers/runtime/index.ts";
import { simulate } from "#controllers/runtime/testing/index.ts";

import { rawstorSimulation } from "../rawstor/rawstor.ts";
import { all } from "../world/look.ts";

describe("a restart that the API server does not decide", () => {
  it("is asked for again", async () => {
    let refused = 0;
    const { violations } = await simulate(
      rawstorSimulation({
        seed: 1,
        async script(world) {
          const { sim } = world;
          world.put("disk-a");
          await sim.clock.advance(60_000);
          const { intercept } = sim.server;
          sim.server.intercept = (request, isWatch) => {
            const isPod = request.method === "DELETE" && request.path.includes("/pods/");
            if (!isPod || refused > 0) return intercept?.(request, isWatch);
            refused += 1;
            return { kind: "answer", status: 409 };
          };
          world.put("disk-a", { image: "example.com/ost:2" });
          await sim.clock.advance(30_000);
          const images = all(sim.server, KINDS.Pod).map((pod) => pod.spec?.containers[0]?.image);
          expect(images).toEqual(["example.com/ost:2"]);
        },
      }),
    );
    expect(refused).toBe(1);
    expect(violations).toEqual([]);
  });
});
