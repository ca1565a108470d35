// Counting for `npm test`: every test and every static check is one. Pure, so that the count itself
// is tested.

/** What one step of the door came to. */
export interface StepResult {
  readonly step: string;
  readonly passed: number;
  readonly failed: number;
  /** Tests that did not run; named, never counted as passed. */
  readonly skipped: number;
  readonly elapsedMs: number;
  /** One line per failure: file and full name of the test, or what the check was. */
  readonly failures: readonly string[];
}

/** The part of Jest's `--json` output that is read here. */
interface JestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/**
 * The tally of a Jest run from its `--json` output. A file that failed without a failed test (it
 * could not be loaded, or a hook threw) counts as one failure. Output that is missing or not Jest's
 * counts as one failure too: a run that died is never a success.
 */
export function tallyJest(options: {
  readonly step: string;
  readonly exitCode: number;
  readonly report: string | undefined;
  readonly root: string;
  readonly elapsedMs: number;
}): StepResult {
  const { step, elapsedMs } = options;
  const report = parseReport(options.report);
  if (report === undefined) {
    const failures = [`jest ended with code ${options.exitCode} and no report`];
    return { step, passed: 0, failed: 1, skipped: 0, elapsedMs, failures };
  }
  let passed = 0;
  let skipped = 0;
  const failures: string[] = [];
  for (const file of report.testResults) {
    const path = file.name.startsWith(options.root)
      ? file.name.slice(options.root.length + 1)
      : file.name;
    const failed = file.assertionResults.filter((test) => test.status === "failed");
    passed += file.assertionResults.filter((test) => test.status === "passed").length;
    skipped += file.assertionResults.length - failed.length;
    failures.push(...failed.map((test) => `${path}: ${test.fullName}`));
    if (failed.length === 0 && file.status === "failed") failures.push(`${path}: did not run`);
  }
  skipped -= passed;
  if (failures.length === 0 && options.exitCode !== 0) {
    failures.push(`jest ended with code ${options.exitCode}`);
  }
  return { step, passed, failed: failures.length, skipped, elapsedMs, failures };
}

/** The tally of a step whose parts ran at the same time: it took as long as the longest of them. */
export function joinTallies(step: string, parts: readonly StepResult[]): StepResult {
  const elapsedMs = Math.max(...parts.map((part) => part.elapsedMs));
  const failures = parts.flatMap((part) => part.failures);
  const passed = parts.reduce((sum, part) => sum + part.passed, 0);
  const skipped = parts.reduce((sum, part) => sum + part.skipped, 0);
  return { step, passed, failed: failures.length, skipped, elapsedMs, failures };
}

/** The tally of a check that either holds or not. */
export function tallyCheck(step: string, exitCode: number, elapsedMs: number): StepResult {
  const failures = exitCode === 0 ? [] : [`${step}: ended with code ${exitCode}`];
  const failed = failures.length;
  return { step, passed: 1 - failed, failed, skipped: 0, elapsedMs, failures };
}

/** `12 passed, 0 failed`. */
export function closingLine(results: readonly StepResult[]): string {
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  return `${passed} passed, ${failed} failed`;
}

/** The time of each step beside its share of the budget, as aligned lines. */
export function budgetTable(options: {
  readonly results: readonly StepResult[];
  readonly stepBudgetsSeconds: Readonly<Record<string, number>>;
  readonly totalBudgetMinutes: number;
  readonly label: string;
}): readonly string[] {
  const row = (name: string, elapsedMs: number, budgetSeconds: number | undefined): string => {
    const elapsed = `${(elapsedMs / 1000).toFixed(1)} s`;
    const budget = budgetSeconds === undefined ? "" : `${budgetSeconds} s`;
    const isOver = budgetSeconds !== undefined && elapsedMs > budgetSeconds * 1000;
    const over = isOver ? "  over" : "";
    return `  ${name.padEnd(14)}${elapsed.padStart(10)}${budget.padStart(10)}${over}`;
  };
  const totalMs = options.results.reduce((sum, result) => sum + result.elapsedMs, 0);
  return [
    `  ${options.label.padEnd(14)}${"took".padStart(10)}${"budget".padStart(10)}`,
    ...options.results.map((result) =>
      row(result.step, result.elapsedMs, options.stepBudgetsSeconds[result.step]),
    ),
    row("total", totalMs, options.totalBudgetMinutes * 60),
  ];
}

function parseReport(text: string | undefined): JestReport | undefined {
  if (text === undefined) return undefined;
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { testResults } = parsed as { testResults?: unknown };
  return Array.isArray(testResults) ? (parsed as JestReport) : undefined;
}
