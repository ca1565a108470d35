// Seeds on all cores; a failing one is printed with the command that replays it exactly.
import { describe, expect, it } from "@jest/globals";

import { runSeeds } from "../run/runner.ts";
import { simulate } from "./suite.ts";

const SEEDS = 500;
const TIMEOUT_MS = 280_000;

describe("the cores of the grid under faults", () => {
  it(
    `keep every promise, ${SEEDS} seeds`,
    async () => {
      const { failed, faults } = await runSeeds({ suite: "odgm", start: 1, seeds: SEEDS });
      const told = failed.map(({ seed, violations }) => ({
        replay: `npm run sim -- odgm --seed ${seed} --trace`,
        violations,
      }));
      expect(told).toEqual([]);
      for (const fault of ["crash", "damage", "cut", "stall", "change", "replaced"]) {
        expect([fault, (faults[fault] ?? 0) > 100]).toEqual([fault, true]);
      }
    },
    TIMEOUT_MS,
  );

  it.each([1, 2, 3, 4])("replay exactly from seed %d", async (seed) => {
    const first = await simulate({ seed, traceAll: true });
    expect(await simulate({ seed, traceAll: true })).toEqual(first);
    expect((await simulate({ seed: seed + 3 })).digest).not.toBe(first.digest);
  });

  it.each(["read-without-asking", "acknowledge-on-append", "run-repeated-again"])(
    "show the bug %s",
    async (bug) => {
      const violations: string[] = [];
      for (let seed = 1; seed < 200 && violations.length === 0; seed += 3) {
        violations.push(...(await simulate({ seed, bug })).violations);
      }
      expect(violations[0]).toMatch(/^linearizability: no order/);
    },
  );
});
