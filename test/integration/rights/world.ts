// A control plane with our CRDs and operators' rights, and the operators' own programs on it, each as
// its ServiceAccount. There are no nodes that run pods: what the operators ask of the API server is
// all that happens.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openCluster } from "#hack/cluster/index.ts";
import type { Cluster } from "#hack/cluster/index.ts";

import type { AuditedRequest } from "./recording.ts";
import { readRecording } from "./recording.ts";

/** Folder of the repository. */
export const repositoryRoot = join(import.meta.dirname, "..", "..", "..");

/** Any object, as kubectl prints it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** A status as all of our kinds have it. */
export interface Reported {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
    }[];
  };
}

const OPERATORS = {
  oaas: { entry: "operators/oaas/main.ts", flags: ["--odgm-image=example/odgm:1"] },
  rawstor: { entry: "operators/rawstor/main.ts", flags: ["--ost-image=example/ost:1"] },
} as const;

/** Name of an operator of ours. */
export type OperatorName = keyof typeof OPERATORS;

/** A running operator. */
export interface Running {
  /** What it has logged, to tell when something fails. */
  readonly log: () => string;
  stop(): Promise<void>;
}

/** See the head of this file. */
export class World {
  readonly cluster: Cluster;
  readonly #folder: string;
  #recorded = 0;

  private constructor(cluster: Cluster, folder: string) {
    this.cluster = cluster;
    this.#folder = folder;
  }

  /** Brings the control plane up and installs CRDs, namespaces and everything of an overlay. */
  static async open(overlay: string): Promise<World> {
    const cluster = await openCluster({
      name: "rights",
      controlPlaneOnly: true,
      fresh: true,
      controllerManager: true,
    });
    const world = new World(cluster, await mkdtemp(join(tmpdir(), "rights-")));
    await cluster.kubectl(["apply", "--server-side", "-k", join(repositoryRoot, "crds")]);
    await cluster.kubectl(["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]);
    await world.install(overlay);
    return world;
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true });
    await this.cluster.down();
  }

  /** Applies an overlay of config/. A new kind is known to kubectl a moment after it is served. */
  async install(overlay: string): Promise<void> {
    const folder = join(repositoryRoot, "config", "overlays", overlay);
    await eventually(`overlay ${overlay} is applied`, async () => {
      const args = ["apply", "--server-side", "--force-conflicts", "-k", folder];
      const { code, stderr } = await this.cluster.kubectl(args, { check: false });
      if (code !== 0 && !stderr.includes("no matches for kind")) throw new Error(stderr);
      return code === 0;
    });
  }

  /** Runs the program of an operator as its ServiceAccount. */
  async run(name: OperatorName, flags: readonly string[] = []): Promise<Running> {
    const { entry, flags: own } = OPERATORS[name];
    const kubeconfig = await this.#kubeconfigOf(name);
    const args = [
      entry,
      `--kubeconfig=${kubeconfig}`,
      `--namespace=${name}-system`,
      "--health-listen=127.0.0.1:0",
      ...(name === "oaas" ? ["--routing-listen=127.0.0.1:0"] : []),
      ...own,
      ...flags,
    ];
    const child = spawn(process.execPath, args, { cwd: repositoryRoot, env: {} });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    }
    return { log: () => text, stop: () => stopped(child, () => text) };
  }

  /** A kubeconfig with a token of the operator's ServiceAccount and nothing else. */
  async #kubeconfigOf(name: OperatorName): Promise<string> {
    const { stdout } = await this.cluster.kubectl([
      ...["create", "token", `${name}-operator`, "-n", `${name}-system`, "--duration=1h"],
    ]);
    const admin = await readFile(this.cluster.kubeconfigPath, "utf8");
    const path = join(this.#folder, `${name}.kubeconfig`);
    await writeFile(path, admin, { mode: 0o600 });
    const config = ["config", `--kubeconfig=${path}`];
    await this.cluster.kubectl([
      ...config,
      "set-credentials",
      "operator",
      `--token=${stdout.trim()}`,
    ]);
    await this.cluster.kubectl([...config, "set-context", "--current", "--user=operator"]);
    return path;
  }

  /** kubectl with an operator's token; never rejects for an exit code. */
  async kubectlAs(name: OperatorName, args: readonly string[]): Promise<string> {
    const kubeconfig = await this.#kubeconfigOf(name);
    const result = await this.cluster.kubectl([`--kubeconfig=${kubeconfig}`, ...args], {
      check: false,
    });
    return result.stdout + result.stderr;
  }

  /** Applies as a user would. */
  async apply(...objects: readonly object[]): Promise<void> {
    const input = objects.map((object) => JSON.stringify(object)).join("\n---\n");
    const args = ["apply", "--server-side", "--force-conflicts", "--field-manager=user", "-f", "-"];
    await this.cluster.kubectl(args, { input });
  }

  /** The objects of a kind in a namespace. */
  async list<T extends object = KubeObject>(kind: string, namespace = ""): Promise<readonly T[]> {
    const where = namespace === "" ? [] : ["-n", namespace];
    const { stdout } = await this.cluster.kubectl(["get", kind, ...where, "-o", "json"]);
    return (JSON.parse(stdout) as { readonly items: readonly T[] }).items;
  }

  /** An object, or undefined. */
  async get<T extends object = KubeObject>(
    kind: string,
    name: string,
    namespace = "default",
  ): Promise<T | undefined> {
    const args = ["get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "json"];
    const { stdout } = await this.cluster.kubectl(args);
    return stdout.trim() === "" ? undefined : (JSON.parse(stdout) as T);
  }

  /** What the operators have asked for since this was asked last. */
  async recorded(): Promise<readonly AuditedRequest[]> {
    const path = this.cluster.auditLogPath;
    if (path === undefined) throw new Error("this cluster keeps no audit log");
    const { requests, end } = await readRecording(path, this.#recorded);
    this.#recorded = end;
    return requests;
  }
}

/** SIGTERM and an orderly end, or the log. */
async function stopped(child: ChildProcess, log: () => string): Promise<void> {
  if (child.exitCode !== null) throw new Error(`the operator has ended:\n${log()}`);
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`the operator ended with ${String(code)}:\n${log()}`);
}

/** Waits for a condition of the outside world; fails after 60 s with `what`. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
): Promise<T> {
  const deadlineAtMs = performance.now() + 60_000;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadlineAtMs) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
