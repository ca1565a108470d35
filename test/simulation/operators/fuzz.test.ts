// A bounded number of seeds; a failing one is printed and replays exactly by
// `node hack/bootstrap.mjs test/simulation/operators/fuzz.ts --seed N --steps M`.
import { describe, expect, it } from "@jest/globals";

import { simulate } from "./simulate.ts";

const BATCHES = [0, 1, 2, 3];
const SEEDS_PER_BATCH = 6;
const STEPS = 12;
const TIMEOUT_MS = 120_000;

describe("the oaas operator's controllers under faults", () => {
  it.each(BATCHES)(
    "keep every invariant, batch %d",
    async (batch) => {
      for (let one = 1; one <= SEEDS_PER_BATCH; one += 1) {
        const seed = batch * SEEDS_PER_BATCH + one;
        const { violations } = await simulate({ seed, steps: STEPS });
        const replay = `--seed ${seed} --steps ${STEPS}`;
        expect({ replay, violations }).toEqual({ replay, violations: [] });
      }
    },
    TIMEOUT_MS,
  );

  it("replay exactly from the seed", async () => {
    const first = await simulate({ seed: 7, steps: STEPS });
    const again = await simulate({ seed: 7, steps: STEPS });
    const other = await simulate({ seed: 8, steps: STEPS });
    expect(again).toEqual(first);
    expect(other.digest).not.toBe(first.digest);
    expect(Object.keys(first.faults)).not.toEqual([]);
  });
});
