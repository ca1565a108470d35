// Clusters for tests and doors: `openCluster` brings one up (or finds it up) and hands out a
// handle.
import type { Say } from "./build/binaries.ts";
import type { Cluster, ClusterEngine, ClusterSpec, EngineName } from "./engine.ts";
import { kindEngine } from "./engines/kind.ts";
import { kubeconfigEngine } from "./engines/kubeconfig.ts";
import { localEngine } from "./engines/local/engine.ts";
import { hostFiles } from "./files.ts";
import { clusterNames, clustersOf, stateBase } from "./engines/local/state.ts";
import type { CommandRunner } from "./run.ts";
import { hostRunner } from "./run-host.ts";

export type {
  Cluster,
  ClusterEngine,
  ClusterSpec,
  DiskSpec,
  EngineName,
  KubectlOptions,
  NodeControl,
  PartStatus,
} from "./engine.ts";
export { ClusterError } from "./run.ts";
export type { ClusterErrorCode, CommandResult } from "./run.ts";

/** A cluster to open. Without `engine`: `local` if this is Linux with root, else `kind`. */
export interface OpenOptions extends ClusterSpec {
  readonly engine?: EngineName;
  /** Told about progress, one line at a time; stderr by default. */
  readonly say?: Say;
}

/**
 * Brings a cluster up and returns when it is ready, or finds it up. Throws {@link ClusterError}.
 */
export async function openCluster(options: OpenOptions): Promise<Cluster> {
  const engine = await chooseEngine(options);
  return await engine.up(options);
}

/** What decides which engine is taken. */
export interface EngineChoice {
  /** Asked for by name; nothing else counts then. */
  readonly engine?: EngineName;
  /** A local cluster of this name stays local. */
  readonly name?: string;
  readonly controlPlaneOnly?: boolean;
  readonly say?: Say;
}

/** The engine that was asked for, or the one that fits this machine. */
export async function chooseEngine(
  options: EngineChoice,
  runner: CommandRunner = hostRunner,
): Promise<ClusterEngine> {
  const say =
    options.say ?? ((line: string): void => void process.stderr.write(`cluster: ${line}\n`));
  switch (options.engine ?? (await fittingEngine(options, runner))) {
    case "local":
      return localEngine({ runner, say });
    case "kind":
      return kindEngine({ runner, say, base: stateBase(), files: hostFiles });
    case "kubeconfig":
      return kubeconfigEngine({ runner, say, base: stateBase(), files: hostFiles });
  }
}

async function fittingEngine(options: EngineChoice, runner: CommandRunner): Promise<EngineName> {
  const { name } = options;
  if (name !== undefined && clusterNames(stateBase()).includes(name)) return "local";
  const linux = process.platform === "linux";
  if (linux && (process.getuid?.() === 0 || options.controlPlaneOnly === true)) return "local";
  const docker = await runner.run(["docker", "info"], { timeoutMs: 10_000 });
  return docker.code === 0 ? "kind" : "local";
}

/**
 * Removes the local clusters that were brought up by programs with this `OAAS_CLUSTER_OWNER`, for
 * when these ended before they could do it.
 */
export async function removeClustersOf(owner: string): Promise<void> {
  for (const name of clustersOf(stateBase(), owner)) {
    const engine = await chooseEngine({ engine: "local" });
    await engine.down({ name });
  }
}

/** Names of all local clusters of this user, up or left over. */
export function localClusters(): readonly string[] {
  return clusterNames(stateBase());
}
