// Engine `kind`: Kubernetes in Docker, where Docker runs. The same disks as engine `local` are made
// inside the node containers, and a loop in each of them offers its disks again.
import { join } from "node:path";
import { stringify } from "yaml";
import type { Say } from "../build/binaries.ts";
import { collectObjects } from "../collect.ts";
import type {
  Cluster,
  ClusterEngine,
  ClusterSpec,
  DiskSpec,
  NodeControl,
  PartStatus,
} from "../engine.ts";
import type { StateFiles } from "../files.ts";
import { runKubectl, runKubectlInteractive } from "../kubectl.ts";
import { check, ClusterError } from "../run.ts";
import type { CommandRunner } from "../run.ts";
import { KIND_NODE_IMAGE } from "../versions.ts";
import { nodeReadyByKubectl } from "../node-ready.ts";
import { waitFor } from "../wait.ts";
import { DISKS_DEFAULT } from "./local/disks.ts";
import { assertClusterName } from "./local/layout.ts";
import { formatScript, mountLines, NODE_HOME, nodeDisks } from "./local/node-config.ts";
import type { Disk } from "./local/node-config.ts";
import { nodeVolumes, objectList, storageClass } from "./local/objects.ts";
import type { KubeObject } from "./local/objects.ts";

const READY_DEADLINE_MS = 120_000;
/** Loop devices that a node container may use; Docker gives it only those that were there. */
const LOOP_DEVICES = 128;

/** What the engine needs from outside. */
export interface KindEngineOptions {
  readonly runner: CommandRunner;
  readonly say: Say;
  /** Folder for kubeconfigs. */
  readonly base: string;
  readonly files: StateFiles;
}

/** The engine that makes clusters with kind. */
export function kindEngine(options: KindEngineOptions): ClusterEngine {
  const kind = new Kind(options);
  return {
    name: "kind",
    up: (spec) => kind.up(spec),
    find: (spec) => kind.find(spec),
    down: (spec) => kind.down(spec.name),
    status: (spec) => kind.status(spec.name),
  };
}

/** kind's configuration: one control-plane node and the workers. */
export function kindConfig(workers: number): string {
  const roles = ["control-plane", ...Array.from({ length: workers }, () => "worker")];
  return stringify({
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    nodes: roles.map((role) => ({ role })),
  });
}

/**
 * The loop that offers one node's disks again, for sh on the node. A PV under Retain is never
 * touched, and nothing is wiped that is not a mount of its own.
 */
export function releaserScript(node: string): string {
  const row = "{.metadata.name} {.spec.persistentVolumeReclaimPolicy} {.spec.local.path}";
  const path = `{range .items[?(@.status.phase=="Released")]}${row}{"\\n"}{end}`;
  return `export KUBECONFIG=${NODE_HOME}/admin.conf
while :; do
  kubectl get pv -l oaas.io/local-disk-node=${node} -o 'jsonpath=${path}' |
  while read -r name policy path; do
    [ "$policy" = Delete ] || continue
    mountpoint -q "$path" || continue
    find "$path" -mindepth 1 -delete
    kubectl delete pv "$name" --wait=true
    kubectl create -f "${NODE_HOME}/volumes/$name.json"
  done
  sleep 1
done
`;
}

class Kind {
  readonly #runner: CommandRunner;
  readonly #say: Say;
  readonly #base: string;
  readonly #files: StateFiles;

  constructor(options: KindEngineOptions) {
    this.#runner = options.runner;
    this.#say = options.say;
    this.#base = options.base;
    this.#files = options.files;
  }

  async up(spec: ClusterSpec): Promise<Cluster> {
    assertClusterName(spec.name);
    await this.#assertTools();
    if (spec.fresh === true) await this.down(spec.name);
    const found = await this.find(spec);
    if (found !== undefined) return found;
    this.#files.makeFolder(this.#folder(spec.name));
    const workers = spec.controlPlaneOnly === true ? 0 : (spec.nodes ?? 2);
    this.#say(`kind makes cluster ${containerPrefix(spec.name)} with ${workers} workers`);
    await check(
      this.#runner,
      [
        "kind",
        "create",
        "cluster",
        `--name=${containerPrefix(spec.name)}`,
        `--image=${KIND_NODE_IMAGE}`,
        `--kubeconfig=${this.#kubeconfig(spec.name)}`,
        "--wait=180s",
        "--config=-",
      ],
      { input: kindConfig(workers) },
    );
    const nodes = await this.#workers(spec.name);
    const cluster = this.#attach(spec.name, nodes);
    const disks = nodeDisks({ ...DISKS_DEFAULT, ...spec.disks });
    await this.#offerDisks(cluster, spec.disks ?? {}, disks);
    return cluster;
  }

