// Immutable fields: for each, the base document, two values, and whether unset means one of them.

/** One immutable field. */
export interface HeldField {
  readonly kind: "Environment" | "ClassRuntime" | "OdgmCollection" | "OstTarget" | "RawstorVolume";
  /** Dotted path below spec, as the message must name it. */
  readonly field: string;
  readonly base: object;
  /** Spec with a value, and with another. */
  readonly set: object;
  readonly other: object;
  /**
   * Spec with what unset means written out; leave out where unset means nothing that can be
   * written.
   */
  readonly written?: object;
  /** True for a required field: it cannot be unset. */
  readonly required?: boolean;
}

const runtime = { class: "shop.Cart" };
const collection = { collection: "shop.Cart" };
const disk = { nodeName: "node-1", path: "/var/lib/rawstor/disks/a" };
const claim = { nodeName: "node-1", volumeClaimTemplate: { size: "1Gi" } };
const volume = { size: "1Gi" };
const id = "0195f6c2-7a1e-7c3d-9b40-5e2f10a4c6d8";

/** Every immutable field. */
export const heldFields: readonly HeldField[] = [
  {
    kind: "Environment",
    field: "kubeconfigSecretRef",
    base: {},
    set: { kubeconfigSecretRef: { name: "a" } },
    other: {},
  },
  {
    kind: "ClassRuntime",
    field: "class",
    base: runtime,
    set: runtime,
    other: { class: "shop.Order" },
    required: true,
  },
  {
    kind: "ClassRuntime",
    field: "environment",
    base: runtime,
    set: { ...runtime, environment: "edge" },
    other: { ...runtime, environment: "cloud" },
    written: { ...runtime, environment: "default" },
  },
  {
    kind: "ClassRuntime",
    field: "collection.partitioning",
    base: runtime,
    set: { ...runtime, collection: { partitioning: "Explicit" } },
    other: { ...runtime, collection: { partitioning: "Hashed" } },
    written: { ...runtime, resolvedClass: { partitioning: "Hashed" } },
  },
  {
    kind: "ClassRuntime",
    field: "collection.shardType",
    base: runtime,
    set: { ...runtime, collection: { shardType: "Raft" } },
    other: { ...runtime, collection: { shardType: "Mst" } },
    written: { ...runtime, collection: { shardType: "Basic" } },
  },
  {
    kind: "OdgmCollection",
    field: "collection",
    base: collection,
    set: collection,
    other: { collection: "shop.Order" },
    required: true,
  },
  {
    kind: "OdgmCollection",
    field: "partitioning",
    base: collection,
    set: { ...collection, partitioning: "Explicit" },
    other: { ...collection, partitioning: "Hashed" },
    written: { ...collection, partitioning: "Hashed" },
  },
  {
    kind: "OdgmCollection",
    field: "shardType",
    base: collection,
    set: { ...collection, shardType: "Raft" },
    other: { ...collection, shardType: "Mst" },
    written: { ...collection, shardType: "Basic" },
  },
  {
    kind: "OdgmCollection",
    field: "storage.provider",
    base: { ...collection, resolvedClass: { persistent: false } },
    set: { ...collection, resolvedClass: { persistent: false }, storage: { provider: "Memory" } },
    other: { ...collection, resolvedClass: { persistent: false }, storage: { provider: "Volume" } },
    written: {
      ...collection,
      resolvedClass: { persistent: false },
      storage: { provider: "Volume" },
    },
  },
  {
    kind: "OdgmCollection",
    field: "storage.class",
    base: collection,
    set: { ...collection, storage: { class: "fast" } },
    other: { ...collection, storage: { class: "slow" } },
  },
  {
    kind: "OstTarget",
    field: "nodeName",
    base: disk,
    set: disk,
    other: { ...disk, nodeName: "node-2" },
    required: true,
  },
  {
    kind: "OstTarget",
    field: "path",
    base: disk,
    set: disk,
    other: { ...disk, path: "/var/lib/rawstor/disks/b" },
    required: true,
  },
  {
    kind: "OstTarget",
    field: "device",
    base: { nodeName: "node-1", device: "/dev/disk/by-id/a" },
    set: { nodeName: "node-1", device: "/dev/disk/by-id/a" },
    other: { nodeName: "node-1", device: "/dev/disk/by-id/b" },
    required: true,
  },
  {
    kind: "OstTarget",
    field: "volumeClaimTemplate.storageClassName",
    base: claim,
    set: { nodeName: "node-1", volumeClaimTemplate: { size: "1Gi", storageClassName: "a" } },
    other: { nodeName: "node-1", volumeClaimTemplate: { size: "1Gi", storageClassName: "b" } },
  },
  {
    kind: "RawstorVolume",
    field: "mode",
    base: volume,
    set: { ...volume, mode: "Immutable" },
    other: { ...volume, mode: "Mutable" },
    written: { ...volume, mode: "Mutable" },
  },
  {
    kind: "RawstorVolume",
    field: "volumeId",
    base: volume,
    set: { ...volume, volumeId: id },
    other: { ...volume, volumeId: id.replace("8", "9") },
  },
  {
    kind: "RawstorVolume",
    field: "policy.chunkSize",
    base: volume,
    set: { ...volume, policy: { chunkSize: "Whole" } },
    other: { ...volume, policy: { chunkSize: "1Mi" } },
    written: { ...volume, policy: { chunkSize: "64Mi" } },
  },
  {
    kind: "RawstorVolume",
    field: "policy.checksum",
    base: volume,
    set: { ...volume, policy: { checksum: "None" } },
    other: { ...volume, policy: { checksum: "Xxh3" } },
    written: { ...volume, policy: { checksum: "Xxh3" } },
  },
  {
    kind: "RawstorVolume",
    field: "policy.compression",
    base: { ...volume, mode: "Immutable" },
    set: { ...volume, mode: "Immutable", policy: { compression: "Lz4" } },
    other: { ...volume, mode: "Immutable", policy: { compression: "Zstd" } },
    written: { ...volume, mode: "Immutable", policy: { compression: "None" } },
  },
  {
    kind: "RawstorVolume",
    field: "policy.encryption.secretRef.name",
    base: volume,
    set: { ...volume, policy: { encryption: { secretRef: { name: "a" } } } },
    other: { ...volume, policy: { encryption: { secretRef: { name: "b" } } } },
  },
  {
    kind: "RawstorVolume",
    field: "source.volume",
    base: volume,
    set: { ...volume, source: { volume: "a" } },
    other: { ...volume, source: { volume: "b" } },
  },
];

/** A quantity that may only grow. */
export interface GrowingField {
  readonly kind: "OdgmCollection" | "OstTarget" | "RawstorVolume";
  readonly field: string;
  /** Specs from small to large, in different spellings. */
  readonly small: object;
  readonly large: object;
  /** What unset means lies between, if it can be unset. */
  readonly unset?: object;
}

/** Every field that only grows. */
export const growingFields: readonly GrowingField[] = [
  {
    kind: "OdgmCollection",
    field: "storage.size",
    small: { ...collection, storage: { size: "512Mi" } },
    large: { ...collection, storage: { size: "2Gi" } },
    unset: collection,
  },
  {
    kind: "OstTarget",
    field: "volumeClaimTemplate.size",
    small: { nodeName: "node-1", volumeClaimTemplate: { size: 1000000000 } },
    large: { nodeName: "node-1", volumeClaimTemplate: { size: "1Gi" } },
  },
  {
    kind: "RawstorVolume",
    field: "size",
    small: { size: "1000Mi" },
    large: { size: "1Gi" },
  },
];
