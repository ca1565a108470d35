import { describe, expect, it } from "@jest/globals";

import {
  budgetTable,
  closingLine,
  joinTallies,
  tallyCheck,
  tallyJest,
  type StepResult,
} from "./tally.ts";

function jest(options: { exitCode: number; report?: unknown }): StepResult {
  const report = options.report === undefined ? undefined : JSON.stringify(options.report);
  return tallyJest({
    step: "unit",
    exitCode: options.exitCode,
    report,
    root: "/repo",
    elapsedMs: 1500,
  });
}

const mixed = {
  testResults: [
    {
      name: "/repo/api/a.test.ts",
      status: "failed",
      assertionResults: [
        { status: "passed", fullName: "a one" },
        { status: "failed", fullName: "a two" },
        { status: "pending", fullName: "a three" },
      ],
    },
    { name: "/repo/api/b.test.ts", status: "failed", assertionResults: [] },
  ],
};

describe("tally", () => {
  it("counts tests, and a file that did not load as one failure", () => {
    expect(jest({ exitCode: 1, report: mixed })).toEqual({
      step: "unit",
      passed: 1,
      failed: 2,
      skipped: 1,
      elapsedMs: 1500,
      failures: ["api/a.test.ts: a two", "api/b.test.ts: did not run"],
    });
  });

  it.each([
    { name: "no report", exitCode: 0, report: undefined },
    { name: "not a report", exitCode: 0, report: {} },
    { name: "a bad end with nothing failed", exitCode: 137, report: { testResults: [] } },
  ])("counts $name as one failure", ({ exitCode, report }) => {
    expect(jest({ exitCode, report }).failed).toBe(1);
  });

  it("counts a static check as one and closes with the sums", () => {
    const results = [
      tallyCheck("lint", 0, 10),
      tallyCheck("types", 2, 10),
      jest({ exitCode: 1, report: mixed }),
    ];
    expect(closingLine(results)).toBe("2 passed, 3 failed");
  });

  it("marks what took longer than its share", () => {
    const table = budgetTable({
      results: [tallyCheck("lint", 0, 61_000), tallyCheck("types", 0, 2_000)],
      stepBudgetsSeconds: { lint: 60, types: 60 },
      totalBudgetMinutes: 15,
      label: "warm",
    });
    expect(table).toEqual([
      "  warm                took    budget",
      "  lint              61.0 s      60 s  over",
      "  types              2.0 s      60 s",
      "  total             63.0 s     900 s",
    ]);
  });
});

describe("joinTallies", () => {
  it("counts all parts, and takes as long as the longest", () => {
    const one = jest({ exitCode: 1, report: mixed });
    const other = { ...tallyCheck("unit", 0, 9000), skipped: 2 };
    expect(joinTallies("unit", [one, other])).toEqual({
      ...{ step: "unit", passed: 2, failed: 2, skipped: 3, elapsedMs: 9000 },
      failures: one.failures,
    });
  });
});
