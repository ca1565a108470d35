// All nodes of a cluster together: what happens at `up` and `down`, and the switches in between.
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { binaries } from "../../build/binaries.ts";
import type { Binaries } from "../../build/binaries.ts";
import type { NodeControl } from "../../engine.ts";
import { runKubectl } from "../../kubectl.ts";
import { ClusterError } from "../../run.ts";
import { together, waitFor } from "../../wait.ts";
import { nodeReady } from "./api.ts";
import { baseImages } from "./base-images.ts";
import { cgroupHost, killCgroup } from "./cgroups.ts";
import type { LocalContext } from "./context.ts";
import { importImages } from "./images.ts";
import type { ClusterLayout, NodeLayout } from "./layout.ts";
import {
  createBridge,
  removeBridge,
  removeNodeNetwork,
  removeServiceRoute,
  routeServices,
  setCable,
} from "./network.ts";
import { bootNode, daemonName, execOnNode, haltNode, prepareNode, startAgents } from "./node.ts";
import type { NodeContext } from "./node.ts";
import { corefile, nodeDisks } from "./node-config.ts";
import { baseObjects, nodeVolumes, objectList } from "./objects.ts";
import { assertAlive, logTail, startDaemon } from "./processes.ts";
import { readState, writeState } from "./state.ts";
import type { ClusterState } from "./state.ts";

const READY_DEADLINE_MS = 120_000;

/** The switched-on parts of all nodes that need no API server. */
export interface PreparedNodes {
  /** The bridge is there; the API server can listen on it. */
  readonly network: Promise<void>;
  /** containerd answers on every node and has the base images. */
  readonly nodes: Promise<void>;
}

/** Begins to make bridge and nodes. Both promises must be awaited. */
export function prepareNodes(
  context: LocalContext,
  layout: ClusterLayout,
  state: ClusterState,
  programs: Binaries,
): PreparedNodes {
  const network = createBridge(context.runner, layout);
  const nodes = (async (): Promise<void> => {
    const archive = await baseImages(context.runner, programs);
    await network;
    await together(
      layout.nodes.map(async (node) => {
        const one = { runner: context.runner, layout, node };
        await prepareNode(one, state.disks, programs);
        await bootNode(one);
        await importImages([one], [archive]);
      }),
    );
  })();
  return { network, nodes };
}

/** Starts agents, DNS and the releaser, applies the first objects; returns when all is Ready. */
export async function bringUpNodes(
  context: LocalContext,
  layout: ClusterLayout,
  state: ClusterState,
  programs: Binaries,
): Promise<void> {
  const sinceMs = Date.now();
  const contexts = contextsOf(context, layout);
  await together(contexts.map(startAgents));
  const disks = nodeDisks(state.disks);
  const objects = [...baseObjects(), ...layout.nodes.flatMap((node) => nodeVolumes(node, disks))];
  const target = {
    runner: context.runner,
    command: [programs.path("kubectl")],
    kubeconfigPath: layout.kubeconfigPath,
  };
  await together([
    runKubectl(target, ["apply", "--server-side", "-f", "-"], { input: objectList(objects) }),
    startDns(layout, programs),
    routeServices(context.runner, layout, layout.nodes),
  ]);
  await startSupervisor(context, layout);
  await together(contexts.map((one) => waitReady(one, sinceMs)));
}

/** Switches off and removes every node that the layout or the leftovers on this host name. */
export async function removeNodes(context: LocalContext, layout: ClusterLayout): Promise<void> {
  await together(contextsOf(context, layout).map(haltNode));
  await killCgroup(cgroupHost(), layout.cgroup);
}

/** Removes bridge, routes and whatever network namespaces still carry the cluster's name. */
export async function removeNetwork(context: LocalContext, layout: ClusterLayout): Promise<void> {
  const prefix = `oaas-${layout.name}-node-`;
  const folder = "/run/netns";
  const left = existsSync(folder) ? readdirSync(folder) : [];
  for (const netns of left.filter((name) => name.startsWith(prefix))) {
    const number = netns.slice(prefix.length);
    await removeNodeNetwork(context.runner, { netns, hostLink: `oaas${layout.slot}n${number}` });
  }
  await removeBridge(context.runner, layout);
  await removeServiceRoute(context.runner, layout);
}

