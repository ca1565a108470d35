// One node of a local cluster: boot, power off, and running things inside it.
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
  copyFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CNI_FOLDERS } from "../../../doors/host-packages.ts";
import type { Binaries } from "../../build/binaries.ts";
import type { DiskSpec } from "../../engine.ts";
import { check, ClusterError } from "../../run.ts";
import type { CommandOptions, CommandResult, CommandRunner } from "../../run.ts";
import { waitFor } from "../../wait.ts";
import { cgroupHost, createCgroup, killCgroup, systemProcsFiles } from "./cgroups.ts";
import type { ClusterLayout, NodeLayout } from "./layout.ts";
import { createNodeNetwork, removeNodeNetwork } from "./network.ts";
import {
  bootScript,
  cniConfig,
  containerdConfig,
  formatScript,
  kubeletConfig,
  kubeProxyConfig,
  NODE_HOME,
  nodeDisks,
} from "./node-config.ts";
import {
  assertAlive,
  endProcesses,
  isAlive,
  logTail,
  processRecords,
  startDaemon,
} from "./processes.ts";

const BOOT_DEADLINE_MS = 60_000;
const DAEMONS = ["holder", "containerd", "kubelet", "kube-proxy"] as const;

/** What a function of this file works on. */
export interface NodeContext {
  readonly runner: CommandRunner;
  readonly layout: ClusterLayout;
  readonly node: NodeLayout;
}

/** Name of a node's program in records and logs. */
export function daemonName(node: NodeLayout, daemon: (typeof DAEMONS)[number]): string {
  return `${node.name}-${daemon}`;
}

/** Formats the disks that are not there yet and writes all configuration. */
export async function prepareNode(
  context: NodeContext,
  disks: Required<DiskSpec>,
  programs: Binaries,
): Promise<void> {
  const { runner, layout, node } = context;
  const home = join(node.folder, "lib", "oaas-node");
  mkdirSync(join(home, "cni"), { recursive: true });
  mkdirSync(join(node.folder, "lib", "kubelet"), { recursive: true });
  const list = nodeDisks(disks);
  await check(runner, ["sh", "-c", formatScript(list), "format", join(home, "images")]);
  const cni = CNI_FOLDERS.find((folder) => existsSync(join(folder, "bridge"))) ?? CNI_FOLDERS[0];
  const write = (name: string, text: string): void => writeFileSync(join(home, name), text);
  write("boot.sh", bootScript(list));
  write("containerd.toml", containerdConfig(cni));
  write("cni/10-oaas.conflist", cniConfig(node));
  write("kubelet.yaml", kubeletConfig(layout, node));
  write("kube-proxy.yaml", kubeProxyConfig(layout, node));
  write("resolv.conf", `nameserver ${layout.bridgeAddress}\n`);
  const secret = (from: string, to: string): void =>
    copyFileSync(join(layout.pkiFolder, from), join(home, to));
  secret("ca.crt", "ca.crt");
  secret(`kubelet-${node.name}.kubeconfig`, "kubelet.kubeconfig");
  secret("kube-proxy.kubeconfig", "kube-proxy.kubeconfig");
  write("programs", dirname(realpathSync(programs.path("kubelet"))));
}

/** Switches a prepared node on up to a containerd that answers. Its network must not exist. */
export async function bootNode(context: NodeContext): Promise<void> {
  const { runner, layout, node } = context;
  createCgroup(cgroupHost(), node.cgroup);
  await createNodeNetwork(runner, layout, node);
  const home = join(node.folder, "lib", "oaas-node");
  rmSync(join(home, "booted"), { force: true });
  const programs = readFileSync(join(home, "programs"), "utf8");
  const holder = await startDaemon(layout, {
    name: daemonName(node, "holder"),
    argv: inCgroup(node, [
      "nsenter",
      `--net=/run/netns/${node.netns}`,
      "unshare",
      "--mount",
      "--uts",
      "sh",
      join(home, "boot.sh"),
      node.folder,
      programs,
      node.name,
    ]),
  });
  await waitFor(
    async () => {
      assertAlive(layout, holder);
      const done = existsSync(join(home, "booted"));
      return await Promise.resolve(
        done ? { done: true, value: undefined } : { done: false, why: "still mounting" },
      );
    },
    {
      what: `${node.name} to boot`,
      deadlineMs: BOOT_DEADLINE_MS,
      intervalMs: 20,
      details: () => logTail(layout, holder.name),
    },
  );
  await startOnNode(context, "containerd", ["containerd", "-c", `${NODE_HOME}/containerd.toml`]);
  await waitForContainerd(context);
}

