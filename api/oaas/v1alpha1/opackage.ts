// OPackage: classes, functions and where they are deployed. What users write.

import type {
  DecimalString,
  DnsLabel,
  DnsName,
  Int32,
  KubeResource,
  NamedValue,
  StatusBase,
} from "../../meta/index.ts";

import type { ClassBody, KeyName } from "./class-spec.ts";
import type { ShardAssignment, ShardType } from "./collection-spec.ts";
import type { ClassRef, FunctionName, FunctionSpec } from "./function-spec.ts";
import type {
  Constraints,
  DeletionPolicy,
  Enforcement,
  Requirements,
  Telemetry,
  Template,
} from "./requirements.ts";

/**
 * A package: classes of objects, functions bound to them, and where they are deployed.
 *
 * @crd {
 *   group: "oaas.io",
 *   version: "v1alpha1",
 *   plural: "opackages",
 *   singular: "opackage",
 *   shortNames: ["opkg"],
 *   categories: ["oaas"],
 *   scope: "Namespaced",
 * }
 * @printcolumns [
 *   {name: "Version", type: "string", jsonPath: ".spec.version"},
 *   {name: "Ready", condition: "Ready"},
 *   {name: "Reason", condition: "Ready", field: "reason"},
 *   {name: "Classes", type: "string", jsonPath: ".spec.classes[*].name"},
 *   {name: "Deployments", type: "string", jsonPath: ".status.deployments[*].condition"},
 *   {name: "Valid", condition: "Valid", priority: 1},
 *   {name: "Planned", condition: "Planned", priority: 1},
 *   {name: "Message", condition: "Ready", field: "message", priority: 1},
 *   {name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp"}
 * ]
 * @x-kubernetes-validations [
 *   {
 *     rule: "self.metadata.name.size() <= 63",
 *     message: "metadata.name: at most 63 characters; it is the package part of every wire id",
 *   },
 * ]
 */
export interface OPackage extends KubeResource<OPackageSpec, OPackageStatus> {
  readonly apiVersion: "oaas.io/v1alpha1";
  readonly kind: "OPackage";
}

