// A few seeds of whole shard groups in this process: those that see the deliberate bugs of
// test/mutants/odgm/driver.ts. Many more are in simulation.test.ts.
import { describe, expect, it } from "@jest/globals";

import { runGrid } from "./grid/run.ts";
import { Recorder } from "./recorder.ts";

/** Each is the first to see at least one of those bugs. */
const SEEDS = [3, 6, 9, 15];
const TIMEOUT_MS = 120_000;

describe("a grid of whole shard groups", () => {
  it(
    "keeps its promises",
    async () => {
      for (const seed of SEEDS) {
        const recorder = new Recorder({ keepsAll: false });
        expect([seed, await runGrid({ seed }, recorder)]).toEqual([seed, []]);
      }
    },
    TIMEOUT_MS,
  );
});
