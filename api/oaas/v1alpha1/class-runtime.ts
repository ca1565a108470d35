// ClassRuntime: one class deployed in one environment. Made by the OPackage controller, usable by
// hand.

import type {
  DecimalString,
  DnsLabel,
  Int32,
  Int64,
  KubeResource,
  StatusBase,
  Time,
} from "../../meta/index.ts";

import type { BindingName, ResolvedClass } from "./class-spec.ts";
import type { CollectionShape, ShardType } from "./collection-spec.ts";
import type { FunctionName, FunctionSpec } from "./function-spec.ts";
import type { DeploymentCondition, EnabledState } from "./opackage.ts";
import type {
  Constraints,
  DeletionPolicy,
  Enforcement,
  EnforcementDimension,
  Requirements,
  Telemetry,
  Template,
} from "./requirements.ts";

/**
 * One class in one environment: its functions and its data.
 *
 * @crd {
 *   group: "oaas.io",
 *   version: "v1alpha1",
 *   plural: "classruntimes",
 *   singular: "classruntime",
 *   shortNames: ["crt"],
 *   categories: ["oaas"],
 *   scope: "Namespaced",
 * }
 * @printcolumns [
 *   {name: "Class", type: "string", jsonPath: ".spec.class"},
 *   {name: "Environment", type: "string", jsonPath: ".spec.environment"},
 *   {name: "Ready", condition: "Ready"},
 *   {name: "Reason", condition: "Ready", field: "reason"},
 *   {name: "Functions", condition: "FunctionsReady"},
 *   {name: "Data", condition: "DataReady"},
 *   {name: "NFR", condition: "NfrMet", priority: 1},
 *   {name: "Template", type: "string", jsonPath: ".status.template", priority: 1},
 *   {name: "Message", condition: "Ready", field: "message", priority: 1},
 *   {name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp"}
 * ]
 * @selectable [".spec.class", ".spec.environment"]
 */
export interface ClassRuntime extends KubeResource<ClassRuntimeSpec, ClassRuntimeStatus> {
  readonly apiVersion: "oaas.io/v1alpha1";
  readonly kind: "ClassRuntime";
}

/**
 * The class, its functions, the shape of its data, what it shall reach.
 *
 * @immutable [
 *   {field: "class", mend: "delete this ClassRuntime and make one for the other class"},
 *   {field: "environment", default: "default", mend: "make another ClassRuntime there"},
 *   {
 *     field: "collection.partitioning",
 *     or: ["resolvedClass.partitioning"],
 *     default: "Hashed",
 *     mend: "ids would be looked for in other partitions; copy the objects into a new class",
 *   },
 *   {field: "collection.shardType", default: "Basic", mend: "copy the objects into a new class"}
 * ]
 * @x-kubernetes-validations [
 *   {
 *     rule: "!has(self.collection) || !has(self.collection.replicas) || self.collection.replicas \
 *       == 1 || (has(self.collection.shardType) && self.collection.shardType != 'Basic')",
 *     message: "collection.shardType Basic (the default) has one replica; use Mst or Raft for \
 *       more",
 *     fieldPath: ".collection.replicas",
 *   },
 *   {
 *     rule: "!has(self.collection) || !has(self.collection.shardType) || \
 *       self.collection.shardType != 'Raft' || !has(self.resolvedClass) || \
 *       !has(self.resolvedClass.persistent) || self.resolvedClass.persistent",
 *     message: "collection.shardType Raft needs resolvedClass.persistent true: term, vote and log \
 *       are always durable",
 *     fieldPath: ".collection.shardType",
 *   },
 *   {
 *     rule: "!has(self.collection) || !has(self.addons) || 'Odgm' in self.addons",
 *     message: "collection needs the addon Odgm; addons: [] means a class without data",
 *     fieldPath: ".addons",
 *   },
 * ]
 */
