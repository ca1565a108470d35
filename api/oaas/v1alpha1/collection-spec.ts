// Shape of a collection of objects: how many partitions and replicas, of which type, where. One
// type, inline in OdgmCollection and as `collection` in ClassRuntime.

import type { DnsLabel, Int32, Int64, LabelValue, NamedValue } from "../../meta/index.ts";

import type { Partitioning, Storage } from "./class-spec.ts";
import type { Toleration } from "./pod-parts.ts";

/** Shape of a collection. */
export interface CollectionShape {
  /**
   * Partitions. Default 1.
   *
   * @minimum 1
   * @maximum 4096
   */
  readonly partitions?: Int32;
  /**
   * Replicas of each partition. Default 1.
   *
   * @minimum 1
   * @maximum 9
   */
  readonly replicas?: Int32;
  /**
   * Data pods. Default: as many as replicas.
   *
   * @minimum 0
   * @maximum 256
   */
  readonly nodes?: Int32;
  /**
   * How replicas agree. Basic: one replica. Mst: merging replicas. Raft: one log. Cannot be
   * changed. Default Basic.
   */
  readonly shardType?: ShardType;
  /** How objects find their partition. Cannot be changed. Default Hashed. */
  readonly partitioning?: Partitioning;
  /**
   * Further options of the data pods, such as those of upstream's collections.
   *
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly options?: readonly NamedValue[];
  /** Where the data is kept. */
  readonly storage?: Storage;
  /** On which nodes the data pods run. */
  readonly placement?: Placement;
  /**
   * Who holds which partition: one entry per partition, in their order. Default: the operator
   * decides.
   *
   * @maxItems 4096
   * @x-kubernetes-list-type atomic
   */
  readonly assignments?: readonly ShardAssignment[];
  /** Members in several environments. Default: this one alone. */
  readonly group?: ReplicationGroup;
}

/** How replicas agree. */
export type ShardType = "Basic" | "Mst" | "Raft";

/** On which nodes data pods run. */
export interface Placement {
  /**
   * Labels that a node must have.
   *
   * @maxProperties 16
   */
  readonly nodeSelector?: { readonly [label: string]: LabelValue };
  /**
   * Taints of nodes on which they may run.
   *
   * @maxItems 16
   * @x-kubernetes-list-type atomic
   */
  readonly tolerations?: readonly Toleration[];
  /**
   * Label of nodes whose values tell failure domains apart. Default kubernetes.io/hostname.
   *
   * @minLength 1
   * @maxLength 317
   */
  readonly spreadBy?: string;
  /**
   * Hard: replicas of one partition never share a domain. Soft: if possible. Default by the
   * template.
   */
  readonly spread?: "Hard" | "Soft";
}

/** Who holds one partition. */
export interface ShardAssignment {
  /** Member that leads; one of owners. */
  readonly primary?: Int64;
  /**
   * Members that hold a replica.
   *
   * @minItems 1
   * @maxItems 9
   * @x-kubernetes-list-type atomic
   */
  readonly owners: readonly Int64[];
  /**
   * Shard ids of the replicas, in the order of owners. Default: the operator numbers them.
   *
   * @maxItems 9
   * @x-kubernetes-list-type atomic
   */
  readonly shardIds?: readonly Int64[];
}

/** Members of a group that spans environments. */
export interface ReplicationGroup {
  /**
   * The members.
   *
   * @minItems 1
   * @maxItems 32
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["id"]
   */
  readonly members: readonly GroupMember[];
}

/** One environment of a group. */
export interface GroupMember {
  /**
   * Number of the member, never reused.
   *
   * @minimum 1
   */
  readonly id: Int32;
  /** Its environment. */
  readonly environment: DnsLabel;
  /**
   * How the others reach it. Default: the environment's peerAddress.
   *
   * @pattern ^[^\s/]+:[0-9]{1,5}$
   * @maxLength 260
   */
  readonly address?: string;
}
