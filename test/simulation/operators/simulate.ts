// Which world a seed gets: mostly small ones, with one package and few steps under many faults, which
// find most per second, and some big ones. The same seed is always the same run.
import type { Sabotage, SimulationReport } from "#controllers/runtime/testing/index.ts";
import { simulate as run } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "./oaas.ts";
import { rawstorSimulation } from "./rawstor/rawstor.ts";

/** What may be asked of a run besides its seed. */
export interface RunOptions {
  readonly seed: number;
  /** Steps of the safety phase; by the seed if not given. */
  readonly steps?: number;
  readonly sabotage?: Sabotage;
  /** Ends the run once this invariant is violated. */
  readonly stopAt?: string;
  /** Keeps every request in the trace. */
  readonly traceAll?: boolean;
}

const SMALL_STEPS = 5;
/** Of twenty seeds so many are of the rawstor operator. */
const RAWSTOR_SHARE = 9;
const RAWSTOR_STEPS = 8;
const BIG_STEPS = 20;
/** One seed of so many is a big one. */
const BIG_EVERY = 20;

/** Runs one seed. */
export function simulate(options: RunOptions): Promise<SimulationReport> {
  const { seed } = options;
  if (seed % BIG_EVERY === 0) return run(oaasSimulation({ steps: BIG_STEPS, ...options }));
  if (seed % BIG_EVERY <= RAWSTOR_SHARE) {
    return run(rawstorSimulation({ steps: RAWSTOR_STEPS, ...options }));
  }
  const packages = [seed % 2 === 0 ? ("p0" as const) : ("p1" as const)];
  return run(oaasSimulation({ packages, steps: SMALL_STEPS, ...options }));
}
