// The cluster of the end-to-end tests with the system installed, and a namespace per test file. The
// first file that runs brings it up; the others find it. The door takes it down afterwards.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { archivesOf, buildImages } from "#hack/images/index.ts";
import type { BuiltImage } from "#hack/images/index.ts";
import type { Cluster } from "#hack/cluster/index.ts";
import { openCluster } from "#hack/cluster/index.ts";
import { deploySystem, renderSystem } from "#hack/doors/deploy.ts";
import { E2E_CLUSTER } from "#hack/doors/e2e-cluster.ts";

import { GatewayClient } from "./gateway.ts";
import { eventually, Kube } from "./kube.ts";

const NODE_PORT = 30080;
const ROOT = join(import.meta.dirname, "..", "..", "..");

/** Everything that a test file needs. */
export interface World {
  readonly cluster: Cluster;
  /** The file's own namespace. */
  readonly kube: Kube;
  /** Namespace oaas-system. */
  readonly system: Kube;
  readonly gateway: GatewayClient;
  /** `host:port` of the gateways' node port, by node. */
  readonly gateways: ReadonlyMap<string, string>;
  readonly images: readonly BuiltImage[];
  /** Deletes the file's namespace and waits until it is gone. */
  dispose(): Promise<void>;
}

const say = (line: string): void => void process.stderr.write(`e2e: ${line}\n`);

/** The world with an empty namespace of this name. */
export async function openWorld(namespace: string): Promise<World> {
  const cluster = await openCluster({ name: E2E_CLUSTER, nodes: 3, say });
  const images = await install(cluster);
  const kube = new Kube(cluster, namespace);
  await kube.run("delete", "namespace", namespace, "--ignore-not-found", "--timeout=180s");
  await kube.run("create", "namespace", namespace);
  const gateways = await gatewaysOf(cluster);
  const gateway = new GatewayClient(await gatewayUrl(gateways));
  return {
    cluster,
    kube,
    system: kube.in("oaas-system"),
    gateway,
    gateways,
    images,
    dispose: async () => {
      await kube.run("delete", "opackages", "--all", "--timeout=120s");
      await kube.run("delete", "namespace", namespace, "--timeout=180s");
    },
  };
}

/** Installs the system unless exactly this one is installed. */
async function install(cluster: Cluster): Promise<readonly BuiltImage[]> {
  const system = new Kube(cluster, "default");
  const images = await buildImages(undefined, { say });
  const marker = await system.get("configmap", "e2e-installed");
  const hash = createHash("sha256").update(await renderSystem(cluster, images));
  for (const image of images) hash.update(image.digest);
  for (const file of await crdFiles()) hash.update(await readFile(file));
  const wanted = hash.digest("hex");
  await cluster.loadImages(archivesOf(images));
  if (marker?.data?.["system"] !== wanted) {
    await deploySystem(cluster, images, say);
    const data = { system: wanted };
    const metadata = { name: "e2e-installed" };
    await system.apply(JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata, data }));
  }
  return images;
}

async function crdFiles(): Promise<readonly string[]> {
  const folder = join(ROOT, "crds");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".yaml"));
  return names.sort().map((name) => join(folder, name));
}

async function gatewaysOf(cluster: Cluster): Promise<ReadonlyMap<string, string>> {
  const nodes = await new Kube(cluster, "default").list("nodes");
  return new Map(
    nodes.map(({ metadata, status }) => {
      const addresses = status?.["addresses"] as readonly { type: string; address: string }[];
      const own = addresses.find(({ type }) => type === "InternalIP")?.address;
      return [metadata.name, `${own}:${NODE_PORT}`];
    }),
  );
}

async function gatewayUrl(gateways: ReadonlyMap<string, string>): Promise<string> {
  const url = `http://${[...gateways.values()][0]}`;
  await eventually(`the gateway at ${url}`, 60_000, async () => {
    const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) });
    return answer.ok ? true : undefined;
  });
  return url;
}
