// Engine `kubeconfig`: a cluster that somebody else runs, only when asked for by name. Nothing is
// made and nothing removed but our own copy of the context; images go through a registry.
import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { extract } from "tar-stream";
import type { Say } from "../build/binaries.ts";
import { collectObjects } from "../collect.ts";
import type { Cluster, ClusterEngine, ClusterSpec } from "../engine.ts";
import type { StateFiles } from "../files.ts";
import { runKubectl, runKubectlInteractive } from "../kubectl.ts";
import { check, ClusterError } from "../run.ts";
import type { CommandRunner } from "../run.ts";
import { assertClusterName } from "./local/layout.ts";

/** What the engine needs from outside. */
export interface KubeconfigEngineOptions {
  readonly runner: CommandRunner;
  readonly say: Say;
  /** Folder for the copy of the context. */
  readonly base: string;
  readonly files: StateFiles;
  /** References in a docker archive; {@link archiveReferences} outside of tests. */
  readonly references?: (archive: string) => Promise<readonly string[]>;
}

/** The engine that uses a context of the user's kubeconfig. */
export function kubeconfigEngine(options: KubeconfigEngineOptions): ClusterEngine {
  return {
    name: "kubeconfig",
    up: (spec) => open(options, spec),
    find: (spec) => open(options, spec),
    down: (spec) => {
      assertClusterName(spec.name);
      options.files.remove(folderOf(options, spec));
      return Promise.resolve();
    },
    status: async (spec) => {
      const cluster = await open(options, spec);
      const ready = '{.status.conditions[?(@.type=="Ready")].status}';
      const rows = `{range .items[*]}{.metadata.name} ${ready}{"\\n"}{end}`;
      const { stdout } = await cluster.kubectl(["get", "nodes", "-o", `jsonpath=${rows}`]);
      return stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => {
          const [part = "", ready] = line.split(" ");
          return { part, state: ready === "True" ? "ready" : "not ready", detail: "" };
        });
    },
  };
}

function folderOf(options: KubeconfigEngineOptions, spec: ClusterSpec): string {
  return join(options.base, `kubeconfig-${spec.name}`);
}

async function open(options: KubeconfigEngineOptions, spec: ClusterSpec): Promise<Cluster> {
  const { runner } = options;
  assertClusterName(spec.name);
  if (spec.context === undefined) {
    throw new ClusterError(
      "CLUSTER_USAGE",
      "engine kubeconfig needs --context NAME; `kubectl config get-contexts` lists them",
    );
  }
  if (spec.controlPlaneOnly === true || spec.fresh === true) {
    throw new ClusterError("CLUSTER_UNSUPPORTED", "engine kubeconfig makes and removes no cluster");
  }
  const view = ["kubectl", "config", "view", "--minify", "--flatten", "--raw"];
  const { stdout } = await check(runner, [...view, `--context=${spec.context}`]);
  const folder = folderOf(options, spec);
  const kubeconfigPath = join(folder, "kubeconfig");
  // A copy with this one context: what the user switches to meanwhile does not matter.
  options.files.write(kubeconfigPath, stdout);
  const cluster = attach(options, spec, kubeconfigPath);
  await cluster.kubectl(["get", "--raw", "/readyz"], { timeoutMs: 30_000 });
  return cluster;
}

function attach(
  options: KubeconfigEngineOptions,
  spec: ClusterSpec,
  kubeconfigPath: string,
): Cluster {
  const { runner } = options;
  const target = { runner, command: ["kubectl"], kubeconfigPath };
  return {
    name: spec.name,
    engine: "kubeconfig",
    kubeconfigPath,
    ...(spec.registry === undefined ? {} : { imageRegistry: spec.registry }),
    nodes: [],
    kubectlCommand: target.command,
    kubectl: (args, kubectlOptions) => runKubectl(target, args, kubectlOptions),
    kubectlInteractive: (args) => runKubectlInteractive(target, args),
    loadImages: (archives) => push(options, archives, spec.registry),
    node: (name) => {
      throw new ClusterError(
        "CLUSTER_UNSUPPORTED",
        `engine kubeconfig cannot switch ${name}: its nodes are somebody else's`,
      );
    },
    logs: (folder) => collectObjects(target, folder),
    down: () => kubeconfigEngine(options).down(spec),
  };
}

/** Pushes every image of the archives to the registry, with skopeo or Docker. */
async function push(
  options: KubeconfigEngineOptions,
  archives: readonly string[],
  registry: string | undefined,
): Promise<void> {
  const { runner, say } = options;
  if (archives.length === 0) return;
  if (registry === undefined) {
    throw new ClusterError(
      "CLUSTER_USAGE",
      "engine kubeconfig needs --registry PREFIX for images, one that the nodes can pull from",
    );
  }
  const skopeo = (await runner.run(["skopeo", "--version"])).code === 0;
  for (const archive of new Set(archives)) {
    if (!skopeo) await check(runner, ["docker", "load", `--input=${archive}`]);
    for (const reference of await (options.references ?? archiveReferences)(archive)) {
      const name = reference.slice(reference.lastIndexOf("/") + 1);
      const target = `${registry.replace(/\/$/, "")}/${name}`;
      say(`pushing ${target}`);
      if (skopeo) {
        const from = `docker-archive:${archive}:${reference}`;
        await check(runner, ["skopeo", "copy", from, `docker://${target}`]);
      } else {
        await check(runner, ["docker", "tag", reference, target]);
        await check(runner, ["docker", "push", target]);
      }
    }
  }
}

/** All `repository:tag` of a docker archive. */
export async function archiveReferences(archive: string): Promise<readonly string[]> {
  if (!existsSync(archive)) throw new ClusterError("CLUSTER_USAGE", `no such file: ${archive}`);
  const entries = createReadStream(archive).pipe(extract());
  for await (const entry of entries) {
    if (entry.header.name !== "manifest.json") {
      entry.resume();
      continue;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const images = JSON.parse(text) as readonly { readonly RepoTags?: readonly string[] }[];
    return images.flatMap((image) => image.RepoTags ?? []);
  }
  throw new ClusterError("CLUSTER_USAGE", `${archive} is not a docker archive: no manifest.json`);
}
