// The cluster of the end-to-end tests, seen from the doors: what has to be built before the tests'
// clocks run, what to keep when one failed, and its end. The tests bring it up themselves.
import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { ensureBinaries } from "#hack/cluster/build/binaries.ts";
import { chooseEngine } from "#hack/cluster/index.ts";
import { hostRunner } from "#hack/cluster/run-host.ts";

import { ensureHostPrograms, TEST_PROGRAMS } from "./host-packages.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** Name of the instance; test/e2e/support/world.ts opens it. Every checkout has one of its own. */
export const E2E_CLUSTER = `e2e-${createHash("sha256").update(ROOT).digest("hex").slice(0, 6)}`;

/** Where the logs of failed tests are kept, below the repository root. */
export const FAILURE_LOGS = join(".build", "logs", "test");

function say(line: string): void {
  process.stderr.write(`cluster: ${line}\n`);
}

/** Installs and builds the programs that the tests will use, unless they are there. */
export async function prepareClusterPrograms(): Promise<void> {
  await ensureHostPrograms(hostRunner, say, TEST_PROGRAMS);
  const engine = await chooseEngine({ say });
  if (engine.name !== "local") return;
  await ensureHostPrograms(hostRunner, say);
  await ensureBinaries(hostRunner, say);
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