  async find(spec: ClusterSpec): Promise<Cluster | undefined> {
    const listed = await check(this.#runner, ["kind", "get", "clusters"]);
    if (!listed.stdout.split("\n").includes(containerPrefix(spec.name))) return undefined;
    return this.#attach(spec.name, await this.#workers(spec.name));
  }

  async down(name: string): Promise<void> {
    assertClusterName(name);
    await check(this.#runner, ["kind", "delete", "cluster", `--name=${containerPrefix(name)}`]);
    this.#files.remove(this.#folder(name));
  }

  async status(name: string): Promise<readonly PartStatus[]> {
    const format = "{{.Names}} {{.State}} {{.Status}}";
    const label = `label=io.x-k8s.kind.cluster=${containerPrefix(name)}`;
    const list = ["docker", "ps", "--all", `--filter=${label}`, `--format=${format}`];
    const { stdout } = await check(this.#runner, list);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [part = "", state = "", ...detail] = line.split(" ");
        return {
          part,
          state: state === "running" ? "running" : "stopped",
          detail: detail.join(" "),
        };
      });
  }

  async #assertTools(): Promise<void> {
    const needed = {
      docker: "Docker (https://docs.docker.com/engine/install), running and usable by this user",
      kind: "kind (go install sigs.k8s.io/kind@latest)",
      kubectl: "kubectl (https://kubernetes.io/docs/tasks/tools)",
    };
    const probes = [
      ["docker", "info"],
      ["kind", "version"],
      ["kubectl", "version", "--client"],
    ] as const;
    for (const probe of probes) {
      const seen = await this.#runner.run(probe, { timeoutMs: 20_000 });
      if (seen.code === 0) continue;
      throw new ClusterError(
        "CLUSTER_HOST",
        `engine kind needs ${needed[probe[0]]}; or choose --engine local (Linux, root, Go) ` +
          `or --engine kubeconfig --context NAME`,
      );
    }
  }

  async #workers(name: string): Promise<readonly string[]> {
    const list = ["kind", "get", "nodes", `--name=${containerPrefix(name)}`];
    const { stdout } = await check(this.#runner, list);
    return stdout
      .split("\n")
      .filter((node) => node !== "" && !node.endsWith("-control-plane"))
      .sort();
  }

