// The steps of `npm test` and `npm run check`, cheapest first, and how they are run and told.
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { errorMessage } from "#api/base/index.ts";
import { removeClustersOf } from "#hack/cluster/index.ts";

import { FAILURE_LOGS, keepE2eLogs, removeE2eCluster } from "./e2e-cluster.ts";
import { jestArguments, JEST_PROJECTS, leftOut, parallelParts, type JestProject } from "./jest.ts";
import { runNode } from "./run-node.ts";
import { exitCodeOf, inSequence, Signals } from "./signals.ts";
import {
  budgetTable,
  closingLine,
  joinTallies,
  tallyCheck,
  tallyJest,
  type StepResult,
} from "./tally.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const REPORTS = join(ROOT, ".build", "reports");
/** Steps that run on a cluster: its programs are built before the first of them. */
const CLUSTER_STEPS = ["conformance", "integration", "e2e"];

/** Static checks: name and the command line of Node. */
const CHECKS: Readonly<Record<string, readonly string[]>> = {
  format: [
    ...["node_modules/prettier/bin/prettier.cjs", "--check", "--log-level", "warn", "."],
    ...["--cache", "--cache-strategy", "content", "--cache-location", ".build/cache/prettier"],
  ],
  lint: ["node_modules/eslint/bin/eslint.js", "--max-warnings", "0", "."],
  types: ["node_modules/typescript/bin/tsc", "-b"],
  tidy: ["hack/tidy/main.ts"],
  gen: ["hack/gen/main.ts", "--check"],
};

/** Proofs that the tests bite, after them: name and the command line of Node. */
const PROOFS: Readonly<Record<string, readonly string[]>> = {
  mutants: ["hack/mutants/main.ts", "operators"],
  "mutants-odgm": ["hack/mutants/main.ts", "odgm"],
};

/** The steps that need no cluster, no network and no disk of their own. */
export const CHECK_STEPS: readonly string[] = [...Object.keys(CHECKS), "unit"];
/** Every step, in order. */
export const ALL_STEPS: readonly string[] = [
  ...CHECK_STEPS,
  ...Object.keys(PROOFS),
  ...JEST_PROJECTS.filter((project) => project !== "unit"),
];

/** Shares of the warm budget, in seconds; together 37 minutes. */
const STEP_BUDGETS_SECONDS: Readonly<Record<string, number>> = {
  format: 20,
  lint: 60,
  types: 45,
  tidy: 15,
  gen: 30,
  unit: 150,
  mutants: 100,
  "mutants-odgm": 90,
  conformance: 480,
  simulation: 180,
  integration: 250,
  e2e: 780,
};
const WARM_BUDGET_MINUTES = 37;
/** With empty caches: the programs of the cluster are built first. */
const COLD_BUDGET_MINUTES = 45;
/** Marks the clusters that tests bring up as this run's. */
const RUN = `test-${process.pid}`;

/**
 * The door with these steps and the command line's `--only a,b`: runs them one after the other, all
 * of them, and tells the result. Returns the exit code, 2 for a command line that means nothing. A
 * signal ends all of it: programs are stopped, clusters removed, and no result is told.
 */
export async function runDoor(
  available: readonly string[],
  args: readonly string[],
): Promise<number> {
  const steps = selectSteps(available, args);
  if (steps !== undefined) {
    const signals = new Signals();
    try {
      return await runSteps(steps, signals);
    } finally {
      signals.close();
    }
  }
  console.error(`usage: [--only STEP,STEP], with steps out of ${available.join(",")}`);
  return args.includes("--help") ? 0 : 2;
}

/** The steps to run, in their order; undefined if the arguments are anything but `--only a,b`. */
export function selectSteps(
  available: readonly string[],
  args: readonly string[],
): readonly string[] | undefined {
  const words = args.flatMap((arg) => (arg.startsWith("--only=") ? arg.split("=") : [arg]));
  if (words.length === 0) return available;
  const [flag, value, ...rest] = words;
  const names = (value ?? "").split(",").filter((name) => name !== "");
  const isKnown = names.length > 0 && names.every((name) => available.includes(name));
  if (flag !== "--only" || rest.length > 0 || !isKnown) return undefined;
  return available.filter((name) => names.includes(name));
}

async function runSteps(steps: readonly string[], signals: Signals): Promise<number> {
  const isCold = !(await hasClusterPrograms());
  await mkdir(REPORTS, { recursive: true });
  await rm(join(ROOT, FAILURE_LOGS), { recursive: true, force: true });
  const results: StepResult[] = [];
  let isPrepared = false;
  const { ended } = signals;
  const signal = await inSequence(signals, [...steps.entries()], async ([index, step]) => {
    if (!isPrepared && CLUSTER_STEPS.includes(step)) {
      results.push(await prepare(ended));
      isPrepared = true;
    }
    if (ended.aborted) return;
    console.log(`\n== ${step} (${index + 1} of ${steps.length}) ==`);
    const result = await runStep(step, ended);
    if (ended.aborted) return;
    results.push(result);
    console.log(
      `== ${step}: ${closingLine([result])}, ${(result.elapsedMs / 1000).toFixed(1)} s ==`,
    );
  });
  if (signal !== undefined) {
    const failures = await failuresOf([() => removeClustersOf(RUN)]);
    for (const failure of failures) console.log(failure);
    console.log(`\nended by ${signal}: this run has no result`);
    return exitCodeOf(signal);
  }
  await tell(results, isCold);
  return results.some((result) => result.failed > 0) ? 1 : 0;
}

