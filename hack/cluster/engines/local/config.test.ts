// What the programs of a local cluster are told. The choices that took time to find are pinned.
import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import {
  apiserverArgs,
  auditPolicy,
  controllerManagerArgs,
  etcdArgs,
  kubeconfig,
} from "./config.ts";
import { clusterLayout } from "./layout.ts";
import {
  bootScript,
  cniConfig,
  containerdConfig,
  corefile,
  formatScript,
  kubeletConfig,
  kubeProxyConfig,
  nodeDisks,
} from "./node-config.ts";
import { localVolume, nodeVolumes, objectList } from "./objects.ts";

const layout = clusterLayout({ name: "dev", slot: 1, nodeCount: 2, base: "/state" });
const bare = clusterLayout({ name: "bare", slot: 1, nodeCount: 0, base: "/state" });
const node = layout.nodes[0];
if (node === undefined) throw new Error("no node");
const disks = nodeDisks({ volumes: 2, volumeMib: 64, raw: 1, rawMib: 128 });

test("etcd listens on the cluster's own loopback address only", () => {
  const urls = etcdArgs(layout).filter((arg) => arg.includes("://"));
  for (const url of urls) expect(url).toContain("://127.77.1.1:");
});

test("the API server is on the bridge with nodes, else on loopback without an endpoint", () => {
  const all = { controllerManager: true, audit: true };
  expect(apiserverArgs(layout, all)).toContain("--bind-address=10.177.0.1");
  expect(apiserverArgs(layout, all)).toContain("--endpoint-reconciler-type=lease");
  expect(apiserverArgs(bare, all)).toContain("--bind-address=127.77.1.1");
  expect(apiserverArgs(bare, all)).toContain("--endpoint-reconciler-type=none");
});

test("without a controller manager nothing waits for service accounts", () => {
  const flag = "--disable-admission-plugins=ServiceAccount";
  expect(apiserverArgs(bare, { controllerManager: false, audit: false })).toContain(flag);
  expect(apiserverArgs(bare, { controllerManager: true, audit: false })).not.toContain(flag);
});

test("the audit log is off when it is not wanted", () => {
  const audit = (wanted: boolean): readonly string[] =>
    apiserverArgs(bare, { controllerManager: false, audit: wanted }).filter((arg) =>
      arg.startsWith("--audit"),
    );
  expect(audit(false)).toEqual([]);
  expect(audit(true)).toContain("--audit-log-path=/state/bare/logs/audit.log");
  expect(parse(auditPolicy())).toMatchObject({ rules: [{ level: "Metadata" }] });
});

test("the grace period is longer than three heartbeats of a kubelet", () => {
  const flag = controllerManagerArgs(layout).find((arg) => arg.includes("grace-period")) ?? "";
  const { nodeLeaseDurationSeconds } = parse(kubeletConfig(layout, node)) as {
    readonly nodeLeaseDurationSeconds: number;
  };
  const heartbeatSeconds = nodeLeaseDurationSeconds / 4;
  expect(Number(/(\d+)s$/.exec(flag)?.[1])).toBeGreaterThan(3 * heartbeatSeconds);
});

test("a kubeconfig carries its certificates", () => {
  const text = kubeconfig({
    name: "n",
    server: "https://x:1",
    user: "u",
    caPem: "ca",
    certPem: "cert",
    keyPem: "key",
  });
  expect(parse(text)).toMatchObject({
    "current-context": "n",
    clusters: [{ cluster: { "certificate-authority-data": "Y2E=" } }],
    users: [{ user: { "client-certificate-data": "Y2VydA==", "client-key-data": "a2V5" } }],
  });
});

test("kubelet: own cgroup, cluster DNS, no oom score below that of others, images are kept", () => {
  expect(parse(kubeletConfig(layout, node))).toMatchObject({
    cgroupRoot: "/oaas-dev/node-1",
    cgroupDriver: "cgroupfs",
    clusterDNS: ["10.177.0.1"],
    oomScoreAdj: 0,
    failSwapOn: false,
    imageGCHighThresholdPercent: 100,
  });
});

test("kube-proxy leaves the host's conntrack limits alone", () => {
  expect(parse(kubeProxyConfig(layout, node))).toMatchObject({
    mode: "iptables",
    clusterCIDR: "10.177.64.0/18",
    conntrack: { maxPerCore: 0, min: 0 },
  });
});

test("containerd does not lower oom scores, which needs CAP_SYS_RESOURCE", () => {
  expect(containerdConfig("/usr/lib/cni")).toContain("restrict_oom_score_adj = true");
  expect(containerdConfig("/opt/cni/bin")).toContain('bin_dir = "/opt/cni/bin"');
});

test("pods get addresses of their node's network without masquerade", () => {
  expect(JSON.parse(cniConfig(node))).toMatchObject({
    plugins: [
      { type: "bridge", ipMasq: false, ipam: { ranges: [[{ subnet: "10.177.65.0/24" }]] } },
      { type: "portmap" },
    ],
  });
});

test("DNS forwards only if the host has a name server", () => {
  expect(corefile(layout, { forward: true })).toContain("forward . /etc/resolv.conf");
  expect(corefile(layout, { forward: false })).not.toContain("forward");
});

test("disks: local volumes and raw ones, each formatted once and mounted at every boot", () => {
  expect(disks.map((disk) => [disk.name, disk.mountPoint, disk.mib])).toEqual([
    ["volume-1", "/var/lib/local-disks/volume-1", 64],
    ["volume-2", "/var/lib/local-disks/volume-2", 64],
    ["raw-disk-1", "/var/lib/rawstor/disks/disk-1", 128],
  ]);
  expect(formatScript(disks)).toContain("make raw-disk-1 128M");
  for (const disk of disks) expect(bootScript(disks)).toContain(` ${disk.mountPoint}\n`);
});

test("a node hides the host's folders before it mounts anything", () => {
  const script = bootScript(disks);
  const at = (text: string): number => script.indexOf(text);
  expect(at("mount --make-rprivate /")).toBeLessThan(at("mount --rbind"));
  expect(at("mount --rbind")).toBeLessThan(at("mount -t tmpfs"));
  expect(at("mount -t tmpfs")).toBeLessThan(at("mount -o loop"));
});

test("one PV per local disk, none per raw one; the controller manager does not delete them", () => {
  const volumes = nodeVolumes(node, disks);
  expect(volumes).toHaveLength(2);
  expect(volumes[0]).toMatchObject({
    metadata: {
      name: "node-1-volume-1",
      annotations: { "pv.kubernetes.io/provisioned-by": "oaas.io/local-disks" },
    },
    spec: { capacity: { storage: "64Mi" }, persistentVolumeReclaimPolicy: "Delete" },
  });
  expect(JSON.parse(objectList(volumes))).toMatchObject({ kind: "List" });
});

test("a PV is pinned to its node", () => {
  const disk = disks[0];
  if (disk === undefined) throw new Error("no disk");
  expect(JSON.stringify(localVolume({ name: "node-9" }, disk))).toContain('"values":["node-9"]');
});
