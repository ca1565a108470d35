// Engine `local`: a real Kubernetes from processes, network namespaces and cgroups of this machine.
// Order of `up`: state on disk, processes, readiness, and only then phase `up`; so whatever died
// half-way is recognised as a leftover and cleared by the next `up` or `down` of that name.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { binaries, cachesFolder, ensureBinaries } from "../../build/binaries.ts";
import type { Binaries, Say } from "../../build/binaries.ts";
import type { Cluster, ClusterEngine, ClusterSpec, PartStatus } from "../../engine.ts";
import { withLock } from "../../lock.ts";
import { ClusterError } from "../../run.ts";
import { together } from "../../wait.ts";
import type { CommandRunner } from "../../run.ts";
import { attach } from "./cluster.ts";
import { layoutOf } from "./context.ts";
import type { LocalContext } from "./context.ts";
import { answersOk } from "./api.ts";
import {
  startApiserver,
  startControllerManager,
  startScheduler,
  writeControlPlaneFiles,
} from "./control-plane.ts";
import { DISKS_DEFAULT } from "./disks.ts";
import { assertHost } from "./host.ts";
import { assertClusterName, clusterLayout } from "./layout.ts";
import type { ClusterLayout } from "./layout.ts";
import {
  bringUpNodes,
  nodeControl,
  prepareNodes,
  removeNetwork,
  removeNodes,
  startDns,
  startSupervisor,
} from "./nodes.ts";
import { writePki } from "./pki.ts";
import { endProcesses, isAlive, processRecords } from "./processes.ts";
import { allocateSlot, forget, readState, slotOf, stateBase, writeState } from "./state.ts";
import type { ClusterState } from "./state.ts";

/** Without these there is nothing to keep. */
const CORE: readonly string[] = ["etcd", "kube-apiserver"];
const LOCK_DEADLINE_MS = 15 * 60_000;

/** What the engine needs from outside. */
export interface LocalEngineOptions {
  readonly runner: CommandRunner;
  readonly say: Say;
  /** Parent of the clusters' folders; {@link stateBase} by default. */
  readonly base?: string;
}

/** The engine that makes clusters of this machine's own parts. */
export function localEngine(options: LocalEngineOptions): ClusterEngine {
  const { runner, say } = options;
  const base = options.base ?? stateBase();
  const context: LocalContext = { runner, say, base };
  return {
    name: "local",
    up: (spec) => locked(context, spec.name, () => up(context, spec)),
    find: async (spec) => {
      const state = readState(base, spec.name);
      if (state?.phase !== "up") return undefined;
      return await Promise.resolve(attach(context, layoutOf(base, state), downOf(context)));
    },
    down: (spec) => downOf(context)(spec.name),
    status: (spec) => status(base, spec.name),
  };
}

/** The way down that a handle of a cluster is given. */
function downOf(context: LocalContext): (name: string) => Promise<void> {
  return (name) => locked(context, name, () => clear(context, name));
}

function locked<T>(context: LocalContext, name: string, body: () => Promise<T>): Promise<T> {
  assertClusterName(name);
  const onWait = (): void =>
    context.say(`waiting for another command that works on cluster ${name}`);
  const lock = `cluster/${context.base}/${name}`;
  return withLock(lock, { deadlineMs: LOCK_DEADLINE_MS, onWait }, body);
}

