// Found by seed 899: the first write of a collection's identity record failed, the StatefulSet after
// it did not. Its claims then stood without a record, which reads as lost data, and no store was
// formatted to rebuild the record from: the collection could not become Ready any more.
import { describe, expect, it } from "@jest/globals";

import { simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "../oaas.ts";

describe("an identity record whose first writes fail", () => {
  it("is stored before anything makes claims", async () => {
    let refused = 0;
    const { violations } = await simulate(
      oaasSimulation({
        seed: 899,
        async script({ sim, users }) {
          sim.server.intercept = ({ method, path }) => {
            if (method !== "PATCH" || !path.endsWith("-identity") || refused >= 3) return undefined;
            refused += 1;
            return { kind: "answer", status: 500 };
          };
          users.put("p0");
          await sim.clock.advance(30_000);
        },
      }),
    );
    expect(violations).toEqual([]);
    expect(refused).toBe(3);
  });
});