/** Starts kubelet and kube-proxy. Needs the API server and the images that pods start from. */
export async function startAgents(context: NodeContext): Promise<void> {
  const { node } = context;
  await startOnNode(context, "kubelet", [
    `${NODE_HOME}/bin/kubelet`,
    `--config=${NODE_HOME}/kubelet.yaml`,
    `--kubeconfig=${NODE_HOME}/kubelet.kubeconfig`,
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
  ]);
  await startOnNode(context, "kube-proxy", [
    `${NODE_HOME}/bin/kube-proxy`,
    `--config=${NODE_HOME}/kube-proxy.yaml`,
  ]);
}

/** Power off: every process and mount of the node is gone, its network too; its folder stays. */
export async function haltNode(context: NodeContext): Promise<void> {
  const { runner, layout, node } = context;
  await endProcesses(layout, { names: DAEMONS.map((daemon) => daemonName(node, daemon)) });
  await killCgroup(cgroupHost(), node.cgroup);
  await removeNodeNetwork(runner, node);
  await disksReleased(context);
}

/** Runs a program in the node's namespaces to its end. Throws if the node is off. */
export async function execOnNode(
  context: NodeContext,
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return await context.runner.run([...enter(context), ...argv], options);
}

/** A path of the node as the host reaches it, while the node is on. */
export function nodePath(context: NodeContext, path: string): string {
  return `/proc/${holderPid(context)}/root${path}`;
}

async function startOnNode(
  context: NodeContext,
  daemon: (typeof DAEMONS)[number],
  argv: readonly string[],
): Promise<void> {
  const name = daemonName(context.node, daemon);
  await startDaemon(context.layout, {
    name,
    argv: inCgroup(context.node, [...enter(context), ...argv]),
  });
}

function enter(context: NodeContext): readonly string[] {
  const pid = holderPid(context);
  return [
    "nsenter",
    `--net=/proc/${pid}/ns/net`,
    `--mount=/proc/${pid}/ns/mnt`,
    `--uts=/proc/${pid}/ns/uts`,
    "--",
  ];
}

function holderPid(context: NodeContext): number {
  const name = daemonName(context.node, "holder");
  const record = processRecords(context.layout).find((one) => one.name === name);
  if (record !== undefined && isAlive(record)) return record.pid;
  throw new ClusterError("CLUSTER_STATE", `${context.node.name} is switched off`);
}

/** A command line that first moves itself into the node's cgroup; the pid stays the same. */
function inCgroup(node: NodeLayout, argv: readonly string[]): readonly string[] {
  const files = systemProcsFiles(cgroupHost(), node.cgroup);
  const script = `${files.map((file) => `echo $$ > ${file}`).join("\n")}\nexec "$@"`;
  return ["sh", "-e", "-c", script, "sh", ...argv];
}

async function waitForContainerd(context: NodeContext): Promise<void> {
  const name = daemonName(context.node, "containerd");
  await waitFor(
    async () => {
      const record = processRecords(context.layout).find((one) => one.name === name);
      if (record !== undefined) assertAlive(context.layout, record);
      const answer = await execOnNode(context, ["ctr", "version"], { timeoutMs: 5_000 });
      return answer.code === 0
        ? { done: true, value: undefined }
        : { done: false, why: answer.stderr.trim() };
    },
    {
      what: `containerd of ${context.node.name}`,
      deadlineMs: BOOT_DEADLINE_MS,
      details: () => logTail(context.layout, name),
    },
  );
}

/**
 * Waits until no loop device holds an image: mounting it again before would give it two writers.
 */
async function disksReleased(context: NodeContext): Promise<void> {
  const folder = join(context.node.folder, "lib", "oaas-node", "images");
  if (!existsSync(folder)) return;
  // By device and inode: the kernel shows paths as the mounting namespace saw them.
  const ours = new Set(readdirSync(folder).map((name) => deviceAndInode(join(folder, name))));
  await waitFor(
    async () => {
      const columns = ["--list", "--noheadings", "--raw", "--output", "BACK-MAJ:MIN,BACK-INO"];
      const listed = await check(context.runner, ["losetup", ...columns]);
      const held = listed.stdout.split("\n").filter((line) => ours.has(line.trim()));
      if (held.length === 0) return { done: true, value: undefined };
      return { done: false, why: `${held.length} still in use` };
    },
    {
      what: `the disks of ${context.node.name} to be released`,
      deadlineMs: 30_000,
      intervalMs: 30,
    },
  );
}

/** `MAJOR:MINOR INODE` of a file, as losetup prints it. */
function deviceAndInode(path: string): string {
  const { dev, ino } = statSync(path);
  const major = (dev >> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
  return `${major}:${minor} ${ino}`;
}
