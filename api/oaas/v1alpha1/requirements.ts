// Non-functional requirements and how they are pursued: shared by packages and runtimes.

import type { Int32, NamedValue, Quantity, Ratio } from "../../meta/index.ts";

/** What a function shall reach. */
export interface FunctionRequirements {
  /** Calls per second. */
  readonly throughputRps?: Int32;
  /** 95th percentile of the time of a call. */
  readonly latencyMs?: Int32;
  /** Share of time in which calls are answered, such as "0.999". */
  readonly availability?: Ratio;
}

/** What may never be exceeded. */
export interface FunctionConstraints {
  /** Calls that take longer are ended. */
  readonly hardLatencyMs?: Int32;
  /** Calls at the same time; more wait, then are refused. */
  readonly maxConcurrency?: Int32;
}

/** What a deployment of a class shall reach. */
export interface Requirements extends FunctionRequirements {
  /** Where it is best placed; a preference, not a limit. */
  readonly locality?: Locality;
}

/** Regions and zones of Environments, best first. */
export interface Locality {
  /**
   * Preferred regions.
   *
   * @maxItems 16
   * @x-kubernetes-list-type atomic
   */
  readonly regions?: readonly PlaceName[];
  /**
   * Preferred zones.
   *
   * @maxItems 16
   * @x-kubernetes-list-type atomic
   */
  readonly zones?: readonly PlaceName[];
}

/**
 * Name of a region, zone or jurisdiction.
 *
 * @pattern ^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$
 * @maxLength 63
 */
export type PlaceName = string;

/** What a deployment of a class may never exceed. */
export interface Constraints extends FunctionConstraints {
  /**
   * Most pods of one function in one environment, and most replicas of data.
   *
   * @minimum 1
   * @maximum 1000
   */
  readonly maxReplicas?: Int32;
  /** Most that all pods together may request, over all environments. */
  readonly budget?: Budget;
  /**
   * Regions in which data and functions may be; empty: everywhere.
   *
   * @maxItems 32
   * @x-kubernetes-list-type set
   */
  readonly jurisdiction?: readonly PlaceName[];
}

/** A sum of resource requests. */
export interface Budget {
  /** CPU. */
  readonly cpu?: Quantity;
  /** Memory. */
  readonly memory?: Quantity;
  /** Volume claims. */
  readonly storage?: Quantity;
}

/** Whether measured gaps are acted upon. */
export interface Enforcement {
  /** Disabled, Observe (recommend in status), Enforce (act). Default Observe. */
  readonly mode?: EnforcementMode;
  /**
   * What Enforce may change. Default FunctionReplicas.
   *
   * @maxItems 5
   * @x-kubernetes-list-type set
   */
  readonly dimensions?: readonly EnforcementDimension[];
  /**
   * How long a recommendation must stand before it is applied. Default 180.
   *
   * @maximum 86400
   */
  readonly stabilitySeconds?: Int32;
  /**
   * How long after a change nothing changes. Default 120.
   *
   * @maximum 86400
   */
  readonly cooldownSeconds?: Int32;
  /**
   * Most that one step changes, in percent of the present value. Default 30.
   *
   * @minimum 1
   * @maximum 1000
   */
  readonly maxDeltaPercent?: Int32;
}

/** Whether measured gaps are acted upon. */
export type EnforcementMode = "Disabled" | "Observe" | "Enforce";

/** What enforcement may change. */
export type EnforcementDimension =
  "FunctionReplicas" | "FunctionCpu" | "FunctionMemory" | "DataReplicas" | "Partitions";

/** OpenTelemetry in functions and data pods. */
export interface Telemetry {
  /** Default: the operator's flag. */
  readonly enabled?: boolean;
  /** Export traces. Default true. */
  readonly traces?: boolean;
  /** Export metrics. Default true. */
  readonly metrics?: boolean;
  /** Export logs. Default false. */
  readonly logs?: boolean;
  /** Share of traces that are kept, decided at the root. Default "0.1". */
  readonly samplingRatio?: Ratio;
  /**
   * service.name. Default: class and function.
   *
   * @minLength 1
   * @maxLength 128
   */
  readonly serviceName?: string;
  /**
   * Further resource attributes.
   *
   * @maxItems 32
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly resourceAttributes?: readonly NamedValue[];
  /** What the data pods log. Default Info. */
  readonly logLevel?: LogLevel;
}

/** The finest level that is logged. */
export type LogLevel = "Debug" | "Info" | "Warn" | "Error";

/** What becomes of data when its owner is deleted. Default Retain. */
export type DeletionPolicy = "Retain" | "Delete";

/** A set of objects for one environment. Default: by the NFRs, then by the environment. */
export type Template = "Dev" | "Edge" | "Cloud" | "Knative";