/** Classes, functions, deployments. */
export interface OPackageSpec {
  /**
   * Version of the package, opaque.
   *
   * @minLength 1
   * @maxLength 64
   */
  readonly version?: string;
  /**
   * For people.
   *
   * @maxLength 1024
   */
  readonly description?: string;
  /**
   * For people.
   *
   * @maxLength 256
   */
  readonly author?: string;
  /**
   * For people and tools.
   *
   * @maxItems 32
   * @x-kubernetes-list-type set
   */
  readonly tags?: readonly Tag[];
  /**
   * Packages of the same namespace whose classes or functions are used here.
   *
   * @maxItems 32
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly dependencies?: readonly PackageDependency[];
  /** Disabled: nothing is served, data stays. Default Enabled. */
  readonly state?: EnabledState;
  /** Nothing is reconciled; what runs goes on. */
  readonly suspend?: boolean;
  /**
   * The classes.
   *
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly classes?: readonly OPackageClass[];
  /**
   * The functions.
   *
   * @maxItems 128
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly functions?: readonly FunctionSpec[];
  /**
   * Which class runs where.
   *
   * @maxItems 32
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly deployments?: readonly OPackageDeployment[];
}

/** Whether something is served. */
export type EnabledState = "Enabled" | "Disabled";

/**
 * A word that describes a package.
 *
 * @minLength 1
 * @maxLength 63
 */
export type Tag = string;

/** A package that this one needs. */
export interface PackageDependency {
  /** Its name, in the same namespace. */
  readonly name: DnsLabel;
}

/**
 * A class of objects.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "!has(self.stalenessBoundSeconds) || (has(self.consistency) && self.consistency == \
 *       'BoundedStaleness')",
 *     message: "stalenessBoundSeconds belongs to consistency BoundedStaleness",
 *     fieldPath: ".stalenessBoundSeconds",
 *   },
 *   {
 *     rule: "!has(self.consistency) || self.consistency != 'BoundedStaleness' || \
 *       has(self.stalenessBoundSeconds)",
 *     message: "consistency BoundedStaleness needs stalenessBoundSeconds",
 *     fieldPath: ".stalenessBoundSeconds",
 *   },
 *   {
 *     rule: "!has(self.consistency) || self.consistency != 'Strong' || !has(self.persistent) || \
 *       self.persistent",
 *     message: "consistency Strong needs persistent true: term, vote and log are always durable",
 *     fieldPath: ".persistent",
 *   },
 *   {
 *     rule: "!has(self.storage) || !has(self.storage.provider) || self.storage.provider != \
 *       'Memory' || (has(self.persistent) && !self.persistent)",
 *     message: "storage.provider Memory needs persistent false",
 *     fieldPath: ".storage.provider",
 *   },
 * ]
 */
export interface OPackageClass extends ClassBody {
  /**
   * Name, unique in the package. The wire id of the class is "<package>.<name>".
   *
   * @pattern ^[A-Za-z_][A-Za-z0-9_-]*$
   * @maxLength 63
   */
  readonly name: string;
  /**
   * Classes that it inherits from, the nearest first; what it says itself wins.
   *
   * @maxItems 16
   * @x-kubernetes-list-type atomic
   */
  readonly parents?: readonly ClassRef[];
  /** Disabled: not served, data stays. Default Enabled. */
  readonly state?: EnabledState;
}

/**
 * Which class runs where.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "!(has(self.environments) && has(self.members))",
 *     message: "set environments or members, not both",
 *     fieldPath: ".members",
 *   },
 *   {
 *     rule: "!has(self.availableEnvironments) || !(has(self.environments) || has(self.members))",
 *     message: "availableEnvironments limits automatic placement; leave out environments and \
 *       members",
 *     fieldPath: ".availableEnvironments",
 *   },
 *   {
 *     rule: "!has(self.assignments) || self.assignments.size() == (has(self.partitions) ? \
 *       self.partitions : 1)",
 *     message: "assignments needs one entry per partition (partitions defaults to 1)",
 *     fieldPath: ".assignments",
 *   },
 *   {
 *     rule: "!has(self.replicas) || self.replicas == 1 || !has(self.shardType) || self.shardType \
 *       != 'Basic'",
 *     message: "shardType Basic has one replica; use Mst or Raft for more",
 *     fieldPath: ".replicas",
 *   },
 * ]
 */
export interface OPackageDeployment {
  /** Name, unique in the package. */
  readonly name: DnsLabel;
  /** The class that is deployed: of this package, or "package.Class". */
  readonly class: ClassRef;
  /**
   * Environments in which it runs. Default: planned.
   *
   * @minItems 1
   * @maxItems 32
   * @x-kubernetes-list-type set
   */
  readonly environments?: readonly DnsLabel[];
  /**
   * The same with settings per environment.
   *
   * @minItems 1
   * @maxItems 32
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["id"]
   */
  readonly members?: readonly DeploymentMember[];
  /**
   * Environments that planning may choose from. Default: all.
   *
   * @minItems 1
   * @maxItems 64
   * @x-kubernetes-list-type set
   */
  readonly availableEnvironments?: readonly DnsLabel[];
  /**
   * Partitions of the data. Default: planned.
   *
   * @minimum 1
   * @maximum 4096
   */
  readonly partitions?: Int32;
  /**
   * Replicas of each partition. Default: planned.
   *
   * @minimum 1
   * @maximum 9
   */
  readonly replicas?: Int32;
  /** How replicas agree. Default: by the class's consistency. */
  readonly shardType?: ShardType;
  /**
   * Who holds which partition: one entry per partition, in their order; members by id.
   *
   * @maxItems 4096
   * @x-kubernetes-list-type atomic
   */
  readonly assignments?: readonly ShardAssignment[];
  /**
   * Further options of the data pods.
   *
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly options?: readonly NamedValue[];
  /** What it shall reach. */
  readonly requirements?: Requirements;
  /** What it may never exceed. */
  readonly constraints?: Constraints;
  /** Whether measured gaps are acted upon. */
  readonly enforcement?: Enforcement;
  /** OpenTelemetry. */
  readonly telemetry?: Telemetry;
  /** What becomes of the data when the deployment goes. Default Retain. */
  readonly deletionPolicy?: DeletionPolicy;
}

/** One environment of a deployment. */
export interface DeploymentMember {
  /**
   * Number of the member, unique in the deployment.
   *
   * @minimum 1
   */
  readonly id: Int32;
  /** Its environment. */
  readonly environment: DnsLabel;
  /**
   * Most replicas of partitions that it holds; -1: no limit. Default -1.
   *
   * @asType integer
   * @format int32
   * @minimum -1
   * @maximum 65535
   */
  readonly maxShards?: number;
  /** It holds a replica of every partition. */
  readonly allPartitions?: boolean;
  /**
   * Functions that are not served there.
   *
   * @maxItems 64
   * @x-kubernetes-list-type set
   */
  readonly disabledFunctions?: readonly FunctionName[];
  /**
   * Functions that are served there only when no other member serves them.
   *
   * @maxItems 64
   * @x-kubernetes-list-type set
   */
  readonly standbyFunctions?: readonly FunctionName[];
  /** Template there. Default: by the NFRs, then by the environment. */
  readonly template?: Template;
}

/** What was seen of a package. Conditions: Ready, Valid, Planned, Deployed. */
export interface OPackageStatus extends StatusBase {
  /**
   * The classes as resolved.
   *
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly classes?: readonly ClassStatus[];
  /**
   * The deployments.
   *
   * @maxItems 32
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly deployments?: readonly DeploymentStatus[];
  /**
   * Objects that the package made.
   *
   * @maxItems 64
   * @x-kubernetes-list-type atomic
   */
  readonly resourceRefs?: readonly ResourceRef[];
}

/** A class as resolved. */
export interface ClassStatus {
  /**
   * Its name.
   *
   * @maxLength 63
   */
  readonly name: string;
  /**
   * Members that come from elsewhere.
   *
   * @maxItems 256
   * @x-kubernetes-list-type atomic
   */
  readonly inherited?: readonly InheritedMember[];
  /**
   * Changes whenever the resolved class does.
   *
   * @maxLength 64
   */
  readonly hash?: string;
}

/** A member that a class inherits. */
export interface InheritedMember {
  /** What it is. */
  readonly member: "Function" | "Key" | "Reference" | "Trigger" | "Timer" | "Setting";
  /** Its name. */
  readonly name: KeyName;
  /** Wire id of the class that declares it. */
  readonly from: ClassRef;
}

/** A deployment as seen. */
export interface DeploymentStatus {
  /** Its name. */
  readonly name: DnsLabel;
  /** The worst of its environments. */
  readonly condition?: DeploymentCondition;
  /**
   * What a person should know.
   *
   * @maxLength 1024
   */
  readonly message?: string;
  /**
   * Where it runs.
   *
   * @maxItems 32
   * @x-kubernetes-list-type atomic
   */
  readonly environments?: readonly DnsLabel[];
  /** Replicas of each partition. */
  readonly replicas?: Int32;
  /** Partitions. */
  readonly partitions?: Int32;
  /** How replicas agree. */
  readonly shardType?: ShardType;
  /** Availability of the plan, by formula. */
  readonly achievedAvailability?: DecimalString;
  /**
   * Why these numbers, one sentence per decision.
   *
   * @maxItems 16
   * @x-kubernetes-list-type atomic
   */
  readonly why?: readonly Explanation[];
}

/**
 * One sentence.
 *
 * @maxLength 512
 */
export type Explanation = string;

/** How a deployment or function is, in one word. */
export type DeploymentCondition = "Pending" | "Deploying" | "Running" | "Down" | "Deleted";

/** An object that was made. */
export interface ResourceRef {
  /**
   * Its kind.
   *
   * @maxLength 63
   */
  readonly kind: string;
  /** Its name. */
  readonly name: DnsName;
  /** Its namespace, if not the package's. */
  readonly namespace?: DnsLabel;
  /** The environment, if not this cluster. */
  readonly environment?: DnsLabel;
}
