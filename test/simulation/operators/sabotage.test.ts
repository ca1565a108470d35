// The proofs bite: each deliberate bug is passed into a simulation, and the invariant that is there
// for it says so. Without a bug the same seeds are clean (fuzz.test.ts).
import { describe, expect, it } from "@jest/globals";

import { BUGS } from "./bugs.ts";
import { simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "./oaas.ts";

const SEEDS = [11, 12, 13, 14, 15, 16, 17, 18];
const STEPS = 10;
const TIMEOUT_MS = 120_000;

describe("a deliberate bug", () => {
  it.each(BUGS)(
    "that $name is caught by $caughtBy",
    async ({ caughtBy, saying = "", sabotage, script }) => {
      const scripted = script === undefined ? {} : { script };
      const run = {
        steps: STEPS,
        sabotage,
        ...(saying === "" ? { stopAt: caughtBy } : {}),
        ...scripted,
      };
      const caught: string[] = [];
      for (const seed of SEEDS) {
        const { violations } = await simulate(oaasSimulation({ ...run, seed }));
        caught.push(
          ...violations.filter((text) => text.startsWith(`${caughtBy}: `) && text.includes(saying)),
        );
        if (caught.length > 0) break;
      }
      expect(caught).not.toEqual([]);
    },
    TIMEOUT_MS,
  );
});
