// The simulation of the object data grid. Of six seeds two are whole Raft shard groups, one is an Mst
// partition on its shards, two are the Raft core alone and one is the Mst core alone.
import { errorMessage } from "#api/base/index.ts";

import type { SeedOptions, SeedReport, Suite } from "../run/suite.ts";
import type { ClientBug } from "./clients.ts";
import { runMstGrid } from "./grid/mst-grid.ts";
import { runGrid } from "./grid/run.ts";
import { runMst } from "./mst.ts";
import { runRaft } from "./raft.ts";
import { Recorder } from "./recorder.ts";

const BUGS: readonly ClientBug[] = [
  "read-without-asking",
  "acknowledge-on-append",
  "run-repeated-again",
];

/** Runs one seed. Throws for a bug that there is not. */
export async function simulate(options: SeedOptions): Promise<SeedReport> {
  const { seed, steps, bug: name, traceAll = false } = options;
  const bug = BUGS.find((each) => each === name);
  if (name !== undefined && bug === undefined) {
    throw new Error(`no such bug; there are: ${BUGS.join(", ")}`);
  }
  const recorder = new Recorder({ keepsAll: traceAll });
  const violations: string[] = [];
  const given = { seed, ...(steps === undefined ? {} : { steps }) };
  try {
    if (seed % 3 === 0) violations.push(...(await runGrid(given, recorder)));
    else if (seed % 6 === 5) violations.push(...(await runMstGrid(seed, recorder)));
    else if (seed % 6 === 2) runMst(given, recorder);
    else violations.push(...runRaft({ ...given, ...(bug === undefined ? {} : { bug }) }, recorder));
  } catch (error) {
    // The checks along the way throw what they find.
    violations.push(errorMessage(error));
  }
  const { lines: trace, faults, writes } = recorder;
  return { seed, violations, trace, faults, writes, digest: recorder.digest() };
}

/** See {@link Suite}. */
export const suite: Suite = {
  runSeed: simulate,
};
