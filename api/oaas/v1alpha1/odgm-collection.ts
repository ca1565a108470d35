// OdgmCollection: one collection of objects and the data pods that hold it.

import type {
  DnsLabel,
  Int32,
  Int64,
  KubeResource,
  ResourceRequirements,
  StatusBase,
} from "../../meta/index.ts";

import type { BindingName, ResolvedClass } from "./class-spec.ts";
import type { CollectionShape } from "./collection-spec.ts";
import type { FunctionProtocol } from "./pod-parts.ts";
import type { DeletionPolicy, Telemetry } from "./requirements.ts";

/**
 * A collection of objects: partitions, their replicas, and the pods that hold them.
 *
 * @crd {
 *   group: "oaas.io",
 *   version: "v1alpha1",
 *   plural: "odgmcollections",
 *   singular: "odgmcollection",
 *   shortNames: ["odgm"],
 *   categories: ["oaas"],
 *   scope: "Namespaced",
 * }
 * @printcolumns [
 *   {name: "Collection", type: "string", jsonPath: ".spec.collection"},
 *   {name: "Ready", condition: "Ready"},
 *   {name: "Reason", condition: "Ready", field: "reason"},
 *   {name: "Nodes", type: "integer", jsonPath: ".status.nodeCount"},
 *   {name: "Partitions", type: "integer", jsonPath: ".status.partitions.total"},
 *   {name: "Serving", type: "integer", jsonPath: ".status.partitions.serving"},
 *   {name: "Replicated", condition: "FullyReplicated"},
 *   {name: "Balanced", type: "boolean", jsonPath: ".status.leadersBalanced", priority: 1},
 *   {name: "Moving", condition: "Rebalancing", priority: 1},
 *   {name: "Lag", type: "integer", jsonPath: ".status.lagEntries", priority: 1},
 *   {name: "Type", type: "string", jsonPath: ".spec.shardType", priority: 1},
 *   {name: "Objects", type: "integer", jsonPath: ".status.objects", priority: 1},
 *   {name: "Bytes", type: "integer", jsonPath: ".status.bytes", priority: 1},
 *   {name: "Message", condition: "Ready", field: "message", priority: 1},
 *   {name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp"}
 * ]
 * @scale {
 *   specReplicasPath: ".spec.nodes",
 *   statusReplicasPath: ".status.nodeCount",
 *   labelSelectorPath: ".status.selector",
 * }
 * @selectable [".spec.collection"]
 */
export interface OdgmCollection extends KubeResource<OdgmCollectionSpec, OdgmCollectionStatus> {
  readonly apiVersion: "oaas.io/v1alpha1";
  readonly kind: "OdgmCollection";
}

/**
 * Name and shape of the collection, and the functions that its objects have.
 *
 * @immutable [
 *   {field: "collection", mend: "delete this OdgmCollection and make one of the other name"},
 *   {
 *     field: "partitioning",
 *     default: "Hashed",
 *     mend: "ids would be looked for in other partitions; copy the objects into a new collection",
 *   },
 *   {field: "shardType", default: "Basic", mend: "copy the objects into a new collection"},
 *   {field: "storage.provider", default: "Volume", mend: "copy the objects into a new collection"},
 *   {
 *     field: "storage.class",
 *     default: "",
 *     mend: "claims cannot change their StorageClass; copy the objects into a new collection",
 *   },
 * ]
 * @growonly [{field: "storage.size", default: "1Gi", mend: "claims only grow (default 1Gi)"}]
 * @x-kubernetes-validations [
 *   {
 *     rule: "!has(self.replicas) || self.replicas == 1 || (has(self.shardType) && self.shardType \
 *       != 'Basic')",
 *     message: "shardType Basic (the default) has one replica; use Mst or Raft for more",
 *     fieldPath: ".replicas",
 *   },
 *   {
 *     rule: "!has(self.nodes) || self.nodes == 0 || has(self.group) || self.nodes >= \
 *       (has(self.replicas) ? self.replicas : 1)",
 *     message: "nodes must be at least replicas, or 0 to rest",
 *     fieldPath: ".nodes",
 *   },
 *   {
 *     rule: "!has(self.assignments) || self.assignments.size() == (has(self.partitions) ? \
 *       self.partitions : 1)",
 *     message: "assignments needs one entry per partition (partitions defaults to 1)",
 *     fieldPath: ".assignments",
 *   },
 *   {
 *     rule: "!has(self.group) || (has(self.shardType) && self.shardType != 'Basic')",
 *     message: "group needs shardType Raft or Mst: Basic data has one home",
 *     fieldPath: ".group",
 *   },
 *   {
 *     rule: "!has(self.shardType) || self.shardType != 'Raft' || !has(self.resolvedClass) || \
 *       !has(self.resolvedClass.persistent) || self.resolvedClass.persistent",
 *     message: "shardType Raft needs resolvedClass.persistent true: term, vote and log are always \
 *       durable",
 *     fieldPath: ".shardType",
 *   },
 *   {
 *     rule: "!has(self.storage) || !has(self.storage.provider) || self.storage.provider != \
 *       'Memory' || (has(self.resolvedClass) && has(self.resolvedClass.persistent) && \
 *       !self.resolvedClass.persistent)",
 *     message: "storage.provider Memory needs resolvedClass.persistent false",
 *     fieldPath: ".storage.provider",
 *   },
 * ]
 */
