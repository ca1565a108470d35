// From runs to the lines that are printed: the median of ours, the median of the reference, the
// median of the ratios of neighbouring runs with their spread, and whether a target is met.

import { ETCD_VERSION, KUBERNETES_VERSION } from "#hack/cluster/versions.ts";

import type { RunResult } from "./run.ts";
import type { Subject } from "./subject.ts";

/** One line of output. */
export interface ReportLine {
  readonly bench: string;
  readonly n: number;
  /** Median of ours. */
  readonly value: number;
  readonly unit: string;
  /** Median of the reference. */
  readonly reference?: number;
  /** Median of ours/reference over the pairs, with the smallest and the largest. */
  readonly ratio?: number;
  readonly ratioSpread?: readonly [number, number];
  readonly target?: string;
  readonly ok?: boolean;
  readonly runs: number;
  readonly versions: Readonly<Record<string, string>>;
}

interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly read: (result: RunResult) => number;
  readonly target?: Target;
}

interface Target {
  readonly text: string;
  /** Judged at this count only, if given. */
  readonly n?: number;
  readonly ok: (value: number, ratio: number) => boolean;
}

const ratioAtMost = (limit: number, n?: number): Target => ({
  text: `<= ${limit.toFixed(1)}x`,
  ...(n === undefined ? {} : { n }),
  ok: (_, ratio) => ratio <= limit,
});

const none: Target = { text: "0", ok: (value) => value === 0 };

const FIGURES: readonly Figure[] = [
  { name: "ready", unit: "s", read: (run) => run.readySeconds, target: ratioAtMost(1, 1000) },
  { name: "ready-p50", unit: "s", read: (run) => run.readyP50Seconds },
  { name: "ready-p99", unit: "s", read: (run) => run.readyP99Seconds },
  {
    name: "cpu-per-object",
    unit: "ms",
    read: (run) => (run.cpuSeconds / run.count) * 1000,
    target: ratioAtMost(1.5, 1000),
  },
  {
    name: "apiserver-cpu-per-object",
    unit: "ms",
    read: (run) => (run.apiserverCpuSeconds / run.count) * 1000,
  },
  {
    name: "requests-per-object",
    unit: "1",
    read: (run) => (run.requests.writes + run.requests.reads) / run.count,
    target: { text: "<= 4", ok: (value) => value <= 4 },
  },
  { name: "reads-per-object", unit: "1", read: (run) => run.requests.reads / run.count },
  { name: "conflicts-per-object", unit: "1", read: (run) => run.requests.conflicts / run.count },
  { name: "events-per-object", unit: "1", read: (run) => run.requests.events / run.count },
  { name: "peak-memory", unit: "MB", read: (run) => run.peakMb },
  {
    name: "settled-memory",
    unit: "MB",
    read: (run) => run.settledMb,
    target: { text: "< 150", n: 1000, ok: (value) => value < 150 },
  },
  {
    name: "rest-requests",
    unit: "1",
    read: (run) => run.restRequests.writes + run.restRequests.reads + run.restRequests.events,
    target: none,
  },
  {
    name: "rest-leases-per-minute",
    unit: "1",
    read: (run) => (run.restRequests.leases / run.restSeconds) * 60,
  },
  {
    name: "rest-cpu-per-minute",
    unit: "ms",
    read: (run) => (run.restCpuSeconds / run.restSeconds) * 60_000,
  },
  {
    name: "restart-to-synced",
    unit: "s",
    read: (run) => run.restartSeconds,
    target: ratioAtMost(1.5, 10_000),
  },
  { name: "restart-cpu", unit: "s", read: (run) => run.restartCpuSeconds },
  {
    name: "restart-writes",
    unit: "1",
    read: (run) => run.restartRequests.writes + run.restartRequests.events,
    target: none,
  },
  { name: "restart-peak-memory", unit: "MB", read: (run) => run.restartPeakMb },
  { name: "restart-settled-memory", unit: "MB", read: (run) => run.restartSettledMb },
  { name: "edit-at-rest", unit: "ms", read: (run) => run.idleEditSeconds * 1000 },
  { name: "edit-in-backlog", unit: "ms", read: (run) => run.backlogEditSeconds * 1000 },
  {
    name: "passes-before-edit",
    unit: "1",
    read: (run) => run.passesBeforeEdit,
    // What an edit goes before: a tenth of the backlog passes while it is sent, applied and seen.
    target: { text: "< 1000", n: 10_000, ok: (value) => value < 1_000 },
  },
  { name: "delete", unit: "s", read: (run) => run.deleteSeconds },
];

/** All lines, by count and figure. */
export function report(
  results: readonly RunResult[],
  subjects: readonly Subject[],
): readonly ReportLine[] {
  const versions = {
    ...Object.fromEntries(subjects.map((one) => [one.name, one.version])),
    kubernetes: KUBERNETES_VERSION,
    etcd: ETCD_VERSION,
  };
  const counts = [...new Set(results.map((result) => result.count))];
  return counts.flatMap((n) => {
    const all = results.filter((result) => result.count === n);
    return FIGURES.map((figure) => lineOf(figure, n, all, versions));
  });
}

function lineOf(
  figure: Figure,
  n: number,
  results: readonly RunResult[],
  versions: Readonly<Record<string, string>>,
): ReportLine {
  const of = (name: string): readonly number[] =>
    results.filter((result) => result.subject === name).map(figure.read);
  const [ours, theirs] = [of("ours"), of("controller-runtime")];
  const ratios = ours
    .map((value, at) => value / (theirs[at] ?? Number.NaN))
    .filter((ratio) => Number.isFinite(ratio))
    .sort((a, b) => a - b);
  const { target } = figure;
  const judged = target !== undefined && (target.n === undefined || target.n === n);
  const value = median(ours);
  const ratio = median(ratios);
  const known = theirs.length > 0 && ours.length > 0;
  return {
    bench: `operator.${figure.name}`,
    n,
    value: round(value),
    unit: figure.unit,
    ...(theirs.length === 0 ? {} : { reference: round(median(theirs)) }),
    ...(ratios.length === 0
      ? {}
      : {
          ratio: round(ratio),
          ratioSpread: [round(ratios[0] ?? 0), round(ratios.at(-1) ?? 0)] as const,
        }),
    ...(judged ? { target: target.text } : {}),
    ...(judged && known ? { ok: target.ok(value, ratio) } : {}),
    runs: Math.max(ours.length, theirs.length),
    versions,
  };
}

/** The middle of a list, NaN if it is empty. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? Number.NaN)) / 2;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
