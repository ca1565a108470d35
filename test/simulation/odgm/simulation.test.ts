// Seeds on all cores; a failing one is printed with the command that replays it exactly.
import { describe, expect, it } from "@jest/globals";

import { runSeeds } from "../run/runner.ts";
import { simulate } from "./suite.ts";

const SEEDS = 500;
/** Injected at least so often, so that nothing is left out unnoticed. */
const FAULTS_MIN = {
  ...{ crash: 100, damage: 100, cut: 100, stall: 100, change: 100, replaced: 50 },
  ...{ "power-cut": 20, "power-cut-midway": 20, "lost-disk": 5, "bit-rot": 5, "full-disk": 20 },
  ...{ "slow-disk": 20, "sync-fails": 3, "clock-jump": 20, members: 3, upgrade: 5, lose: 100 },
};
const TIMEOUT_MS = 280_000;

describe("the grid and its cores under faults", () => {
  it(
    `keep every promise, ${SEEDS} seeds`,
    async () => {
      const { failed, faults } = await runSeeds({ suite: "odgm", start: 1, seeds: SEEDS });
      const told = failed.map(({ seed, violations }) => ({
        replay: `npm run sim -- odgm --seed ${seed} --trace`,
        violations,
      }));
      expect(told).toEqual([]);
      for (const [fault, times] of Object.entries(FAULTS_MIN)) {
        expect([fault, (faults[fault] ?? 0) >= times]).toEqual([fault, true]);
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
      for (let seed = 1; seed < 1_500 && violations.length === 0; seed += 3) {
        violations.push(...(await simulate({ seed, bug })).violations);
      }
      expect(violations[0]).toMatch(/^linearizability: no order/);
    },
  );
});
