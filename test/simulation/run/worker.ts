// A worker of the runner: seeds in, reports out, one at a time. A report of a seed that is well goes
// without its trace.
import { parentPort, workerData } from "node:worker_threads";

import type { SeedOptions } from "./suite.ts";
import { loadSuite } from "./suite.ts";

const suite = await loadSuite((workerData as { readonly suite: string }).suite);

parentPort?.on("message", (options: SeedOptions) => {
  void suite.runSeed(options).then(
    (report) => {
      const trace = report.violations.length === 0 ? [] : report.trace;
      parentPort?.postMessage({ ...report, trace });
    },
    // An error that escapes is a bug of the simulation and ends the worker, which the runner tells.
    (cause: unknown) => {
      setImmediate(() => {
        throw new Error(`seed ${options.seed}`, { cause });
      });
    },
  );
});