export interface ClassRuntimeSpec {
  /**
   * Wire id, "<package>.<Class>". Immutable; the first ClassRuntime of an environment that names it
   * owns it.
   *
   * @pattern ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\.[A-Za-z_][A-Za-z0-9_-]*$
   * @maxLength 192
   */
  readonly class: string;
  /** The class with everything inherited in it. */
  readonly resolvedClass?: ResolvedClass;
  /** The environment it runs in. Immutable. Default: default. */
  readonly environment?: DnsLabel;
  /** Template to use. Default: by the NFRs, then by the environment. */
  readonly templateHint?: Template;
  /**
   * What comes with it. Default: Odgm, a data grid; an empty list means functions without data.
   *
   * @maxItems 8
   * @x-kubernetes-list-type set
   */
  readonly addons?: readonly Addon[];
  /** Disabled: not served, data stays. Default Enabled. */
  readonly state?: EnabledState;
  /**
   * The functions.
   *
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly functions?: readonly FunctionSpec[];
  /**
   * Functions that are not served here.
   *
   * @maxItems 64
   * @x-kubernetes-list-type set
   */
  readonly disabledFunctions?: readonly FunctionName[];
  /**
   * Functions that are served here only when no other member serves them.
   *
   * @maxItems 64
   * @x-kubernetes-list-type set
   */
  readonly standbyFunctions?: readonly FunctionName[];
  /** Shape of the data. */
  readonly collection?: CollectionShape;
  /** What it shall reach. */
  readonly requirements?: Requirements;
  /** What it may never exceed. */
  readonly constraints?: Constraints;
  /** Whether measured gaps are acted upon. */
  readonly enforcement?: Enforcement;
  /** OpenTelemetry. */
  readonly telemetry?: Telemetry;
  /** What becomes of the data when this object goes. Default Retain. */
  readonly deletionPolicy?: DeletionPolicy;
  /** Nothing is reconciled; what runs goes on. */
  readonly suspend?: boolean;
}

/** What can come with a class. */
export type Addon = "Odgm";

/** What was seen. Conditions: Ready, FunctionsReady, DataReady, NfrObserved, NfrMet. */
export interface ClassRuntimeStatus extends StatusBase {
  /** The template in use. */
  readonly template?: Template;
  /**
   * Why that one.
   *
   * @maxLength 512
   */
  readonly templateReason?: string;
  /**
   * The functions.
   *
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly functions?: readonly FunctionStatus[];
  /** The data. */
  readonly collection?: CollectionSummary;
  /** Measurements and what follows from them. */
  readonly nfr?: NfrStatus;
}

/** A function as seen. */
export interface FunctionStatus {
  /** Its name. */
  readonly name: FunctionName;
  /** How it is. */
  readonly condition?: DeploymentCondition;
  /** Whether every wanted pod answers. */
  readonly ready?: boolean;
  /**
   * Why it is not ready.
   *
   * @maxLength 128
   */
  readonly reason?: string;
  /** Wanted pods. */
  readonly replicas?: Int32;
  /** Pods that answer. */
  readonly readyReplicas?: Int32;
  /**
   * Where it is called.
   *
   * @maxLength 1024
   */
  readonly url?: string;
  /**
   * What a person should know.
   *
   * @maxLength 1024
   */
  readonly message?: string;
}

/** The data as seen. */
export interface CollectionSummary {
  /** Name of the OdgmCollection. */
  readonly name: DnsLabel;
  /** Partitions wanted. */
  readonly partitions?: Int32;
  /** Partitions that serve. */
  readonly readyPartitions?: Int32;
  /** Replicas of each. */
  readonly replicas?: Int32;
  /** Data pods. */
  readonly nodes?: Int32;
  /** How replicas agree. */
  readonly shardType?: ShardType;
}

/** Measurements and what follows from them. */
export interface NfrStatus {
  /**
   * What was measured.
   *
   * @maxItems 128
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly observed?: readonly NfrObservation[];
  /**
   * What would meet the requirements.
   *
   * @maxItems 128
   * @x-kubernetes-list-type atomic
   */
  readonly recommended?: readonly NfrDecision[];
  /**
   * What is in force.
   *
   * @maxItems 128
   * @x-kubernetes-list-type atomic
   */
  readonly applied?: readonly NfrDecision[];
}

/** Measurements of one function or of the data; what is unknown is absent, never zero. */
export interface NfrObservation {
  /** Binding, or "collection" for the data. */
  readonly name: BindingName;
  /** Calls per second. */
  readonly throughputRps?: DecimalString;
  /** 95th percentile. */
  readonly latencyMs?: DecimalString;
  /** Share of calls that were answered without a system error. */
  readonly availability?: DecimalString;
  /** CPU of all pods. */
  readonly cpuMillicores?: Int64;
  /** Working set of all pods. */
  readonly memoryBytes?: Int64;
  /** When it was measured. */
  readonly time?: Time;
}

/** One number that follows from measurements. */
export interface NfrDecision {
  /** Binding, or "collection" for the data. */
  readonly name: BindingName;
  /** What it is about. */
  readonly dimension: EnforcementDimension;
  /** Pods, partitions or replicas; millicores; bytes. */
  readonly target: Int64;
  /**
   * From which measurements.
   *
   * @maxLength 512
   */
  readonly basis?: string;
  /** Since when. */
  readonly time?: Time;
}
