// Runs many seeds on all cores, in plain worker threads: Jest's module registry and transforms would
// cost more than the seeds.
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import type { SeedOptions, SeedReport } from "./suite.ts";

/** A run makes much that is garbage at once; a larger nursery is emptied less often. */
const LIMITS = { maxYoungGenerationSizeMb: 96 } as const;

/** What to run. */
export interface RunOptions extends Omit<SeedOptions, "seed"> {
  /** A key of SUITES. */
  readonly suite: string;
  readonly start: number;
  readonly seeds: number;
  /** All cores if not given. */
  readonly workers?: number;
  /** Called for each report, in the order in which they come. */
  readonly onReport?: (report: SeedReport) => void;
}

/** What came of it. */
export interface RunResult {
  readonly seeds: number;
  /** By seed. */
  readonly failed: readonly SeedReport[];
  readonly faults: Readonly<Record<string, number>>;
  readonly writes: number;
  /** Over seeds and digests: equal for equal runs. */
  readonly elapsedMs: number;
}

/** Runs seeds `start` to `start + seeds - 1`. Rejects if a seed throws. */
export async function runSeeds(options: RunOptions): Promise<RunResult> {
  const { suite, start, seeds, onReport, workers = availableParallelism(), ...rest } = options;
  const startedAtMs = performance.now();
  const failed: SeedReport[] = [];
  const faults: Record<string, number> = {};
  let writes = 0;
  let next = start;
  const take = (): SeedOptions | undefined =>
    next < start + seeds ? { ...omitUndefined(rest), seed: next++ } : undefined;
  const see = (report: SeedReport): void => {
    writes += report.writes;
    for (const [name, times] of Object.entries(report.faults)) {
      faults[name] = (faults[name] ?? 0) + times;
    }
    if (report.violations.length > 0) failed.push(report);
    onReport?.(report);
  };
  const count = Math.min(workers, seeds);
  await Promise.all(Array.from({ length: count }, () => work(suite, take, see)));
  failed.sort((a, b) => a.seed - b.seed);
  return { seeds, failed, faults, writes, elapsedMs: performance.now() - startedAtMs };
}

function omitUndefined<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value).filter(([, part]) => part !== undefined),
  ) as unknown as T;
}

async function work(
  suite: string,
  take: () => SeedOptions | undefined,
  see: (report: SeedReport) => void,
): Promise<void> {
  const path = fileURLToPath(new URL("worker.ts", import.meta.url));
  const worker = new Worker(path, { workerData: { suite }, resourceLimits: LIMITS });
  try {
    await new Promise<void>((resolve, reject) => {
      const give = (): void => {
        const seed = take();
        if (seed === undefined) resolve();
        else worker.postMessage(seed);
      };
      worker.on("message", (report: SeedReport) => {
        see(report);
        give();
      });
      worker.on("error", reject);
      worker.on("exit", (code) => {
        if (code !== 0) reject(new Error(`a worker of the simulation ended with ${code}`));
      });
      give();
    });
  } finally {
    await worker.terminate();
  }
}
