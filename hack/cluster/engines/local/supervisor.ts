// The cluster's own caretaker, one process per cluster: offers local disks again. A PV of ours that
// is Released under reclaimPolicy Delete is wiped and made anew; one under Retain is never touched,
// it belongs to whoever keeps the data. Started by `up`, ended by `down`.
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { errorMessage } from "#api/base/index.ts";
import { hostRunner } from "../../run-host.ts";
import { ClusterError } from "../../run.ts";
import { apiRequest } from "./api.ts";
import { layoutOf } from "./context.ts";
import type { ClusterLayout } from "./layout.ts";
import { nodePath } from "./node.ts";
import { nodeDisks } from "./node-config.ts";
import { DISK_LABEL, localVolume } from "./objects.ts";
import { planReleases } from "./releaser.ts";
import type { SeenVolume } from "./releaser.ts";
import { readState, stateBase } from "./state.ts";
import type { ClusterState } from "./state.ts";

const INTERVAL_MS = 1_000;
const SELECTOR = encodeURIComponent(DISK_LABEL);

async function main(): Promise<void> {
  const name = process.argv[2];
  if (name === undefined) throw new ClusterError("CLUSTER_USAGE", "supervisor.ts CLUSTER");
  for (;;) {
    const state = readState(stateBase(), name);
    if (state === undefined) return;
    try {
      await releaseOnce(layoutOf(stateBase(), state), state);
    } catch (cause) {
      process.stderr.write(`${new Date().toISOString()} ${errorMessage(cause)}\n`);
    }
    await delay(INTERVAL_MS);
  }
}

/** One pass: list, decide, wipe, delete and make again. */
async function releaseOnce(layout: ClusterLayout, state: ClusterState): Promise<void> {
  const disks = nodeDisks(state.disks);
  const offered = layout.nodes.flatMap((node) =>
    disks
      .map((disk) => ({ node, disk, object: localVolume(node, disk) }))
      .filter(({ disk }) => disk.mountPoint.startsWith("/var/lib/local-disks/")),
  );
  const seen = await listVolumes(layout);
  const plan = planReleases(
    offered.map(({ node, disk }) => ({
      volume: `${node.name}-${disk.name}`,
      running: state.away[node.name] !== "stopped",
    })),
    seen,
  );
  for (const step of plan) {
    const found = offered.find(({ node, disk }) => `${node.name}-${disk.name}` === step.volume);
    if (found === undefined) continue;
    const context = { runner: hostRunner, layout, node: found.node };
    const folder = nodePath(context, found.disk.mountPoint);
    switch (step.action) {
      case "wipe":
        wipe(folder);
        await expect(layout, "DELETE", `/${step.volume}?propagationPolicy=Background`, [200, 404]);
        say(`wiped ${step.volume}`);
        break;
      case "offer":
        // Without its PV nobody can say whether data may go; an empty disk has none.
        if (readdirSync(folder).length > 0) break;
        await expect(layout, "POST", "", [201, 409], found.object);
        say(`offered ${step.volume}`);
        break;
    }
  }
}

async function listVolumes(layout: ClusterLayout): Promise<readonly SeenVolume[]> {
  const path = `/api/v1/persistentvolumes?labelSelector=${SELECTOR}`;
  const answer = await apiRequest(layout, path);
  if (answer.status !== 200) {
    throw new ClusterError("CLUSTER_STATE", `list of PVs: ${answer.status} ${answer.body}`);
  }
  const { items } = JSON.parse(answer.body) as {
    readonly items: readonly {
      readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
      readonly spec: { readonly persistentVolumeReclaimPolicy?: string };
      readonly status?: { readonly phase?: string };
    }[];
  };
  return items.map((item) => ({
    name: item.metadata.name,
    phase: item.status?.phase ?? "Pending",
    reclaimPolicy: item.spec.persistentVolumeReclaimPolicy ?? "Retain",
    deleting: item.metadata.deletionTimestamp !== undefined,
  }));
}

/** Empties a mounted file system; refuses a path that is not one. */
function wipe(folder: string): void {
  if (statSync(folder).dev === statSync(join(folder, "..")).dev) {
    throw new ClusterError("CLUSTER_STATE", `${folder} is not a mount point; not wiped`);
  }
  for (const name of readdirSync(folder)) {
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}

async function expect(
  layout: ClusterLayout,
  method: string,
  path: string,
  statuses: readonly number[],
  body?: unknown,
): Promise<void> {
  const url = `/api/v1/persistentvolumes${path}`;
  const answer = await apiRequest(layout, url, { method, ...(body === undefined ? {} : { body }) });
  if (statuses.includes(answer.status)) return;
  throw new ClusterError("CLUSTER_STATE", `${method} ${url}: ${answer.status} ${answer.body}`);
}

function say(line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`);
}

await main();
