// The cluster of the end-to-end tests: brought up with the system on it before the tests' clocks
// run, once for all files; what to keep when one failed; and its end.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { ensureBinaries } from "#hack/cluster/build/binaries.ts";
import type { Cluster } from "#hack/cluster/index.ts";
import { chooseEngine, openCluster } from "#hack/cluster/index.ts";
import { hostRunner } from "#hack/cluster/run-host.ts";

import { deploySystem, renderSystem, shipImages } from "./deploy.ts";
import { ensureHostPrograms, TEST_PROGRAMS } from "./host-packages.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** Name of the instance. Every checkout has one of its own. */
export const E2E_CLUSTER = `e2e-${createHash("sha256").update(ROOT).digest("hex").slice(0, 6)}`;

/** As many as a Raft group needs to lose one and go on. */
const NODES = 3;
/** Remembers on the cluster what was installed there. */
const MARKER = "e2e-installed";

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

/** The cluster, brought up or found up, with every node on; the system may be missing. */
export async function openE2eCluster(): Promise<Cluster> {
  return await openCluster({ name: E2E_CLUSTER, nodes: NODES, say });
}

/** Brings the cluster up and installs the system, unless exactly this one is installed. */
export async function bringUpE2eCluster(): Promise<void> {
  const cluster = await openE2eCluster();
  const images = await shipImages(cluster, say);
  const hash = createHash("sha256").update(await renderSystem(cluster, images));
  for (const image of images) hash.update(image.digest);
  const crds = join(ROOT, "crds");
  for (const file of (await readdir(crds)).sort()) hash.update(await readFile(join(crds, file)));
  const wanted = hash.digest("hex");
  const get = ["get", "configmap", MARKER, "--ignore-not-found", "-o", "jsonpath={.data.system}"];
  if ((await cluster.kubectl(get)).stdout === wanted) return;
  await deploySystem(cluster, images, say);
  const metadata = { name: MARKER, namespace: "default" };
  const marker = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { system: wanted } };
  await cluster.kubectl(["apply", "--server-side", "-f", "-"], { input: JSON.stringify(marker) });
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
