// `npm run sim -- operators [--seeds 2000] [--start 1] [--steps M] [--bug NAME]`: many seeds on all
// cores. `--seed S [--trace]`: exactly one. Prints what fails, with the command that replays it;
// exit code 1 if anything does.
import { Command, InvalidArgumentError } from "commander";

import { runSeeds } from "./runner.ts";
import type { SeedReport } from "./suite.ts";
import { loadSuite, SUITES } from "./suite.ts";

interface Flags {
  readonly seeds: number;
  readonly start: number;
  readonly seed?: number;
  readonly steps?: number;
  readonly workers?: number;
  readonly bug?: string;
  readonly trace: boolean;
}

const PROGRESS_MS = 30_000;

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError("a whole number");
  return value;
}

const command = new Command("sim")
  .argument("<simulation>", Object.keys(SUITES).join(", "))
  .option("--seeds <count>", "how many seeds", count, 2000)
  .option("--start <seed>", "the first of them", count, 1)
  .option("--seed <seed>", "only this one", count)
  .option("--steps <count>", "length of the phase with faults; by the seed if not given", count)
  .option("--workers <count>", "threads; one per core if not given", count)
  .option("--bug <name>", "with a deliberate bug")
  .option("--trace", "print every request of --seed", false)
  .parse();
const [name = ""] = command.args;
const flags = command.opts<Flags>();

/** What follows the seed in the command that runs it again. */
function rest(): string {
  const steps = flags.steps === undefined ? "" : ` --steps ${flags.steps}`;
  return `${steps}${flags.bug === undefined ? "" : ` --bug "${flags.bug}"`}`;
}

function tell(report: SeedReport): void {
  console.log(`seed ${report.seed} FAILS`);
  for (const violation of report.violations) console.log(`  ${violation}`);
  console.log(`  replay: npm run sim -- ${name} --seed ${report.seed}${rest()} --trace`);
}

async function one(seed: number): Promise<number> {
  const { steps, bug, trace } = flags;
  const suite = await loadSuite(name);
  const report = await suite.runSeed({
    seed,
    traceAll: trace,
    ...(steps === undefined ? {} : { steps }),
    ...(bug === undefined ? {} : { bug }),
  });
  for (const line of report.trace) console.log(line);
  console.log(`seed ${seed}: digest ${report.digest}, ${report.writes} writes`);
  if (report.violations.length === 0) return 0;
  tell(report);
  return 1;
}

async function many(): Promise<number> {
  const { start, seeds, steps, bug, workers } = flags;
  let done = 0;
  let toldAtMs = performance.now();
  const result = await runSeeds({
    suite: name,
    start,
    seeds,
    ...(steps === undefined ? {} : { steps }),
    ...(bug === undefined ? {} : { bug }),
    ...(workers === undefined ? {} : { workers }),
    onReport(report) {
      done += 1;
      if (report.violations.length > 0) tell(report);
      if (performance.now() - toldAtMs < PROGRESS_MS) return;
      toldAtMs = performance.now();
      console.log(`${done} of ${seeds} seeds`);
    },
  });
  const injected = Object.values(result.faults).reduce((sum, times) => sum + times, 0);
  const seconds = (result.elapsedMs / 1_000).toFixed(1);
  const failed = result.failed.length;
  console.log(
    `${name}: ${seeds} seeds from ${start}, ${failed} failed, ${result.writes} writes, ` +
      `${injected} faults, ${seconds} s`,
  );
  for (const [fault, times] of Object.entries(result.faults).sort()) {
    console.log(`  ${fault.padEnd(18)} ${times}`);
  }
  return failed === 0 ? 0 : 1;
}

process.exitCode = flags.seed === undefined ? await many() : await one(flags.seed);