/** Building what is missing is no test: it counts only when it fails. */
async function prepare(ended: AbortSignal): Promise<StepResult> {
  const startedMs = performance.now();
  const exitCode = await runNode(["hack/doors/cluster-step.ts", "programs"], { ended });
  const told = tallyCheck("programs", exitCode, performance.now() - startedMs);
  return { ...told, passed: 0 };
}

async function runStep(step: string, ended: AbortSignal): Promise<StepResult> {
  const startedMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedMs;
  const check = CHECKS[step] ?? PROOFS[step];
  if (check !== undefined) {
    const exitCode = await runNode(check, { ended });
    return tallyCheck(step, exitCode, elapsedMs());
  }
  const project = step as JestProject;
  const early = project === "e2e" ? await failuresOf([() => bringUp(ended)]) : [];
  const tally = early.length === 0 ? await runProject(project, elapsedMs, ended) : undefined;
  const isGood = tally?.failed === 0 || ended.aborted;
  const end = [...(isGood ? [] : [keepE2eLogs]), removeE2eCluster];
  const late = project === "e2e" ? await failuresOf(end) : [];
  const failures = [...early, ...(tally?.failures ?? []), ...late];
  const { passed = 0, failed = 0, skipped = 0 } = tally ?? {};
  const all = failed + early.length + late.length;
  return { step, passed, failed: all, skipped, failures, elapsedMs: elapsedMs() };
}

async function bringUp(ended: AbortSignal): Promise<void> {
  const code = await runNode(["hack/doors/cluster-step.ts", "up"], { ended });
  if (code !== 0) throw new Error("it did not come up, see above");
}

async function runProject(
  project: JestProject,
  elapsedMs: () => number,
  ended: AbortSignal,
): Promise<StepResult> {
  const parts = await Promise.all(
    parallelParts(project).map(async (only, index) => {
      const name = index === 0 ? project : `${project}-${index}`;
      const reportPath = join(REPORTS, `${name}.json`);
      await rm(reportPath, { force: true });
      const output = ["--json", `--outputFile=${reportPath}`, "--passWithNoTests"];
      const args = jestArguments([project], [...output, ...only, ...leftOut(project)]);
      const env = { OAAS_CLUSTER_OWNER: RUN };
      const exitCode = await runNode(args, { env, isQuiet: index > 0, ended });
      const report = await readReport(reportPath);
      return tallyJest({ step: project, exitCode, report, root: ROOT, elapsedMs: elapsedMs() });
    }),
  );
  return joinTallies(project, parts);
}

/** Does these things to the cluster, one after the other whatever happens; what went wrong. */
async function failuresOf(acts: readonly (() => Promise<unknown>)[]): Promise<readonly string[]> {
  const failures: string[] = [];
  for (const act of acts) {
    try {
      await act();
    } catch (cause) {
      failures.push(`cluster of e2e: ${errorMessage(cause)}`);
    }
  }
  return failures;
}

async function tell(results: readonly StepResult[], isCold: boolean): Promise<void> {
  const budget = {
    results,
    stepBudgetsSeconds: isCold ? {} : STEP_BUDGETS_SECONDS,
    totalBudgetMinutes: isCold ? COLD_BUDGET_MINUTES : WARM_BUDGET_MINUTES,
    label: isCold ? "cold caches" : "warm caches",
  };
  console.log(`\n${budgetTable(budget).join("\n")}`);
  const skipped = results.filter((result) => result.skipped > 0);
  for (const result of skipped) console.log(`${result.step}: ${result.skipped} skipped`);
  const failures = results.flatMap((result) => result.failures);
  if (failures.length > 0) {
    console.log(`\nfailed:\n${failures.map((failure) => `  ${failure}`).join("\n")}`);
    for (const folder of await namesIn(join(ROOT, FAILURE_LOGS))) {
      console.log(`logs: ${join(FAILURE_LOGS, folder)}`);
    }
  }
  console.log(`\n${closingLine(results)}`);
}

/** False if the programs of a cluster are not in the caches: this run builds them first. */
async function hasClusterPrograms(): Promise<boolean> {
  const caches = process.env["OAAS_CACHE_DIR"];
  if (caches === undefined) return true;
  return (await namesIn(join(caches, "bin"))).some((name) => name.startsWith("kube-"));
}

async function readReport(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw cause;
  }
}
