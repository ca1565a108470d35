// A real kube-apiserver with our CRDs, and plain requests to it: every answer is what a user would
// read, with the names of the fields.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { KubeConfig } from "@kubernetes/client-node";
import { Agent, request } from "undici";

import type { KindId } from "#api/meta/index.ts";
import { CLASS_RUNTIME, ENVIRONMENT, ODGM_COLLECTION, OPACKAGE } from "#api/oaas/v1alpha1/index.ts";
import { OST_TARGET, RAWSTOR_VOLUME } from "#api/rawstor/v1alpha1/index.ts";
import { openCluster } from "#hack/cluster/index.ts";
import type { Cluster } from "#hack/cluster/index.ts";

/** Folder of the repository. */
export const repositoryRoot = join(import.meta.dirname, "..", "..", "..");

/** All kinds. */
export const KINDS: readonly KindId[] = [
  ENVIRONMENT,
  OPACKAGE,
  CLASS_RUNTIME,
  ODGM_COLLECTION,
  OST_TARGET,
  RAWSTOR_VOLUME,
];

/** An object as it is sent. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [key: string]: unknown };
  readonly spec: unknown;
}

/** What the server said. */
export type Answer =
  | { readonly ok: true; readonly object: Manifest }
  | { readonly ok: false; readonly code: number; readonly message: string };

/** A control plane with our CRDs. */
export class ApiServer {
  readonly cluster: Cluster;
  readonly #server: string;
  readonly #agent: Agent;
  /** resourceVersion of what was stored last, by path of the object. */
  readonly #versions = new Map<string, string>();

  private constructor(cluster: Cluster, server: string, agent: Agent) {
    this.cluster = cluster;
    this.#server = server;
    this.#agent = agent;
  }

  /** Brings it up, applies `crds/` and waits until every kind is served. */
  static async open(name = "conformance-kinds"): Promise<ApiServer> {
    const cluster = await openCluster({
      name,
      controlPlaneOnly: true,
      fresh: true,
      controllerManager: false,
    });
    await cluster.kubectl(["apply", "--server-side", "-k", join(repositoryRoot, "crds")]);
    await cluster.kubectl([
      "wait",
      "--for=condition=Established",
      "--timeout=30s",
      ...KINDS.map((kind) => `crd/${kind.plural}.${kind.group}`),
    ]);
    const config = new KubeConfig();
    config.loadFromString(await readFile(cluster.kubeconfigPath, "utf8"));
    const { server, agent } = connection(config);
    const api = new ApiServer(cluster, server, agent);
    await api.#discovered();
    return api;
  }

  async close(): Promise<void> {
    await this.#agent.close();
    await this.cluster.down();
  }

  /** POST with strict field validation; stored unless `dryRun`. */
  create(manifest: Manifest, options: { readonly dryRun: boolean }): Promise<Answer> {
    return this.#send("POST", collectionPath(manifest), manifest, options.dryRun);
  }

  /** PUT over what was stored last under this name. */
  update(manifest: Manifest, options: { readonly dryRun: boolean }): Promise<Answer> {
    const path = objectPath(manifest);
    const resourceVersion = this.#versions.get(path);
    const metadata = { ...manifest.metadata, resourceVersion };
    return this.#send("PUT", path, { ...manifest, metadata }, options.dryRun);
  }

  /** kubectl sees a new kind only when discovery lists it, shortly after it is established. */
  async #discovered(): Promise<void> {
    const deadlineAtMs = performance.now() + 30_000;
    for (;;) {
      const result = await this.cluster.kubectl(["get", "oaas,rawstor", "-A"], { check: false });
      if (result.code === 0) return;
      if (performance.now() > deadlineAtMs) throw new Error(result.stderr);
    }
  }

  async #send(
    method: "POST" | "PUT",
    path: string,
    manifest: Manifest,
    dryRun: boolean,
  ): Promise<Answer> {
    const query = `fieldValidation=Strict&fieldManager=conformance${dryRun ? "&dryRun=All" : ""}`;
    const response = await request(`${this.#server}${path}?${query}`, {
      method,
      dispatcher: this.#agent,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(manifest),
    });
    const body = (await response.body.json()) as Manifest & { readonly message?: string };
    if (response.statusCode < 300) {
      const version = body.metadata["resourceVersion"];
      if (!dryRun && typeof version === "string") this.#versions.set(objectPath(body), version);
      return { ok: true, object: body };
    }
    return { ok: false, code: response.statusCode, message: body.message ?? "" };
  }
}

function connection(config: KubeConfig): { readonly server: string; readonly agent: Agent } {
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null || user === null) throw new Error("the kubeconfig has no current context");
  const decode = (data: string | undefined): string | undefined =>
    data === undefined ? undefined : Buffer.from(data, "base64").toString("utf8");
  const ca = decode(cluster.caData);
  const cert = decode(user.certData);
  const key = decode(user.keyData);
  const connect = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  return { server: cluster.server, agent: new Agent({ connect }) };
}

function objectPath(manifest: Manifest): string {
  return `${collectionPath(manifest)}/${manifest.metadata.name}`;
}

function collectionPath(manifest: Manifest): string {
  const kind = KINDS.find((known) => known.kind === manifest.kind);
  if (kind === undefined) throw new Error(`${manifest.kind} is none of our kinds`);
  const scope = kind.namespaced ? "/namespaces/default" : "";
  return `/apis/${kind.group}/${kind.version}${scope}/${kind.plural}`;
}
