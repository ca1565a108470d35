// The operators' simulation, as the doors run it.
import type { SeedOptions, Suite } from "../run/suite.ts";
import { BUGS } from "./bugs.ts";
import { oaasSimulation } from "./oaas.ts";
import { simulate } from "./simulate.ts";
import { simulate as run } from "#controllers/runtime/testing/index.ts";

/** See {@link Suite}. */
export const suite: Suite = {
  async runSeed({ bug: name, ...options }: SeedOptions) {
    if (name === undefined) return simulate(options);
    const bug = BUGS.find((one) => one.name === name);
    if (bug === undefined) {
      throw new Error(`no such bug; there are: ${BUGS.map((one) => one.name).join("; ")}`);
    }
    const { script, sabotage, caughtBy: stopAt } = bug;
    if (script === undefined) return simulate({ ...options, sabotage, stopAt });
    return run(oaasSimulation({ ...options, sabotage, stopAt, script }));
  },
};
