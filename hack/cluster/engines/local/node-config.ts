// Configuration of the programs on one node, and the script that boots it. Pure. Paths are those
// the node sees: its own /var/lib and /var/log lie over the host's, /run is new at every boot.
import { stringify } from "yaml";
import type { DiskSpec } from "../../engine.ts";
import type { ClusterLayout, NodeLayout } from "./layout.ts";

/** Folder of the harness inside a node: configuration, disk images, the programs. */
export const NODE_HOME = "/var/lib/oaas-node";

/** Where the file systems behind local PVs are mounted on a node. */
export const LOCAL_DISKS = "/var/lib/local-disks";

/** Where disks for OstTarget are mounted on a node; the allowed prefix of `spec.path`. */
export const RAW_DISKS = "/var/lib/rawstor/disks";

/** Holds the namespaces of a pod; every node has it before its first pod. */
export const PAUSE_IMAGE = "oaas-operator.local/pause:1";

/** A shell to look around with; every node has it before its first pod. */
export const BUSYBOX_IMAGE = "oaas-operator.local/busybox:1";

/** One size-limited file system of a node. */
export interface Disk {
  /** File of its image below {@link NODE_HOME}/images, without ending. */
  readonly name: string;
  readonly mountPoint: string;
  readonly mib: number;
}

/** The disks of every node: those of local PVs first. */
export function nodeDisks(spec: Required<DiskSpec>): readonly Disk[] {
  const volumes = Array.from({ length: spec.volumes }, (_, index): Disk => {
    const name = `volume-${index + 1}`;
    return { name, mountPoint: `${LOCAL_DISKS}/${name}`, mib: spec.volumeMib };
  });
  const raw = Array.from({ length: spec.raw }, (_, index): Disk => {
    const name = `disk-${index + 1}`;
    return { name: `raw-${name}`, mountPoint: `${RAW_DISKS}/${name}`, mib: spec.rawMib };
  });
  return [...volumes, ...raw];
}

/** Makes the image files of disks that have none yet. Runs on the host; $1 is the images folder. */
export function formatScript(disks: readonly Disk[]): string {
  const lines = disks.map((disk) => `make ${disk.name} ${disk.mib}M`);
  return `set -eu
mkdir -p "$1"
cd "$1"
make() {
  [ -e "$1.img" ] && return
  rm -f "$1.part"
  truncate -s "$2" "$1.part"
  mkfs.ext4 -q -F -m 0 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "$1.part"
  mv "$1.part" "$1.img"
}
${lines.join("\n")}
`;
}

/** Mounts the images of disks, for sh on the node. */
export function mountLines(disks: readonly Disk[]): string {
  return disks
    .map(
      (disk) => `mkdir -p ${disk.mountPoint}
mount -o loop,noatime ${NODE_HOME}/images/${disk.name}.img ${disk.mountPoint}
rmdir ${disk.mountPoint}/lost+found 2>/dev/null || true`,
    )
    .join("\n");
}

/**
 * Boots a node: runs as its first process inside fresh mount and UTS namespaces and its network
 * namespace, lays the node's folders over the host's, mounts the disks, and stays to hold it all.
 * $1 = the node's folder on the host, $2 = folder of the Kubernetes programs, $3 = node name.
 */
export function bootScript(disks: readonly Disk[]): string {
  return `set -eu
folder=$1 programs=$2 name=$3
mount --make-rprivate /
# Copies of the host's mounts of network namespaces would keep removed ones alive.
for file in /run/netns/*; do umount -l "$file" 2>/dev/null || true; done
mkdir -p "$folder/log" "$folder/lib/oaas-node/bin"
mount --bind "$programs" "$folder/lib/oaas-node/bin"
mount --bind "$folder/log" /var/log
mount --rbind "$folder/lib" /var/lib
mount -t tmpfs -o mode=755,size=64m tmpfs /run
mkdir -p /run/netns /run/lock
hostname "$name"
rm -rf /var/lib/cni/networks
echo 1 > /proc/sys/net/ipv4/ip_forward
# Pods of one node meet behind a bridge, and Service addresses must be rewritten there too.
bridged=/proc/sys/net/bridge/bridge-nf-call-iptables
[ ! -e $bridged ] || echo 1 > $bridged
${mountLines(disks)}
mount --make-rshared /
touch ${NODE_HOME}/booted
exec sleep 2147483647
`;
}

