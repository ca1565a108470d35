// `node hack/bootstrap.mjs test/simulation/operators/fuzz.ts [--seed N] [--seeds COUNT] [--steps M]
// [--bug NAME]`: runs
// seeds and prints those that fail with all that was done; `--seed N` alone replays one exactly.
import { parseArgs } from "node:util";

import { BUGS } from "./bugs.ts";
import { simulate } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "1" },
    steps: { type: "string", default: "25" },
    bug: { type: "string" },
    trace: { type: "boolean", default: false },
  },
});

const bug = BUGS.find((one) => one.name === values.bug);
if (values.bug !== undefined && bug === undefined) {
  throw new Error(`no such bug; there are: ${BUGS.map((one) => one.name).join("; ")}`);
}
const sabotage =
  bug === undefined
    ? {}
    : {
        sabotage: bug.sabotage,
        stopAt: bug.caughtBy,
        ...(bug.script === undefined ? {} : { script: bug.script }),
      };
const first = Number(values.seed);
const count = Number(values.seeds);
const steps = Number(values.steps);
const startedAtMs = performance.now();
const faults: Record<string, number> = {};
let failed = 0;
let writes = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const report = await simulate({ seed, steps, ...sabotage });
  writes += report.writes;
  for (const [name, times] of Object.entries(report.faults)) {
    faults[name] = (faults[name] ?? 0) + times;
  }
  if (report.violations.length > 0) {
    failed += 1;
    console.log(`seed ${seed} FAILS (--seed ${seed} --steps ${steps}), digest ${report.digest}`);
    for (const violation of report.violations) console.log(`  ${violation}`);
  }
  if (values.trace) {
    console.log(`seed ${seed}, digest ${report.digest}`);
    for (const line of report.trace) console.log(`  ${line}`);
  }
}
const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
const injected = Object.values(faults).reduce((sum, times) => sum + times, 0);
console.log(`${count} seeds, ${failed} failed, ${writes} writes, ${injected} faults, ${seconds} s`);
console.log(JSON.stringify(faults));
process.exitCode = failed === 0 ? 0 : 1;
