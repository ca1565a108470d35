// Two thousand seeds in plain worker threads on all cores. A failing one is printed with the command
// that replays it exactly.
import { describe, expect, it } from "@jest/globals";

import { runSeeds } from "../run/runner.ts";
import { simulate } from "./simulate.ts";

const SEEDS = 2_000;
const TIMEOUT_MS = 280_000;

describe("the operators' controllers under faults", () => {
  it(
    `keep every invariant, ${SEEDS} seeds`,
    async () => {
      const { failed, faults } = await runSeeds({ suite: "operators", start: 1, seeds: SEEDS });
      const told = failed.map(({ seed, violations }) => ({
        replay: `npm run sim -- operators --seed ${seed} --trace`,
        violations,
      }));
      expect(told).toEqual([]);
      expect(Object.keys(faults).length).toBeGreaterThan(18);
    },
    TIMEOUT_MS,
  );

  it.each([1, 11, 50])("replay exactly from seed %d", async (seed) => {
    const first = await simulate({ seed, traceAll: true });
    const again = await simulate({ seed, traceAll: true });
    const other = await simulate({ seed: seed + 1 });
    expect(again).toEqual(first);
    expect(other.digest).not.toBe(first.digest);
  });
});
