// OstTarget: one disk, partition or folder of one node that holds parts of Rawstor objects.

import type {
  DnsName,
  Int32,
  Int64,
  KubeResource,
  LabelValue,
  Quantity,
  ResourceRequirements,
  StatusBase,
  Time,
} from "../../meta/index.ts";

/**
 * A disk, partition or folder of a node that stores parts of objects.
 *
 * @crd {
 *   group: "rawstor.io",
 *   version: "v1alpha1",
 *   plural: "osttargets",
 *   singular: "osttarget",
 *   shortNames: ["ost"],
 *   categories: ["rawstor"],
 *   scope: "Cluster",
 * }
 * @printcolumns [
 *   {name: "Node", type: "string", jsonPath: ".spec.nodeName"},
 *   {name: "Ready", condition: "Ready"},
 *   {name: "Reason", condition: "Ready", field: "reason"},
 *   {name: "Total", type: "integer", jsonPath: ".status.capacity.totalBytes"},
 *   {name: "Used", type: "integer", jsonPath: ".status.capacity.usedBytes"},
 *   {name: "Maintenance", type: "string", jsonPath: ".spec.maintenance"},
 *   {name: "Address", type: "string", jsonPath: ".status.address", priority: 1},
 *   {name: "Objects", type: "integer", jsonPath: ".status.objects", priority: 1},
 *   {name: "Disk", condition: "DiskHealthy", priority: 1},
 *   {name: "Message", condition: "Ready", field: "message", priority: 1},
 *   {name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp"}
 * ]
 * @selectable [".spec.nodeName"]
 */
export interface OstTarget extends KubeResource<OstTargetSpec, OstTargetStatus> {
  readonly apiVersion: "rawstor.io/v1alpha1";
  readonly kind: "OstTarget";
}

/**
 * Which disk of which node, how much of it, and what shall happen to it.
 *
 * @immutable [
 *   {field: "nodeName", mend: "drain this target and make another on that node"},
 *   {field: "path", default: "", mend: "drain this target and make another"},
 *   {field: "device", default: "", mend: "drain this target and make another"},
 *   {
 *     field: "volumeClaimTemplate.storageClassName",
 *     default: "",
 *     mend: "drain this target and make another",
 *   },
 * ]
 * @x-kubernetes-validations [
 *   {
 *     rule: "[has(self.path), has(self.device), has(self.volumeClaimTemplate)].exists_one(x, x)",
 *     message: "set exactly one of path, device, volumeClaimTemplate",
 *   },
 *   {
 *     rule: "has(self.volumeClaimTemplate) == has(oldSelf.volumeClaimTemplate)",
 *     message: "volumeClaimTemplate is immutable: drain this target and make another",
 *     fieldPath: ".volumeClaimTemplate",
 *   },
 *   {
 *     rule: "!has(self.volumeClaimTemplate) || !has(oldSelf.volumeClaimTemplate) || \
 *       quantity(string(self.volumeClaimTemplate.size)).compareTo(\
 *       quantity(string(oldSelf.volumeClaimTemplate.size))) >= 0",
 *     message: "volumeClaimTemplate.size cannot shrink: claims only grow",
 *     fieldPath: ".volumeClaimTemplate.size",
 *   },
 * ]
 */
export interface OstTargetSpec {
  /** Node that has the disk. Immutable. */
  readonly nodeName: DnsName;
  /**
   * A folder, under a prefix that the operator allows. Immutable.
   *
   * @pattern ^(/[A-Za-z0-9_][-A-Za-z0-9_.]*)+$
   * @maxLength 512
   */
  readonly path?: string;
  /**
   * A disk or partition by id. Immutable.
   *
   * @pattern ^/dev/disk/by-(id|path|partuuid|uuid|partlabel)/[-A-Za-z0-9_.:+]+$
   * @maxLength 512
   */
  readonly device?: string;
  /** A claim of a StorageClass that binds on the node. Immutable, but its size may grow. */
  readonly volumeClaimTemplate?: TargetClaim;
  /** How much of it may be used. Default: all that is there when it is formatted. */
  readonly capacity?: Quantity;
  /**
   * Share of new data relative to other targets of the same size, in percent; 0: none. Default 100.
   *
   * @maximum 1000
   */
  readonly weight?: Int32;
  /** Where it stands. Default: from the node's labels. */
  readonly topology?: TargetTopology;
  /** Cordon: nothing new is put here. Drain: everything is moved away. Default None. */
  readonly maintenance?: Maintenance;
  /** CPU and memory of its pod. Default: the operator's. */
  readonly resources?: ResourceRequirements;
  /**
   * Image of its pod. Default: the operator's.
   *
   * @minLength 1
   * @maxLength 512
   */
  readonly image?: string;
}

/** What shall happen to the data on a target. */
export type Maintenance = "None" | "Cordon" | "Drain";

/** A claim for a target's disk. */
export interface TargetClaim {
  /**
   * StorageClass. Default: the cluster's default.
   *
   * @pattern ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$
   * @maxLength 253
   */
  readonly storageClassName?: string;
  /** Size; may grow. */
  readonly size: Quantity;
}

/** Where a target stands. */
export interface TargetTopology {
  /** Rack. Default: label topology.rawstor.io/rack of the node. */
  readonly rack?: LabelValue;
  /** Zone. Default: label topology.kubernetes.io/zone of the node. */
  readonly zone?: LabelValue;
}

/** What was seen. Conditions: Ready, DiskHealthy, Registered, Drained. */
export interface OstTargetStatus extends StatusBase {
  /**
   * Numeric IPv4 and port of its Service, the location that clients use.
   *
   * @maxLength 64
   */
  readonly address?: string;
  /** Size and use of the disk. */
  readonly capacity?: TargetCapacity;
  /** Objects on it. */
  readonly objects?: Int64;
  /**
   * The latest errors of the disk, newest first.
   *
   * @maxItems 32
   * @x-kubernetes-list-type atomic
   */
  readonly lastErrors?: readonly DiskError[];
  /** Where it stands, as found. */
  readonly topology?: TargetTopology;
}

/** Size and use of a disk. */
export interface TargetCapacity {
  /** What may be used. */
  readonly totalBytes: Int64;
  /** What is used. */
  readonly usedBytes: Int64;
  /** What is left. */
  readonly availableBytes: Int64;
}

/** An error of a disk. */
export interface DiskError {
  /** When. */
  readonly time: Time;
  /**
   * errno or our own code, such as EIO.
   *
   * @maxLength 63
   */
  readonly code: string;
  /**
   * What happened.
   *
   * @maxLength 512
   */
  readonly message?: string;
  /** How often in a row. */
  readonly count?: Int32;
}