async function up(context: LocalContext, spec: ClusterSpec): Promise<Cluster> {
  const { base, say } = context;
  const nodeCount = spec.controlPlaneOnly === true ? 0 : (spec.nodes ?? 2);
  const found = readState(base, spec.name);
  if (found !== undefined && spec.fresh !== true && (await isServing(base, found))) {
    if (found.nodeCount !== nodeCount && (spec.nodes !== undefined || nodeCount === 0)) {
      throw new ClusterError(
        "CLUSTER_USAGE",
        `cluster ${spec.name} is up with ${found.nodeCount} nodes; ` +
          `npm run cluster -- down --name ${spec.name} first, or choose another --name`,
      );
    }
    const layout = layoutOf(base, found);
    await repair(context, layout, found);
    return attach(context, layout, downOf(context));
  }
  if (found !== undefined) say(`clearing what is left of cluster ${spec.name}`);
  await clear(context, spec.name);
  await assertHost(context, { nodes: nodeCount > 0 });
  const programs = await ensureBinaries(
    context.runner,
    say,
    nodeCount === 0 ? ["kube", "etcd"] : undefined,
  );
  const startedAt = performance.now();
  const owner = process.env["OAAS_CLUSTER_OWNER"];
  const state: ClusterState = {
    name: spec.name,
    slot: await allocateSlot(context.runner, base, spec.name),
    nodeCount,
    controllerManager: nodeCount > 0 || spec.controllerManager === true,
    audit: spec.audit ?? true,
    disks: { ...DISKS_DEFAULT, ...spec.disks },
    phase: "starting",
    away: {},
    ...(owner === undefined ? {} : { owner }),
  };
  writeState(base, state);
  try {
    await start(context, state, programs);
  } catch (cause) {
    // Nobody gets a handle to a cluster that never was up, so nobody could take it down.
    const logs = join(cachesFolder(), "failed", spec.name);
    rmSync(logs, { recursive: true, force: true });
    cpSync(layoutOf(base, state).logsFolder, logs, { recursive: true });
    await clear(context, spec.name);
    say(`cluster ${spec.name} did not come up; its logs are in ${logs}`);
    throw cause;
  }
  writeState(base, { ...state, phase: "up" });
  say(`cluster ${spec.name} is up after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return attach(context, layoutOf(base, state), downOf(context));
}

async function start(
  context: LocalContext,
  state: ClusterState,
  programs: Binaries,
): Promise<void> {
  const layout = layoutOf(context.base, state);
  const options = { controllerManager: state.controllerManager, audit: state.audit };
  await writePki(layout);
  writeControlPlaneFiles(layout, options);
  if (state.nodeCount === 0) {
    await startApiserver(layout, programs, options);
    if (state.controllerManager) await startControllerManager(layout, programs);
    return;
  }
  // Disks, namespaces and containerd need no API server, and the other way round.
  const prepared = prepareNodes(context, layout, state, programs);
  const controlPlane = (async (): Promise<void> => {
    await prepared.network;
    await startApiserver(layout, programs, options);
    await startControllerManager(layout, programs);
    await startScheduler(layout, programs);
  })();
  await together([prepared.network, prepared.nodes, controlPlane]);
  await bringUpNodes(context, layout, state, programs);
}

/** Removes processes, nodes, network and files of a cluster, however much of it is there. */
async function clear(context: LocalContext, name: string): Promise<void> {
  const { base } = context;
  const slot = readState(base, name)?.slot ?? slotOf(base, name);
  if (slot === undefined) {
    rmSync(clusterLayout({ name, slot: 0, nodeCount: 0, base }).folder, {
      recursive: true,
      force: true,
    });
    return;
  }
  const nodeCount = readState(base, name)?.nodeCount ?? 0;
  const layout = clusterLayout({ name, slot, nodeCount, base });
  await endProcesses(layout, { all: true });
  if (nodeCount > 0) {
    await removeNodes(context, layout);
    await removeNetwork(context, layout);
  }
  await forget(base, name);
}

/** Whether the cluster was up once and its API server still answers: then it is worth keeping. */
async function isServing(base: string, state: ClusterState): Promise<boolean> {
  const layout = layoutOf(base, state);
  if (state.phase !== "up") return false;
  const needed = processRecords(layout).filter((one) => CORE.includes(one.name));
  if (needed.length < CORE.length || !needed.every(isAlive)) return false;
  try {
    return (await answersOk(layout, "/readyz")).done;
  } catch {
    return false;
  }
}

/** Starts again what has died of a cluster that serves, and brings back nodes that are away. */
async function repair(
  context: LocalContext,
  layout: ClusterLayout,
  state: ClusterState,
): Promise<void> {
  const dead = processRecords(layout).filter((record) => !isAlive(record));
  const programs = binaries();
  for (const { name } of dead) {
    if (layout.nodes.some((node) => name.startsWith(`${node.name}-`))) continue;
    context.say(`${name} has died; starting it again`);
    if (name === "kube-controller-manager") await startControllerManager(layout, programs);
    if (name === "kube-scheduler") await startScheduler(layout, programs);
    if (name === "coredns") await startDns(layout, programs);
    if (name === "supervisor") await startSupervisor(context, layout);
  }
  for (const node of layout.nodes) {
    const why = state.away[node.name];
    const broken = dead.filter(({ name }) => name.startsWith(`${node.name}-`));
    const control = nodeControl(context, layout, node.name);
    if (why !== undefined || broken.length > 0) {
      context.say(`${node.name} is ${why ?? "broken"}; bringing it back`);
    }
    if (broken.length > 0) await control.stop();
    if (broken.length > 0 || why === "stopped") await control.start();
    if (why === "cut") await control.heal();
  }
}

async function status(base: string, name: string): Promise<readonly PartStatus[]> {
  const state = readState(base, name);
  if (state === undefined) return [];
  const parts = processRecords(layoutOf(base, state)).map((record): PartStatus => {
    const state = isAlive(record) ? "running" : "dead";
    return { part: record.name, state, detail: `pid ${record.pid}` };
  });
  const away = Object.entries(state.away).map(([part, how]): PartStatus => {
    return { part, state: how, detail: "on purpose" };
  });
  return await Promise.resolve([...parts, ...away]);
}
