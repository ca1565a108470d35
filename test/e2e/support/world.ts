// The cluster of the end-to-end tests, on which the door has installed the system, and a namespace
// of its own for each test file.
import type { Cluster } from "#hack/cluster/index.ts";
import { openE2eCluster } from "#hack/doors/e2e-cluster.ts";

import { GatewayClient } from "./gateway.ts";
import { eventually, Kube } from "./kube.ts";

const NODE_PORT = 30080;
const LOCAL_NODE_PORT = 30081;
const LOCAL_SERVICE = "gateway-local";

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
  /** Deletes the file's packages and its namespace; does not wait for what is left to go. */
  dispose(): Promise<void>;
}

/** The world with an empty namespace of this name. */
export async function openWorld(namespace: string): Promise<World> {
  const cluster = await openE2eCluster();
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
    dispose: async () => {
      await kube.run("delete", "opackages", "--all", "--timeout=120s");
      await kube.run("delete", "namespace", namespace, "--wait=false");
    },
  };
}

/**
 * Gateways on every node, each behind a port of that node that leads nowhere else, as load balancers
 * use them: who loses a node loses one gateway. Answers `host:port` of each; undone with
 * {@link oneGatewayLess}.
 */
export async function gatewayOnEveryNode(world: World): Promise<readonly string[]> {
  const { system, gateways } = world;
  const ports = [{ name: "http", port: 8080, targetPort: 8080, nodePort: LOCAL_NODE_PORT }];
  const spec = {
    type: "NodePort",
    externalTrafficPolicy: "Local",
    selector: { "app.kubernetes.io/name": "gateway" },
    ports,
  };
  const metadata = { name: LOCAL_SERVICE };
  await system.apply(JSON.stringify({ apiVersion: "v1", kind: "Service", metadata, spec }));
  await system.run("scale", "deployment", "gateway", `--replicas=${gateways.size}`);
  const addresses = [...gateways.values()].map((address) =>
    address.replace(/:\d+$/, `:${LOCAL_NODE_PORT}`),
  );
  await eventually("a gateway on every node", 120_000, async () => {
    const probe = async (address: string): Promise<boolean> => {
      const signal = AbortSignal.timeout(1_000);
      return (await fetch(`http://${address}/healthz`, { signal })).ok;
    };
    const answers = await Promise.all(addresses.map(probe));
    return answers.every(Boolean) ? true : undefined;
  });
  return addresses;
}

/** As it was before {@link gatewayOnEveryNode}. */
export async function oneGatewayLess({ system }: World): Promise<void> {
  await system.run("delete", "service", LOCAL_SERVICE, "--ignore-not-found");
  await system.run("scale", "deployment", "gateway", "--replicas=2");
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
