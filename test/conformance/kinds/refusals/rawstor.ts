// Bad targets and volumes.
import type { Refusal } from "./row.ts";

const target = { nodeName: "node-1" };
const path = "/var/lib/rawstor/disks/a";
const volume = { size: "1Gi" };

/** Bad targets. */
export const ostTargetRefusals: readonly Refusal[] = [
  { name: "no node", spec: { path }, field: "spec.nodeName" },
  { name: "no disk", spec: target, field: "spec", says: "exactly one of path, device" },
  {
    name: "two disks",
    spec: { ...target, path, device: "/dev/disk/by-id/a" },
    field: "spec",
    says: "exactly one of path, device",
  },
  { name: "a relative path", spec: { ...target, path: "disks/a" }, field: "spec.path" },
  { name: "a path that climbs", spec: { ...target, path: "/var/lib/../a" }, field: "spec.path" },
  {
    name: "a device by its changing name",
    spec: { ...target, device: "/dev/sda" },
    field: "spec.device",
  },
  {
    name: "a claim without a size",
    spec: { ...target, volumeClaimTemplate: {} },
    field: "spec.volumeClaimTemplate.size",
  },
  {
    name: "a capacity that is none",
    spec: { ...target, path, capacity: "1 TB" },
    field: "spec.capacity",
  },
  { name: "a weight as text", spec: { ...target, path, weight: "1.0" }, field: "spec.weight" },
  { name: "too much weight", spec: { ...target, path, weight: 1001 }, field: "spec.weight" },
  {
    name: "a rack that is no label",
    spec: { ...target, path, topology: { rack: "r 1" } },
    field: "spec.topology.rack",
  },
  {
    name: "an unknown maintenance",
    spec: { ...target, path, maintenance: "drain" },
    field: "spec.maintenance",
  },
  { name: "an empty image", spec: { ...target, path, image: "" }, field: "spec.image" },
  { name: "an unknown field", spec: { ...target, path, replicas: 2 }, field: "spec.replicas" },
];

/** Bad volumes. */
export const rawstorVolumeRefusals: readonly Refusal[] = [
  { name: "no size", spec: {}, field: "spec.size" },
  { name: "a size that is none", spec: { size: "ten" }, field: "spec.size" },
  { name: "an unknown mode", spec: { ...volume, mode: "mutable" }, field: "spec.mode" },
  { name: "an id that is no UUID", spec: { ...volume, volumeId: "7" }, field: "spec.volumeId" },
  {
    name: "a chunk size that is no power of two",
    spec: { ...volume, policy: { chunkSize: "48Mi" } },
    field: "spec.policy.chunkSize",
  },
  {
    name: "a chunk size in bytes",
    spec: { ...volume, policy: { chunkSize: 67108864 } },
    field: "spec.policy.chunkSize",
  },
  {
    name: "copies and shards",
    spec: { ...volume, policy: { redundancy: { copies: 2, dataShards: 4, parityShards: 2 } } },
    field: "spec.policy.redundancy",
  },
  {
    name: "data without parity",
    spec: { ...volume, mode: "Immutable", policy: { redundancy: { dataShards: 4 } } },
    field: "spec.policy.redundancy.parityShards",
  },
  {
    name: "parity on a mutable volume",
    spec: { ...volume, policy: { redundancy: { dataShards: 4, parityShards: 2 } } },
    field: "spec.policy.redundancy.dataShards",
  },
  {
    name: "minCopies above copies",
    spec: { ...volume, policy: { redundancy: { copies: 2, minCopies: 3 } } },
    field: "spec.policy.redundancy.minCopies",
  },
  {
    name: "compression of a mutable volume",
    spec: { ...volume, policy: { compression: "Zstd" } },
    field: "spec.policy.compression",
  },
  {
    name: "an unknown failure domain",
    spec: { ...volume, policy: { failureDomain: "Room" } },
    field: "spec.policy.failureDomain",
  },
  {
    name: "a negative spread",
    spec: { ...volume, policy: { distribution: { targets: -1 } } },
    field: "spec.policy.distribution.targets",
  },
  {
    name: "encryption without a Secret",
    spec: { ...volume, policy: { encryption: {} } },
    field: "spec.policy.encryption.secretRef",
  },
  {
    name: "an unknown checksum",
    spec: { ...volume, policy: { checksum: "Md5" } },
    field: "spec.policy.checksum",
  },
  { name: "no operations", spec: { ...volume, qos: { iops: 0 } }, field: "spec.qos.iops" },
  {
    name: "two sources",
    spec: {
      ...volume,
      source: { volume: "a", snapshotId: "0195f6c2-7a1e-7c3d-9b40-5e2f10a4c6d8" },
    },
    field: "spec.source",
  },
  {
    name: "an adopted volume with a source",
    spec: {
      ...volume,
      volumeId: "0195f6c2-7a1e-7c3d-9b40-5e2f10a4c6d8",
      source: { volume: "a" },
    },
    field: "spec.source",
  },
  {
    name: "an NBD port of 0",
    spec: { ...volume, export: { nbd: { port: 0 } } },
    field: "spec.export.nbd.port",
  },
  {
    name: "an unknown export",
    spec: { ...volume, export: { iscsi: {} } },
    field: "spec.export.iscsi",
  },
];