export interface OdgmCollectionSpec extends CollectionShape {
  /**
   * Wire name of the collection. Immutable.
   *
   * @pattern ^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$
   * @maxLength 192
   */
  readonly collection: string;
  /** The class of its objects: keys, triggers, timers, bindings, consistency. */
  readonly resolvedClass?: ResolvedClass;
  /**
   * Where the functions of its objects are called.
   *
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly routes?: readonly FunctionRoute[];
  /** CPU and memory of each data pod. Default: the operator's. */
  readonly resources?: ResourceRequirements;
  /**
   * Image of the data pods. Default: the operator's.
   *
   * @minLength 1
   * @maxLength 512
   */
  readonly image?: string;
  /** OpenTelemetry of the data pods. */
  readonly telemetry?: Telemetry;
  /** What becomes of the data when this object goes. Default Retain. */
  readonly deletionPolicy?: DeletionPolicy;
  /** Nothing is reconciled; what runs goes on. */
  readonly suspend?: boolean;
}

/**
 * Where one function is called.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "has(self.url) || (has(self.disabled) && self.disabled)",
 *     message: "url is needed unless disabled",
 *     fieldPath: ".url",
 *   },
 * ]
 */
export interface FunctionRoute {
  /** Binding name. */
  readonly name: BindingName;
  /**
   * Address of the function.
   *
   * @pattern ^(https?|grpcs?)://[^\s/?#@]+(/[^\s]*)?$
   * @maxLength 1024
   */
  readonly url?: string;
  /** What it speaks there. Default Grpc. */
  readonly protocol?: FunctionProtocol;
  /** It needs no object. Default false. */
  readonly stateless?: boolean;
  /** It is called only when no other member serves it. Default false. */
  readonly standby?: boolean;
  /**
   * Shards that may call it. Default: all.
   *
   * @maxItems 256
   * @x-kubernetes-list-type set
   */
  readonly activeGroup?: readonly Int64[];
  /** It is not served. Default false. */
  readonly disabled?: boolean;
  /**
   * Time for one call. Default 30000.
   *
   * @minimum 1
   * @maximum 3600000
   */
  readonly timeoutMs?: Int32;
}

/** What was seen. Conditions: Ready, DataReady, FullyReplicated, Rebalancing. */
export interface OdgmCollectionStatus extends StatusBase {
  /** Data pods that exist. */
  readonly nodeCount?: Int32;
  /**
   * Label selector of the data pods, as text.
   *
   * @maxLength 1024
   */
  readonly selector?: string;
  /** Partitions by state. */
  readonly partitions?: PartitionCounts;
  /**
   * The worst partitions.
   *
   * @maxItems 32
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["partition"]
   */
  readonly troubledPartitions?: readonly TroubledPartition[];
  /** Whether no pod leads two partitions more than another. */
  readonly leadersBalanced?: boolean;
  /** Generation of the assignment that the pods serve by. */
  readonly assignmentGeneration?: Int64;
  /** Bytes of live data, over all partitions, one replica each. Absent if they are not counted. */
  readonly bytes?: Int64;
  /** Objects, over all partitions. */
  readonly objects?: Int64;
  /** Raft: committed entries that the replica lacks which is farthest behind. Unset: none. */
  readonly lagEntries?: Int64;
  /** Mst: longest time, in milliseconds, since a replica heard from another. Unset: none. */
  readonly lagMs?: Int64;
  /** Service in front of the data pods. */
  readonly service?: DnsLabel;
}

/** Partitions by state. */
export interface PartitionCounts {
  /** All. */
  readonly total: Int32;
  /** Those that answer. */
  readonly serving: Int32;
  /** Those that answer with fewer replicas than wanted. */
  readonly degraded?: Int32;
  /** Those that do not answer. */
  readonly unavailable?: Int32;
  /** Those that move. */
  readonly moving?: Int32;
}

/** A partition that is not well. */
export interface TroubledPartition {
  /**
   * Its number.
   *
   * @maximum 65535
   */
  readonly partition: Int32;
  /** How it is. */
  readonly state: "Degraded" | "Unavailable" | "Moving";
  /**
   * Why.
   *
   * @maxLength 512
   */
  readonly message?: string;
}
