// Where everything of one local cluster is: addresses, names of kernel objects, files. All of it
// follows from the name and a small number (the slot) that no two live clusters share, so two
// clusters cannot meet anywhere. Pure.
import { join } from "node:path/posix";
import { ClusterError } from "../../run.ts";

/** How many clusters fit on one machine at a time. */
export const SLOT_COUNT = 16;

/** The most nodes of one cluster; each takes one address and one /24 of pods. */
export const NODE_COUNT_MAX = 32;

/** Addresses and paths of one node. */
export interface NodeLayout {
  /** Kubernetes node name, the same in every cluster: `node-1`, `node-2`, ... */
  readonly name: string;
  /** Network namespace under /run/netns. */
  readonly netns: string;
  /** The host's end of the node's cable. */
  readonly hostLink: string;
  readonly address: string;
  readonly podCidr: string;
  /** Cgroup path, with a leading slash, below every controller's root. */
  readonly cgroup: string;
  /** Folder on the host with what survives a power-off: disks, container store, kubelet state. */
  readonly folder: string;
}

/** Addresses and paths of one cluster. */
export interface ClusterLayout {
  readonly name: string;
  readonly slot: number;
  readonly folder: string;
  readonly pkiFolder: string;
  readonly logsFolder: string;
  readonly processesFolder: string;
  readonly kubeconfigPath: string;
  readonly auditLogPath: string;
  /** Linux bridge that joins the nodes. */
  readonly bridge: string;
  /** The host's address on the bridge: API server, CoreDNS. */
  readonly bridgeAddress: string;
  readonly nodeCidr: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** First address of the service range: the Service `kubernetes.default`. */
  readonly serviceAddress: string;
  /** Loopback address of etcd and of the control plane's own ports. */
  readonly loopbackAddress: string;
  readonly cgroup: string;
  readonly nodes: readonly NodeLayout[];
}

/** Port of every cluster's API server; the address differs. */
export const API_PORT = 6443;

/** Throws {@link ClusterError} unless the name can be part of file, link and cgroup names. */
export function assertClusterName(name: string): void {
  if (/^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$/.test(name)) return;
  throw new ClusterError(
    "CLUSTER_USAGE",
    `cluster name "${name}": 1 to 20 of a-z, 0-9, "-"; starts with a letter, ends without "-"`,
  );
}

/**
 * The layout of cluster `name` in `slot` with nodes node-1 ... node-N. Per slot:
 * 10.(176+slot).0.0/16 with nodes in .0.0/24, pods in .64.0/18 (one /24 a node) and Services in
 * .128.0/17, and 127.77.slot.1 for what only the host talks to.
 */
export function clusterLayout(options: {
  readonly name: string;
  readonly slot: number;
  readonly nodeCount: number;
  /** Parent of all clusters' folders. */
  readonly base: string;
}): ClusterLayout {
  const { name, slot, nodeCount, base } = options;
  assertClusterName(name);
  if (slot < 0 || slot >= SLOT_COUNT) {
    throw new ClusterError("CLUSTER_USAGE", `slot ${slot} is not in 0..${SLOT_COUNT - 1}`);
  }
  if (!Number.isInteger(nodeCount) || nodeCount < 0 || nodeCount > NODE_COUNT_MAX) {
    throw new ClusterError("CLUSTER_USAGE", `nodes must be 0 to ${NODE_COUNT_MAX}`);
  }
  const net = slotNetwork(slot);
  const folder = join(base, name);
  const cgroup = `/oaas-${name}`;
  const nodes = Array.from({ length: nodeCount }, (_, index): NodeLayout => {
    const number = index + 1;
    return {
      name: `node-${number}`,
      netns: `oaas-${name}-node-${number}`,
      hostLink: `oaas${slot}n${number}`,
      address: `${net}.0.${10 + number}`,
      podCidr: `${net}.${64 + number}.0/24`,
      cgroup: `${cgroup}/node-${number}`,
      folder: join(folder, `node-${number}`),
    };
  });
  return {
    name,
    slot,
    folder,
    pkiFolder: join(folder, "pki"),
    logsFolder: join(folder, "logs"),
    processesFolder: join(folder, "processes"),
    kubeconfigPath: join(folder, "kubeconfig"),
    auditLogPath: join(folder, "logs", "audit.log"),
    bridge: `oaas${slot}`,
    bridgeAddress: `${net}.0.1`,
    nodeCidr: `${net}.0.0/24`,
    podCidr: `${net}.64.0/18`,
    serviceCidr: `${net}.128.0/17`,
    serviceAddress: `${net}.128.1`,
    loopbackAddress: `127.77.${slot}.1`,
    cgroup,
    nodes,
  };
}

/** The network of a slot as `10.N`; everything of the cluster is inside `10.N.0.0/16`. */
export function slotNetwork(slot: number): string {
  return `10.${176 + slot}`;
}

/** Whether two IPv4 networks in CIDR form share an address. */
export function cidrsOverlap(left: string, right: string): boolean {
  const a = parseCidr(left);
  const b = parseCidr(right);
  const bits = Math.min(a.bits, b.bits);
  const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
  return (a.address & mask) >>> 0 === (b.address & mask) >>> 0;
}

function parseCidr(text: string): { readonly address: number; readonly bits: number } {
  const [dotted = "", bits = "32"] = text.split("/");
  const octets = dotted.split(".").map(Number);
  if (octets.length !== 4 || octets.some((octet) => !(octet >= 0 && octet <= 255))) {
    throw new ClusterError("CLUSTER_USAGE", `not an IPv4 network: ${text}`);
  }
  const address = octets.reduce((value, octet) => ((value << 8) | octet) >>> 0, 0);
  return { address, bits: Number(bits) };
}

/**
 * The lowest slot that neither another cluster holds nor overlaps a route of the host, or nothing.
 * `routes` are destinations as `ip -4 route` prints them; `default` is ignored.
 */
export function chooseSlot(
  taken: ReadonlySet<number>,
  routes: readonly string[],
): number | undefined {
  const networks = routes.filter((route) => /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(route));
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (taken.has(slot)) continue;
    if (networks.some((network) => cidrsOverlap(network, `${slotNetwork(slot)}.0.0/16`))) continue;
    return slot;
  }
  return undefined;
}