/** The switches of one node. */
export function nodeControl(
  context: LocalContext,
  layout: ClusterLayout,
  name: string,
): NodeControl {
  const node = layout.nodes.find((one) => one.name === name);
  if (node === undefined) {
    const names = layout.nodes.map((one) => one.name).join(", ");
    throw new ClusterError(
      "CLUSTER_USAGE",
      `no node ${name} in ${layout.name}; there are ${names}`,
    );
  }
  const one: NodeContext = { runner: context.runner, layout, node };
  return {
    name,
    stop: async () => {
      await remember(context, layout, node, "stopped");
      await haltNode(one);
    },
    start: async () => {
      if (awayOf(context, layout)[name] !== "stopped") return;
      // A start that died half-way left parts behind; power off first makes it repeatable.
      await haltNode(one);
      const sinceMs = Date.now();
      await bootNode(one);
      await startAgents(one);
      await remember(context, layout, node, undefined);
      await waitReady(one, sinceMs);
    },
    cut: async () => {
      if (awayOf(context, layout)[name] === "stopped") {
        throw new ClusterError("CLUSTER_USAGE", `${name} is switched off; start it first`);
      }
      await setCable(context.runner, node, "down");
      await remember(context, layout, node, "cut");
    },
    heal: async () => {
      if (awayOf(context, layout)[name] !== "cut") return;
      const sinceMs = Date.now();
      await setCable(context.runner, node, "up");
      await remember(context, layout, node, undefined);
      await waitReady(one, sinceMs);
    },
    exec: (argv, options) => execOnNode(one, argv, options),
  };
}

/** The contexts of all nodes that are switched on. */
export function runningNodes(context: LocalContext, layout: ClusterLayout): readonly NodeContext[] {
  const away = awayOf(context, layout);
  return contextsOf(context, layout).filter((one) => away[one.node.name] !== "stopped");
}

function contextsOf(context: LocalContext, layout: ClusterLayout): readonly NodeContext[] {
  return layout.nodes.map((node) => ({ runner: context.runner, layout, node }));
}

function awayOf(context: LocalContext, layout: ClusterLayout): ClusterState["away"] {
  return readState(context.base, layout.name)?.away ?? {};
}

/** Notes why a node is away and routes Services of the host around it. */
async function remember(
  context: LocalContext,
  layout: ClusterLayout,
  node: NodeLayout,
  why: "stopped" | "cut" | undefined,
): Promise<void> {
  const state = readState(context.base, layout.name);
  if (state === undefined) {
    throw new ClusterError("CLUSTER_STATE", `cluster ${layout.name} is not up`);
  }
  const { [node.name]: _, ...others } = state.away;
  const away = why === undefined ? others : { ...others, [node.name]: why };
  writeState(context.base, { ...state, away });
  const there = layout.nodes.filter((one) => away[one.name] === undefined);
  await routeServices(context.runner, layout, there);
}

async function waitReady(context: NodeContext, sinceMs: number): Promise<void> {
  const { layout, node } = context;
  await waitFor(() => nodeReady(layout, node.name, sinceMs), {
    what: `${node.name} to be Ready`,
    deadlineMs: READY_DEADLINE_MS,
    details: () =>
      [
        logTail(layout, daemonName(node, "kubelet")),
        logTail(layout, daemonName(node, "containerd"), 5),
      ].join("\n"),
  });
}

/** Starts the DNS server and waits until it answers. */
export async function startDns(layout: ClusterLayout, programs: Binaries): Promise<void> {
  const path = join(layout.folder, "Corefile");
  const resolv = existsSync("/etc/resolv.conf") ? readFileSync("/etc/resolv.conf", "utf8") : "";
  writeFileSync(path, corefile(layout, { forward: /^nameserver\s/m.test(resolv) }));
  const argv = [programs.path("coredns"), "-conf", path];
  const record = await startDaemon(layout, { name: "coredns", argv });
  await waitFor(
    async () => {
      assertAlive(layout, record);
      const answer = await fetch(`http://${layout.loopbackAddress}:8181/ready`);
      const text = await answer.text();
      return answer.ok
        ? { done: true, value: undefined }
        : { done: false, why: `${answer.status} ${text}` };
    },
    {
      what: "CoreDNS to be ready",
      deadlineMs: READY_DEADLINE_MS,
      details: () => logTail(layout, "coredns"),
    },
  );
}

/** Starts the caretaker that offers local disks again. */
export async function startSupervisor(context: LocalContext, layout: ClusterLayout): Promise<void> {
  const script = fileURLToPath(new URL("supervisor.ts", import.meta.url));
  const env = { NODE_NO_WARNINGS: "1", OAAS_STATE_DIR: context.base };
  const argv = [process.execPath, script, layout.name];
  await startDaemon(layout, { name: "supervisor", argv, env });
}

/** kubectl of the caches folder for a layout. */
export function kubectlTarget(
  context: LocalContext,
  layout: ClusterLayout,
): {
  readonly runner: LocalContext["runner"];
  readonly command: readonly string[];
  readonly kubeconfigPath: string;
} {
  return {
    runner: context.runner,
    command: [binaries().path("kubectl")],
    kubeconfigPath: layout.kubeconfigPath,
  };
}