/** containerd on a node. `cniFolder` is where the host has the CNI plugins. */
export function containerdConfig(cniFolder: string): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Lowering an oom score needs CAP_SYS_RESOURCE; runc dies without it, so it is not tried.
  restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${cniFolder}"
  conf_dir = "${NODE_HOME}/cni"
`;
}

/** The pod network of a node. No masquerade: every node and the host have routes to every pod. */
export function cniConfig(node: NodeLayout): string {
  const ipam = {
    type: "host-local",
    ranges: [[{ subnet: node.podCidr }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const bridge = {
    type: "bridge",
    bridge: "cni0",
    isGateway: true,
    ipMasq: false,
    hairpinMode: true,
    ipam,
  };
  const portmap = { type: "portmap", capabilities: { portMappings: true } };
  const list = { cniVersion: "0.4.0", name: "oaas", plugins: [bridge, portmap] };
  return `${JSON.stringify(list, undefined, 2)}\n`;
}

/** kubelet of a node. */
export function kubeletConfig(layout: ClusterLayout, node: NodeLayout): string {
  return stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: "0.0.0.0",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${NODE_HOME}/ca.crt` },
    },
    authorization: { mode: "Webhook" },
    cgroupDriver: "cgroupfs",
    cgroupRoot: node.cgroup,
    clusterDNS: [layout.bridgeAddress],
    clusterDomain: "cluster.local",
    resolvConf: `${NODE_HOME}/resolv.conf`,
    containerRuntimeEndpoint: "unix:///run/containerd/containerd.sock",
    failSwapOn: false,
    // The host's disk is not the node's to judge; images are loaded once and must not be collected.
    evictionHard: {
      "memory.available": "50Mi",
      "nodefs.available": "1%",
      "imagefs.available": "1%",
    },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    // A node that is switched off should be noticed within seconds, see the controller manager.
    nodeLeaseDurationSeconds: 10,
    nodeStatusUpdateFrequency: "4s",
    syncFrequency: "10s",
    oomScoreAdj: 0,
    serializeImagePulls: false,
    registerNode: true,
    shutdownGracePeriod: "0s",
  });
}

/** kube-proxy of a node; conntrack limits belong to the host. */
export function kubeProxyConfig(layout: ClusterLayout, node: NodeLayout): string {
  return stringify({
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    bindAddress: "0.0.0.0",
    healthzBindAddress: `${node.address}:10256`,
    metricsBindAddress: "127.0.0.1:10249",
    clientConnection: { kubeconfig: `${NODE_HOME}/kube-proxy.kubeconfig` },
    clusterCIDR: layout.podCidr,
    hostnameOverride: node.name,
    mode: "iptables",
    iptables: { minSyncPeriod: "200ms", syncPeriod: "30s" },
    oomScoreAdj: 0,
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  });
}

/**
 * The cluster's DNS server, a process of the host. Names of the outside go to the host's servers.
 */
export function corefile(layout: ClusterLayout, options: { readonly forward: boolean }): string {
  const lines = [
    ".:53 {",
    `    bind ${layout.bridgeAddress}`,
    "    errors",
    `    ready ${layout.loopbackAddress}:8181`,
    "    kubernetes cluster.local in-addr.arpa {",
    `        kubeconfig ${layout.pkiFolder}/coredns.kubeconfig oaas-${layout.name}`,
    "        ttl 5",
    "    }",
    ...(options.forward ? ["    forward . /etc/resolv.conf"] : []),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}
