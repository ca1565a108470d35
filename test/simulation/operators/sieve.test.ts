// Seeds that are run with and without faults end the same; simulation.test.ts runs many more of them.
import { describe, expect, it } from "@jest/globals";

import { simulate } from "./simulate.ts";

describe("a run with faults", () => {
  it.each([22, 44, 66, 88, 110])("ends as the one without, seed %d", async (seed) => {
    const { violations } = await simulate({ seed });
    expect(violations).toEqual([]);
  });
});
