// Environment: one place where packages can run. The registry of environments, kept by admins.

import type {
  DecimalString,
  DnsLabel,
  DnsName,
  Int32,
  KubeResource,
  LabelValue,
  Quantity,
  Ratio,
  StatusBase,
} from "../../meta/index.ts";

import type { PlaceName, Template } from "./requirements.ts";

/**
 * A place where packages can run: this cluster, a slice of its nodes, or another cluster.
 *
 * @crd {
 *   group: "oaas.io",
 *   version: "v1alpha1",
 *   plural: "environments",
 *   singular: "environment",
 *   shortNames: ["oenv"],
 *   categories: ["oaas"],
 *   scope: "Cluster",
 * }
 * @printcolumns [
 *   {name: "Tier", type: "string", jsonPath: ".spec.tier"},
 *   {name: "Ready", condition: "Ready"},
 *   {name: "Reason", condition: "Ready", field: "reason"},
 *   {name: "Nodes", type: "integer", jsonPath: ".status.readyNodes"},
 *   {name: "Cordoned", type: "boolean", jsonPath: ".spec.cordoned"},
 *   {name: "Operator", type: "string", jsonPath: ".status.operator.version", priority: 1},
 *   {name: "Availability", type: "string", jsonPath: ".status.availability", priority: 1},
 *   {name: "Message", condition: "Ready", field: "message", priority: 1},
 *   {name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp"}
 * ]
 */
export interface Environment extends KubeResource<EnvironmentSpec, EnvironmentStatus> {
  readonly apiVersion: "oaas.io/v1alpha1";
  readonly kind: "Environment";
}

/**
 * What an environment is and how it is reached.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "!(has(self.nodeSelector) && has(self.kubeconfigSecretRef))",
 *     message: "nodeSelector is for this cluster, kubeconfigSecretRef for another: set at most \
 *       one",
 *     fieldPath: ".kubeconfigSecretRef",
 *   },
 *   {
 *     rule: "!has(self.remoteNamespace) || has(self.kubeconfigSecretRef)",
 *     message: "remoteNamespace needs kubeconfigSecretRef",
 *     fieldPath: ".remoteNamespace",
 *   },
 *   {
 *     rule: "has(self.kubeconfigSecretRef) == has(oldSelf.kubeconfigSecretRef)",
 *     message: "kubeconfigSecretRef cannot be added or removed: an environment does not move \
 *       between clusters; make a new Environment",
 *     fieldPath: ".kubeconfigSecretRef",
 *   },
 * ]
 */
export interface EnvironmentSpec {
  /** What kind of place it is; suggests a template. Default Cloud. */
  readonly tier?: EnvironmentTier;
  /** Region, for locality and jurisdiction. */
  readonly region?: PlaceName;
  /** Zone, for locality. */
  readonly zone?: PlaceName;
  /**
   * A slice of this cluster: nodes with all these labels. Default: all nodes.
   *
   * @maxProperties 16
   */
  readonly nodeSelector?: { readonly [label: string]: LabelValue };
  /** Another cluster: its credentials. */
  readonly kubeconfigSecretRef?: KubeconfigSecretRef;
  /** Namespace there for every package. Default: the package's own. */
  readonly remoteNamespace?: DnsLabel;
  /** host:port of its gateway, for callers elsewhere. */
  readonly gatewayAddress?: HostPort;
  /** host:port at which data pods and routers elsewhere reach its data pods. */
  readonly peerAddress?: HostPort;
  /**
   * Its Prometheus. Default: the operator's flag.
   *
   * @pattern ^https?://[^\s?#@]+$
   * @maxLength 1024
   */
  readonly prometheusUrl?: string;
  /** Template for what names none. Default: by tier. */
  readonly defaultTemplate?: Template;
  /** Share of time in which it is there. Default: what was observed. */
  readonly availability?: Ratio;
  /** Nothing new is placed here; what is here stays. */
  readonly cordoned?: boolean;
}

/** What kind of place an environment is. */
export type EnvironmentTier = "Dev" | "Edge" | "Cloud";

/**
 * A host name or address with a port.
 *
 * @pattern ^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?):[0-9]{1,5}$
 * @maxLength 260
 */
export type HostPort = string;

/**
 * A Secret in the operator's namespace with a kubeconfig that holds nothing but server, CA and
 * inline credentials.
 */
export interface KubeconfigSecretRef {
  /** Name of the Secret. */
  readonly name: DnsName;
  /**
   * Key in it. Default kubeconfig.
   *
   * @pattern ^[-._a-zA-Z0-9]+$
   * @maxLength 253
   */
  readonly key?: string;
}

/** What was seen of an environment. Conditions: Ready, Reachable, OperatorReady. */
export interface EnvironmentStatus extends StatusBase {
  /** Nodes that belong to it. */
  readonly nodes?: Int32;
  /** Of those, the ready and schedulable ones. */
  readonly readyNodes?: Int32;
  /**
   * What pods may request in all, by resource name.
   *
   * @maxProperties 16
   */
  readonly allocatable?: { readonly [resource: string]: Quantity };
  /** The availability that planning uses. */
  readonly availability?: DecimalString;
  /** Where that number is from. */
  readonly availabilitySource?: "Declared" | "Observed" | "Assumed";
  /** The operator that works there. */
  readonly operator?: OperatorInfo;
  /** The template used for what names none. */
  readonly defaultTemplate?: Template;
  /** ClassRuntimes placed here. */
  readonly runtimes?: Int32;
}

/** An operator. */
export interface OperatorInfo {
  /**
   * Its version.
   *
   * @maxLength 64
   */
  readonly version: string;
}
