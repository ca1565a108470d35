// Building blocks of every kind that are Kubernetes' own vocabulary, narrowed and bounded so that
// the compiler of hack/gen can turn them into a structural schema with a small CEL cost.
// Source: kubernetes/community api-conventions.md; core/v1.

import type { ObjectMeta } from "kubernetes-types/meta/v1.js";

/** One custom resource: what every kind of ours looks like. */
export interface KubeResource<Spec, Status> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: Spec;
  readonly status?: Status;
}

/** Identity of a kind, as its REST paths and ownerReferences need it. */
export interface KindId {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** `group/version`, as in `apiVersion`. */
export function apiVersionOf(id: KindId): string {
  return id.group === "" ? id.version : `${id.group}/${id.version}`;
}

/**
 * A DNS label (RFC 1123).
 *
 * @pattern ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$
 * @minLength 1
 * @maxLength 63
 */
export type DnsLabel = string;

/**
 * A DNS subdomain (RFC 1123), as most object names are.
 *
 * @pattern ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$
 * @minLength 1
 * @maxLength 253
 */
export type DnsName = string;

/**
 * A Kubernetes quantity, such as 500m or 1Gi.
 *
 * @x-kubernetes-int-or-string
 * @pattern ^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$
 * @maxLength 32
 */
export type Quantity = string | number;

/**
 * A ratio from 0 to 1 as a decimal string, such as "0.999".
 *
 * @pattern ^(0(\.[0-9]{1,9})?|1(\.0{1,9})?)$
 * @minLength 1
 * @maxLength 11
 */
export type Ratio = string;

/**
 * A non-negative decimal number as a string, such as "12.5".
 *
 * @pattern ^[0-9]{1,15}(\.[0-9]{1,9})?$
 * @minLength 1
 * @maxLength 25
 */
export type DecimalString = string;

/**
 * @asType integer
 * @format int32
 * @minimum 0
 * @maximum 2147483647
 */
export type Int32 = number;

/**
 * An integer that JavaScript holds exactly.
 *
 * @asType integer
 * @format int64
 * @minimum 0
 * @maximum 9007199254740991
 */
export type Int64 = number;

/**
 * A time in RFC 3339.
 *
 * @format date-time
 * @maxLength 64
 */
export type Time = string;

/** One observation about an object. */
export interface Condition {
  /**
   * What is observed, as an adjective or past participle.
   *
   * @pattern ^[A-Za-z]([A-Za-z0-9]*[A-Za-z0-9])?$
   * @maxLength 63
   */
  readonly type: string;
  /** Whether the condition holds. */
  readonly status: ConditionStatus;
  /** The generation of spec that this observation is about. */
  readonly observedGeneration?: Int64;
  /** When status, reason or message last changed. */
  readonly lastTransitionTime: Time;
  /**
   * One CamelCase word for why.
   *
   * @pattern ^[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9_])?$
   * @minLength 1
   * @maxLength 128
   */
  readonly reason: string;
  /**
   * What a person should know, with the field path where a field is at fault.
   *
   * @maxLength 4096
   */
  readonly message: string;
}

/** Whether a condition holds. */
export type ConditionStatus = "True" | "False" | "Unknown";

/** What the status of every kind begins with. */
export interface StatusBase {
  /**
   * The generation of spec that this status is about; -1 until a controller has seen the object.
   *
   * @asType integer
   * @format int64
   * @minimum -1
   * @maximum 9007199254740991
   */
  readonly observedGeneration?: number;
  /** The last generation that was valid and served; children follow this one. */
  readonly acceptedGeneration?: Int64;
  /**
   * Ready is always there; Reconciling and Stalled only while they hold.
   *
   * @maxItems 16
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["type"]
   */
  readonly conditions?: readonly Condition[];
}

/** A named value. Stands where upstream documents have a map of strings. */
export interface NamedValue {
  /**
   * Name, unique in the list.
   *
   * @minLength 1
   * @maxLength 253
   */
  readonly name: string;
  /**
   * Value, uninterpreted.
   *
   * @maxLength 4096
   */
  readonly value: string;
}

/** Compute resources, as in core/v1. */
export interface ResourceRequirements {
  /**
   * What the scheduler reserves, by resource name.
   *
   * @maxProperties 8
   */
  readonly requests?: { readonly [resource: string]: Quantity };
  /**
   * What the kernel or the device plugin enforces, by resource name.
   *
   * @maxProperties 8
   */
  readonly limits?: { readonly [resource: string]: Quantity };
}

/** Selects objects by label, as in meta/v1. */
export interface LabelSelector {
  /**
   * Labels that must all be there with these values.
   *
   * @maxProperties 16
   */
  readonly matchLabels?: { readonly [key: string]: LabelValue };
  /**
   * Further terms, all of which must hold.
   *
   * @maxItems 16
   * @x-kubernetes-list-type atomic
   */
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

/** One term of a label selector. */
export interface LabelSelectorRequirement {
  /**
   * Label key.
   *
   * @minLength 1
   * @maxLength 317
   */
  readonly key: string;
  /** How key and values relate. */
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  /**
   * Values for In and NotIn.
   *
   * @maxItems 32
   * @x-kubernetes-list-type atomic
   */
  readonly values?: readonly LabelValue[];
}

/**
 * The value of a label.
 *
 * @pattern ^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$
 * @maxLength 63
 */
export type LabelValue = string;

/** Names an object of a kind that the field's name tells. */
export interface LocalObjectReference {
  /** Name of the object. */
  readonly name: DnsName;
}
