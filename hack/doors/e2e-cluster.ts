// The cluster of the end-to-end tests, seen from the doors: what has to be built before the tests'
// clocks run, what to keep when one failed, and its end. The tests bring it up themselves.
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { ensureBinaries } from "#hack/cluster/build/binaries.ts";
import { chooseEngine } from "#hack/cluster/index.ts";
import { hostRunner } from "#hack/cluster/run-host.ts";

/** Name of the instance; test/e2e/support/world.ts opens it. */
export const E2E_CLUSTER = "e2e";

/** Where the logs of failed tests are kept, below the repository root. */
export const FAILURE_LOGS = join(".build", "logs", "test");

const ROOT = join(import.meta.dirname, "..", "..");

function say(line: string): void {
  process.stderr.write(`cluster: ${line}\n`);
}

/** Builds the programs of the engine that the tests will use, unless they are in the caches. */
export async function prepareClusterPrograms(): Promise<void> {
  const engine = await chooseEngine({ say });
  if (engine.name === "local") await ensureBinaries(hostRunner, say);
}

/** Writes objects, events and logs of the cluster if it is up; the folder, below the root. */
export async function keepE2eLogs(): Promise<string | undefined> {
  const engine = await chooseEngine({ say });
  const cluster = await engine.find({ name: E2E_CLUSTER });
  if (cluster === undefined) return undefined;
  const folder = join(FAILURE_LOGS, "e2e");
  await rm(join(ROOT, folder), { recursive: true, force: true });
  await mkdir(join(ROOT, folder), { recursive: true });
  await cluster.logs(join(ROOT, folder));
  return folder;
}

/** Removes the cluster and everything that it made; fine if there is none. */
export async function removeE2eCluster(): Promise<void> {
  const engine = await chooseEngine({ say });
  await engine.down({ name: E2E_CLUSTER });
}
