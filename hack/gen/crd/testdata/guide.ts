import type { ObjectMeta } from "kubernetes-types/meta/v1.js";

/**
 * A table that somebody keeps backed up.
 *
 * @crd {group: "example.com", version: "v1", plural: "backups", singular: "backup", scope: "Namespaced", shortNames: ["bk"]}
 * @printcolumns [{name: "Table", jsonPath: ".spec.table"}, {name: "Ready", condition: "Ready"}]
 */
export interface Backup {
  readonly apiVersion: "example.com/v1";
  readonly kind: "Backup";
  readonly metadata: ObjectMeta;
  readonly spec: BackupSpec;
  readonly status?: BackupStatus;
}

/**
 * What is backed up, and where to.
 *
 * @immutable [{field: "table", mend: "make another Backup"}]
 */
export interface BackupSpec {
  /** Name of the table. @minLength 1 @maxLength 63 */
  readonly table: string;
  /**
   * Copies that are kept.
   *
   * @asType integer
   * @format int32
   * @minimum 1
   * @maximum 30
   * @default 7
   */
  readonly copies?: number;
  /** Where to. */
  readonly to: Destination;
  /** Whom to tell. @maxItems 8 @x-kubernetes-list-type set */
  readonly tell?: readonly Address[];
}

/** One of these, told apart by its type. */
export type Destination = Bucket | Volume;

/** An S3 bucket. */
export interface Bucket {
  readonly type: "Bucket";
  /** Its name. @maxLength 63 */
  readonly bucket: string;
}

/** A claim in the same namespace. */
export interface Volume {
  readonly type: "Volume";
  /** Its name. @maxLength 253 */
  readonly claimName: string;
}

/** @maxLength 254 @format email */
export type Address = string;

/** What was seen. */
export interface BackupStatus {
  /** Generation of spec that this is about. @asType integer @format int64 @minimum -1 @maximum 9007199254740991 */
  readonly observedGeneration?: number;
  /** One per type. @maxItems 8 @x-kubernetes-list-type map @x-kubernetes-list-map-keys ["type"] */
  readonly conditions?: readonly Condition[];
}

/** One observation. */
export interface Condition {
  /** What is observed. @maxLength 63 */
  readonly type: string;
  /** Whether it holds. */
  readonly status: "True" | "False" | "Unknown";
  /** Why, in one word. @maxLength 63 */
  readonly reason: string;
  /** Why, for people. @maxLength 1024 */
  readonly message: string;
  /** When it last changed. */
  readonly lastTransitionTime: Date;
}
