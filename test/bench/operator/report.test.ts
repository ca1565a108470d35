// What is judged, and by which of the numbers.
import { describe, expect, it } from "@jest/globals";

import { plot } from "./plot.ts";
import type { ReportLine } from "./report.ts";
import { report } from "./report.ts";
import type { RunResult } from "./run.ts";

const none = { byVerb: {}, writes: 0, reads: 0, watches: 0, events: 0, leases: 0, conflicts: 0 };

function run(subject: RunResult["subject"], changes: Partial<RunResult>): RunResult {
  return {
    subject,
    count: 1000,
    readySeconds: 1,
    readyP50Seconds: 1,
    readyP99Seconds: 1,
    requests: { ...none, writes: 4000, events: 1000 },
    cpuSeconds: 1,
    apiserverCpuSeconds: 1,
    etcdCpuSeconds: 1,
    peakMb: 1,
    settledMb: 1,
    restSeconds: 60,
    restRequests: { ...none, leases: 30 },
    restCpuSeconds: 0,
    restartSeconds: 1,
    restartCpuSeconds: 1,
    restartRequests: { ...none, watches: 3 },
    restartPeakMb: 1,
    restartSettledMb: 1,
    idleEditSeconds: 0.01,
    backlogEditSeconds: 0.01,
    passesBeforeEdit: 10,
    deleteSeconds: 1,
    ...changes,
  };
}

function lineOf(results: readonly RunResult[], bench: string): ReportLine {
  const found = report(results, []).find((line) => line.bench === `operator.${bench}`);
  if (found === undefined) throw new Error(bench);
  return found;
}

describe("report", () => {
  // A machine that grows slower from pair to pair: only neighbours may be compared.
  const drifting = [
    run("ours", { readySeconds: 9 }),
    run("controller-runtime", { readySeconds: 10 }),
    run("ours", { readySeconds: 22 }),
    run("controller-runtime", { readySeconds: 20 }),
    run("ours", { readySeconds: 36 }),
    run("controller-runtime", { readySeconds: 40 }),
  ];

  it("judges the median of the ratios of neighbours", () => {
    expect(lineOf(drifting, "ready")).toMatchObject({
      value: 22,
      reference: 20,
      ratio: 0.9,
      ratioSpread: [0.9, 1.1],
      target: "<= 1.0x",
      ok: true,
      runs: 3,
    });
  });

  it("judges a target at its own count only", () => {
    const requests = { ...none, writes: 400 };
    const few = drifting.map((result) => ({ ...result, count: 100, requests }));
    expect(lineOf(few, "ready")).not.toHaveProperty("ok");
    expect(lineOf(few, "requests-per-object").ok).toBe(true);
  });

  it("fails a write at rest, a write after a restart, and a fifth request", () => {
    const bad = run("ours", {
      requests: { ...none, writes: 4001 },
      restRequests: { ...none, writes: 1 },
      restartRequests: { ...none, events: 1 },
    });
    const results = [bad, run("controller-runtime", {})];
    expect(lineOf(results, "requests-per-object").ok).toBe(false);
    expect(lineOf(results, "rest-requests").ok).toBe(false);
    expect(lineOf(results, "restart-writes").ok).toBe(false);
  });

  it("fails an edit that waits for ten thousand others", () => {
    const at = (passesBeforeEdit: number): readonly RunResult[] => [
      run("ours", { count: 10_000, passesBeforeEdit }),
      run("controller-runtime", { count: 10_000 }),
    ];
    expect(lineOf(at(10_000), "passes-before-edit").ok).toBe(false);
    expect(lineOf(at(200), "passes-before-edit").ok).toBe(true);
  });

  it("judges nothing where one subject ran alone", () => {
    expect(lineOf([run("ours", {})], "ready")).not.toHaveProperty("ok");
  });
});

describe("plot", () => {
  it("draws a pair of bars whose lengths are in proportion, and leaves out what has no pair", () => {
    const results = [
      run("ours", { readySeconds: 5, cpuSeconds: 2 }),
      run("controller-runtime", { readySeconds: 10, cpuSeconds: 2 }),
    ];
    const svg = plot(report(results, []).filter((line) => line.bench === "operator.ready"));
    const widths = [...svg.matchAll(/<rect x="64" y="\d+" width="([\d.]+)"/g)].map((match) =>
      Number(match[1]),
    );
    expect(widths).toHaveLength(2);
    expect((widths[1] ?? 0) / (widths[0] ?? 1)).toBeCloseTo(2);
    expect(svg).toContain("(0.50x)");
    expect(svg).not.toContain("CPU");
  });
});
