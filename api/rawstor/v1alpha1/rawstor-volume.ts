// RawstorVolume: one Rawstor object that clients use as a block device.

import type {
  DnsName,
  Int32,
  Int64,
  KubeResource,
  Quantity,
  Ratio,
  StatusBase,
} from "../../meta/index.ts";

import type { StoragePolicy } from "./policy.ts";

/**
 * A volume: chunks on targets, copied as its policy says.
 *
 * @crd {
 *   group: "rawstor.io",
 *   version: "v1alpha1",
 *   plural: "rawstorvolumes",
 *   singular: "rawstorvolume",
 *   shortNames: ["rvol"],
 *   categories: ["rawstor"],
 *   scope: "Namespaced",
 * }
 * @printcolumns [
 *   {name: "Size", type: "string", jsonPath: ".spec.size"},
 *   {name: "Ready", condition: "Ready"},
 *   {name: "Reason", condition: "Ready", field: "reason"},
 *   {name: "Redundant", condition: "Redundant"},
 *   {name: "Endpoint", type: "string", jsonPath: ".status.endpoint"},
 *   {name: "Mode", type: "string", jsonPath: ".spec.mode", priority: 1},
 *   {name: "Volume", type: "string", jsonPath: ".status.volumeId", priority: 1},
 *   {name: "Degraded", type: "integer", jsonPath: ".status.redundancy.degraded", priority: 1},
 *   {name: "Message", condition: "Ready", field: "message", priority: 1},
 *   {name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp"}
 * ]
 */
export interface RawstorVolume extends KubeResource<RawstorVolumeSpec, RawstorVolumeStatus> {
  readonly apiVersion: "rawstor.io/v1alpha1";
  readonly kind: "RawstorVolume";
}

/**
 * Size, mode and policy of a volume.
 *
 * @growonly [{field: "size", mend: "copy the data into a smaller volume"}]
 * @immutable [
 *   {field: "mode", default: "Mutable", mend: "copy the data into a new volume"},
 *   {field: "volumeId", default: "", mend: "make another RawstorVolume for the other volume"},
 *   {field: "policy.chunkSize", default: "64Mi", mend: "copy the data into a new volume"},
 *   {field: "policy.checksum", default: "Xxh3", mend: "copy the data into a new volume"},
 *   {field: "policy.compression", default: "None", mend: "copy the data into a new volume"},
 *   {
 *     field: "policy.encryption.secretRef.name",
 *     default: "",
 *     mend: "copy the data into a new volume",
 *   },
 *   {
 *     field: "policy.encryption.secretRef.key",
 *     default: "key",
 *     mend: "copy the data into a new volume",
 *   },
 *   {field: "source.volume", default: "", mend: "it is read once, when the volume is made"},
 *   {field: "source.snapshotId", default: "", mend: "it is read once, when the volume is made"}
 * ]
 * @x-kubernetes-validations [
 *   {
 *     rule: "!has(self.policy) || !has(self.policy.compression) || self.policy.compression == \
 *       'None' || (has(self.mode) && self.mode == 'Immutable')",
 *     message: "policy.compression needs mode Immutable",
 *     fieldPath: ".policy.compression",
 *   },
 *   {
 *     rule: "!has(self.policy) || !has(self.policy.redundancy) || \
 *       !has(self.policy.redundancy.dataShards) || (has(self.mode) && self.mode == 'Immutable')",
 *     message: "erasure coding needs mode Immutable; use copies",
 *     fieldPath: ".policy.redundancy.dataShards",
 *   },
 *   {
 *     rule: "!(has(self.volumeId) && has(self.source))",
 *     message: "volumeId adopts a volume, source makes one: set at most one",
 *     fieldPath: ".source",
 *   },
 * ]
 */
export interface RawstorVolumeSpec {
  /** Size of the volume; may grow. */
  readonly size: Quantity;
  /**
   * Mutable: for block devices. Immutable: written once, then only read. Immutable. Default
   * Mutable.
   */
  readonly mode?: VolumeMode;
  /**
   * An existing volume to adopt. Immutable. Default: a new one.
   *
   * @pattern ^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$
   * @maxLength 36
   */
  readonly volumeId?: string;
  /** How its data is cut up, copied and prepared. */
  readonly policy?: StoragePolicy;
  /** What its clients together may use. */
  readonly qos?: VolumeQos;
  /** What it is filled with when it is made. Immutable. Default: zeros. */
  readonly source?: VolumeSource;
  /** How it is offered to clients that do not speak Rawstor. Default: not at all. */
  readonly export?: VolumeExport;
  /** What becomes of the data when this object goes. Default Retain. */
  readonly deletionPolicy?: VolumeDeletionPolicy;
}

/** Whether a volume is written more than once. */
export type VolumeMode = "Mutable" | "Immutable";

/** What becomes of the data when its owner is deleted. */
export type VolumeDeletionPolicy = "Retain" | "Delete";

/** Limits. */
export interface VolumeQos {
  /**
   * Operations per second.
   *
   * @minimum 1
   */
  readonly iops?: Int32;
  /** Bytes per second. */
  readonly bytesPerSecond?: Quantity;
}

/**
 * What a volume is filled with.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "has(self.volume) != has(self.snapshotId)",
 *     message: "set exactly one of volume, snapshotId",
 *   },
 * ]
 */
export interface VolumeSource {
  /** A RawstorVolume of the same namespace, as it is at that moment. */
  readonly volume?: DnsName;
  /**
   * A snapshot.
   *
   * @pattern ^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$
   * @maxLength 36
   */
  readonly snapshotId?: string;
}

/** How a volume is offered. */
export interface VolumeExport {
  /** As a network block device. */
  readonly nbd?: NbdExport;
}

/** A network block device. */
export interface NbdExport {
  /** Whether writes are refused. Default: true with mode Immutable. */
  readonly readOnly?: boolean;
  /**
   * Port of its Service. Default 10809.
   *
   * @minimum 1
   * @maximum 65535
   */
  readonly port?: Int32;
}

/** What was seen. Conditions: Ready, Allocated, Redundant, Exported. */
export interface RawstorVolumeStatus extends StatusBase {
  /**
   * Id of the volume in mds.
   *
   * @maxLength 36
   */
  readonly volumeId?: string;
  /** Chunks. */
  readonly chunks?: Int64;
  /** Targets that hold some of them. */
  readonly targets?: Int32;
  /** Chunks by how many copies they have. */
  readonly redundancy?: RedundancyCounts;
  /** Progress of making copies. */
  readonly rebuild?: RebuildProgress;
  /**
   * Where the export answers, host:port.
   *
   * @maxLength 260
   */
  readonly endpoint?: string;
}

/** Chunks by how many copies they have. */
export interface RedundancyCounts {
  /** With all. */
  readonly whole: Int64;
  /** With fewer. */
  readonly degraded: Int64;
  /** With none that is current. */
  readonly lost: Int64;
}

/** Progress of making copies. */
export interface RebuildProgress {
  /** Bytes to be copied in all. */
  readonly totalBytes: Int64;
  /** Bytes copied. */
  readonly doneBytes: Int64;
  /** The same as a share. */
  readonly ratio?: Ratio;
}
