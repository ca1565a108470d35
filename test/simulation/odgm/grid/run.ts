// Which grid a seed gets: mostly small ones, some large, some with faults that nobody can mend.
import { seededRng } from "#api/base/testing/seeded-rng.ts";

import type { Recorder } from "../recorder.ts";
import type { GridTuning } from "./grid.ts";
import { Grid } from "./grid.ts";

/** One in so many is large, and one in so many goes beyond repair. */
const LARGE_EVERY = 60;
const BEYOND_EVERY = 12;
/** Keeps the draws that choose a grid apart from those in it. */
const APART = 3_000_000_000;

/** What this seed gets. */
export function tuningOf(seed: number, steps?: number): GridTuning {
  const rng = seededRng(seed + APART);
  const pick = (count: number): number => Math.floor(rng.next() * count);
  const isLarge = pick(LARGE_EVERY) === 0;
  const beyondRepair = pick(BEYOND_EVERY) === 0;
  const groups = isLarge ? 3 : pick(3) === 0 ? 2 : 1;
  const replicas = isLarge && pick(2) === 0 ? 5 : 3;
  const faultMs = steps ?? (isLarge ? 12_000 : 1_500 + pick(3_500));
  return {
    machines: replicas + pick(2),
    groups,
    replicas,
    faultMs,
    faults: { everyMs: 80 + pick(600), share: [0.15, 0.4, 1][pick(3)] ?? 1, beyondRepair },
    clients: {
      clients: 3 + pick(isLarge ? 6 : 3),
      objects: 2 + pick(isLarge ? 20 : 5),
      padding: pick(4) === 0 ? 400 : 0,
      thinkMs: 60 + pick(200),
    },
    group: {
      logEntriesMax: 12 + pick(80),
      digestEntries: 10 + pick(40),
      leaseReads: pick(2) === 0,
      quiesceTicks: [0, 12, 40][pick(3)] ?? 0,
    },
    waitsForPlan: pick(3) === 0,
    oldShare: [0, 0.5, 1][pick(3)] ?? 0,
    drift: pick(2) === 0 ? 0 : 0.02,
  };
}

/** Runs one; what was violated. */
export async function runGrid(
  options: { readonly seed: number; readonly steps?: number },
  recorder: Recorder,
): Promise<readonly string[]> {
  const tuning = tuningOf(options.seed, options.steps);
  recorder.line(JSON.stringify(tuning));
  const grid = new Grid(options.seed, tuning, recorder);
  await grid.run();
  return grid.violations;
}
