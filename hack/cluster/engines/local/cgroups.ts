// Cgroups of the nodes, on hosts with version 1, 2 or both. A node's programs and pods are all
// below one group, so switching a node off is killing everything in that group.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ClusterError } from "../../run.ts";
import { waitFor } from "../../wait.ts";
import { killAll, startTimeOf } from "./processes.ts";

/** Where the cgroup hierarchies are mounted. */
export interface CgroupHost {
  readonly version: 1 | 2;
  /** Version 1: one folder per hierarchy; version 2: the one folder. */
  readonly roots: readonly string[];
  /** Hierarchies besides, in which the container runtime leaves folders. */
  readonly others: readonly string[];
}

/** The hierarchies of this host from the text of /proc/mounts. Version 1 wins where both are. */
export function parseCgroupMounts(mounts: string): CgroupHost {
  const lines = mounts.split("\n").map((line) => line.split(" "));
  const of = (type: string): readonly string[] => [
    ...new Set(lines.filter((line) => line[2] === type).map((line) => line[1] ?? "")),
  ];
  const v1 = of("cgroup");
  const v2 = of("cgroup2");
  if (v1.length > 0) return { version: 1, roots: v1, others: v2 };
  if (v2.length > 0) return { version: 2, roots: v2.slice(0, 1), others: [] };
  throw new ClusterError(
    "CLUSTER_HOST",
    "no cgroup hierarchy is mounted on this host; mount one at /sys/fs/cgroup, " +
      "or choose --engine kind or --engine kubeconfig",
  );
}

/** {@link parseCgroupMounts} of the running host. */
export function cgroupHost(): CgroupHost {
  return parseCgroupMounts(readFileSync("/proc/mounts", "utf8"));
}

/**
 * Makes the group `path` and its child `system` in every hierarchy, with all controllers usable.
 */
export function createCgroup(host: CgroupHost, path: string): void {
  for (const root of host.roots) {
    let folder = root;
    for (const part of [...path.split("/").filter((one) => one !== ""), "system"]) {
      if (host.version === 2) enableControllers(folder);
      const parent = folder;
      folder = join(folder, part);
      mkdirSync(folder, { recursive: true });
      inheritCpuset(parent, folder);
    }
  }
}

/** The files into which a process writes its pid to enter `path`/system. */
export function systemProcsFiles(host: CgroupHost, path: string): readonly string[] {
  return host.roots.map((root) => join(root, path, "system", "cgroup.procs"));
}

/**
 * Kills everything in the group and below, again and again until nothing is left, and removes it.
 */
export async function killCgroup(host: CgroupHost, path: string): Promise<void> {
  const roots = [...host.roots, ...host.others];
  await waitFor(
    async () => {
      const pids = new Map<number, string>();
      for (const root of roots) collectPids(join(root, path), pids);
      if (pids.size === 0) return { done: true, value: undefined };
      await killAll(pids);
      return { done: false, why: `${pids.size} processes in ${path}` };
    },
    { what: `the processes of ${path} to end`, deadlineMs: 30_000, intervalMs: 20 },
  );
  await waitFor(
    async () => {
      for (const root of roots) removeTree(join(root, path));
      return await Promise.resolve({ done: true, value: undefined });
    },
    { what: `the cgroup ${path} to be removed`, deadlineMs: 10_000, intervalMs: 50 },
  );
}

function enableControllers(folder: string): void {
  const available = readFileSync(join(folder, "cgroup.controllers"), "utf8").trim().split(" ");
  for (const controller of available.filter((one) => one !== "")) {
    writeFileSync(join(folder, "cgroup.subtree_control"), `+${controller}`);
  }
}

/** A version 1 cpuset starts empty and takes no process until it has cpus and memory nodes. */
function inheritCpuset(parent: string, folder: string): void {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    if (!existsSync(join(folder, file)) || !existsSync(join(parent, file))) continue;
    if (readFileSync(join(folder, file), "utf8").trim() !== "") continue;
    const inherited = readFileSync(join(parent, file), "utf8").trim();
    if (inherited !== "") writeFileSync(join(folder, file), inherited);
  }
}

function collectPids(folder: string, pids: Map<number, string>): void {
  if (!existsSync(folder)) return;
  for (const line of readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n")) {
    const startTime = line === "" ? undefined : startTimeOf(Number(line));
    if (startTime !== undefined) pids.set(Number(line), startTime);
  }
  for (const child of childFolders(folder)) collectPids(child, pids);
}

function removeTree(folder: string): void {
  if (!existsSync(folder)) return;
  for (const child of childFolders(folder)) removeTree(child);
  rmdirSync(folder);
}

function childFolders(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name));
}