  async #offerDisks(cluster: Cluster, spec: DiskSpec, disks: readonly Disk[]): Promise<void> {
    if (cluster.nodes.length === 0 || disks.length === 0) return;
    this.#say(`disks on ${cluster.nodes.join(", ")}`);
    const volumes = new Map(
      cluster.nodes.map((node) => [node, nodeVolumes({ name: node }, disks)]),
    );
    // One default class: ours, whose volumes honour fsGroup.
    const standard = ["annotate", "storageclass", "standard", "--overwrite"];
    await cluster.kubectl([...standard, "storageclass.kubernetes.io/is-default-class=false"]);
    const objects = [storageClass(), ...[...volumes.values()].flat()];
    for (const node of cluster.nodes) await this.#mountDisks(node, disks, volumes.get(node) ?? []);
    const apply = ["apply", "--server-side", "-f", "-"];
    await cluster.kubectl(apply, { input: objectList(objects) });
    await this.#sh(cluster.nodes, `mkdir -p ${NODE_HOME} && cat > ${NODE_HOME}/disks.json`, {
      input: JSON.stringify(spec),
    });
    for (const node of cluster.nodes) await this.#startReleaser(cluster.name, node);
  }

  async #mountDisks(
    node: string,
    disks: readonly Disk[],
    volumes: readonly KubeObject[],
  ): Promise<void> {
    const make = "[ -e /dev/loop$n ] || mknod -m 660 /dev/loop$n b 7 $n";
    const devices = `for n in $(seq 0 ${LOOP_DEVICES - 1}); do ${make}; done`;
    await this.#sh([node], devices);
    const format = formatScript(disks);
    await check(
      this.#runner,
      ["docker", "exec", node, "sh", "-c", format, "format", `${NODE_HOME}/images`],
      {},
    );
    await this.#sh([node], `set -eu\n${mountLines(disks)}`);
    for (const volume of volumes) {
      const { name } = volume["metadata"] as { readonly name: string };
      const folder = `${NODE_HOME}/volumes`;
      await this.#sh([node], `mkdir -p ${folder} && cat > ${folder}/${name}.json`, {
        input: JSON.stringify(volume),
      });
    }
  }

  async #startReleaser(name: string, node: string): Promise<void> {
    const controlPlane = `${containerPrefix(name)}-control-plane`;
    const cat = ["docker", "exec", controlPlane, "cat", "/etc/kubernetes/admin.conf"];
    const { stdout: admin } = await check(this.#runner, cat);
    await this.#sh([node], `umask 077; cat > ${NODE_HOME}/admin.conf`, { input: admin });
    await this.#sh([node], `cat > ${NODE_HOME}/releaser.sh`, { input: releaserScript(node) });
    const loop = `exec sh ${NODE_HOME}/releaser.sh > ${NODE_HOME}/releaser.log 2>&1`;
    await check(this.#runner, ["docker", "exec", "--detach", node, "sh", "-c", loop]);
  }

  async #sh(
    nodes: readonly string[],
    script: string,
    options: { readonly input?: string } = {},
  ): Promise<void> {
    for (const node of nodes) {
      await check(this.#runner, ["docker", "exec", "-i", node, "sh", "-c", script], options);
    }
  }

  #attach(name: string, nodes: readonly string[]): Cluster {
    const runner = this.#runner;
    const kubeconfigPath = this.#kubeconfig(name);
    const target = { runner, command: ["kubectl"], kubeconfigPath };
    const prefix = containerPrefix(name);
    return {
      name,
      engine: "kind",
      kubeconfigPath,
      nodes,
      kubectlCommand: target.command,
      kubectl: (args, options) => runKubectl(target, args, options),
      kubectlInteractive: (args) => runKubectlInteractive(target, args),
      loadImages: async (archives) => {
        for (const archive of new Set(archives)) {
          await check(runner, ["kind", "load", "image-archive", archive, `--name=${prefix}`]);
        }
      },
      node: (node) => this.#control(this.#attach(name, nodes), node),
      logs: async (folder) => {
        await collectObjects(target, folder);
        await check(runner, ["kind", "export", "logs", join(folder, "kind"), `--name=${prefix}`]);
      },
      down: () => this.down(name),
    };
  }

  #control(cluster: Cluster, node: string): NodeControl {
    if (!cluster.nodes.includes(node)) {
      const names = cluster.nodes.join(", ");
      throw new ClusterError(
        "CLUSTER_USAGE",
        `no node ${node} in ${cluster.name}; there are ${names}`,
      );
    }
    const ready = async (sinceMs: number): Promise<void> => {
      await waitFor(() => nodeReadyByKubectl(cluster, node, sinceMs), {
        what: `${node} to be Ready`,
        deadlineMs: READY_DEADLINE_MS,
        intervalMs: 500,
      });
    };
    return {
      name: node,
      stop: async () => void (await check(this.#runner, ["docker", "kill", node])),
      start: async () => {
        const sinceMs = Date.now();
        await check(this.#runner, ["docker", "start", node]);
        const cat = ["docker", "exec", node, "cat", `${NODE_HOME}/disks.json`];
        const spec = JSON.parse((await check(this.#runner, cat)).stdout) as DiskSpec;
        const disks = nodeDisks({ ...DISKS_DEFAULT, ...spec });
        await this.#mountDisks(node, disks, nodeVolumes({ name: node }, disks));
        await ready(sinceMs);
        await this.#startReleaser(cluster.name, node);
      },
      cut: () => this.#cable(node, "cut"),
      heal: async () => {
        const sinceMs = Date.now();
        await this.#cable(node, "heal");
        await ready(sinceMs);
      },
      exec: (argv, options) => {
        return this.#runner.run(["docker", "exec", "-i", node, ...argv], options ?? {});
      },
    };
  }

  /**
   * Drops everything between the node and its network; an address change would be another fault.
   */
  async #cable(node: string, state: "cut" | "heal"): Promise<void> {
    const rules = ["raw PREROUTING -i eth0 -j DROP", "mangle POSTROUTING -o eth0 -j DROP"].map(
      (rule) => rule.split(" "),
    );
    for (const [table = "", chain = "", ...match] of rules) {
      const iptables = ["docker", "exec", node, "iptables", "-w", "-t", table];
      const there = (await this.#runner.run([...iptables, "-C", chain, ...match])).code === 0;
      if (there === (state === "cut")) continue;
      await check(this.#runner, [...iptables, state === "cut" ? "-I" : "-D", chain, ...match]);
    }
  }

  #folder(name: string): string {
    return join(this.#base, `kind-${name}`);
  }

  #kubeconfig(name: string): string {
    return join(this.#folder(name), "kubeconfig");
  }
}

/** kind's name of our cluster; its containers carry it as a prefix. */
function containerPrefix(name: string): string {
  return `oaas-${name}`;
}
