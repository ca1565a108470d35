// Which world a seed gets: mostly small ones, with one package and few steps under many faults, which
// find most per second, and some big ones. The same seed is always the same run.
import type { Sabotage, SimulationReport } from "#controllers/runtime/testing/index.ts";
import { simulate as run } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "./oaas.ts";
import { rawstorSimulation } from "./rawstor/rawstor.ts";
import { oaasSieve, rawstorSieve } from "./sieve.ts";

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

const SMALL_STEPS = 4;
/** Of twenty seeds so many are of the rawstor operator. */
const RAWSTOR_SHARE = 9;
const RAWSTOR_STEPS = 6;
const BIG_STEPS = 20;
/** One seed of so many is a big one. */
const BIG_EVERY = 50;
const SHARES = 20;

/** One seed of so many has a standby beside the leader; the big ones always do. */
const STANDBY_EVERY = 3;
/** One seed of so many has a package of two members. */
const PAIR_EVERY = 4;

/** One seed of so many renews its lease as often as the runtime does if it is told nothing. */
const EAGER_EVERY = 7;
/** The others renew as seldom as the deadline allows: every renewal is one more request. */
const SELDOM = { retryPeriodMs: 5_000 } as const;

/** One seed of so many is run with and without faults, and must end the same. */
const SIEVED_EVERY = 22;

/** Runs one seed. */
export function simulate(options: RunOptions): Promise<SimulationReport> {
  const { seed } = options;
  if (seed % BIG_EVERY === 0) return run(oaasSimulation({ steps: BIG_STEPS, ...options }));
  const isSieved = seed % SIEVED_EVERY === 0 && options.steps === undefined;
  const processes = seed % STANDBY_EVERY === 0 ? 2 : 1;
  const common = { processes, lease: seed % EAGER_EVERY === 0 ? {} : SELDOM };
  if (seed % SHARES < RAWSTOR_SHARE) {
    if (isSieved) return rawstorSieve({ ...common, ...options });
    return run(rawstorSimulation({ steps: RAWSTOR_STEPS, ...common, ...options }));
  }
  const packages = [seed % PAIR_EVERY === 0 ? ("p1" as const) : ("p0" as const)];
  if (isSieved) return oaasSieve({ packages, ...common, ...options });
  return run(oaasSimulation({ packages, steps: SMALL_STEPS, ...common, ...options }));
}
