// The parts of a pod that a function may set: bounded subsets of core/v1, under its names. What is
// not here (security context, host namespaces, privileges) is decided by the operator.

import type {
  DnsLabel,
  DnsName,
  Int32,
  LocalObjectReference,
  Quantity,
  ResourceRequirements,
} from "../../meta/index.ts";

/** The container of a function and what its pod needs. */
export interface ContainerParts {
  /**
   * Image reference; a digest is best.
   *
   * @minLength 1
   * @maxLength 512
   */
  readonly image: string;
  /**
   * Replaces the image's entry point.
   *
   * @maxItems 64
   * @x-kubernetes-list-type atomic
   */
  readonly command?: readonly ArgumentText[];
  /**
   * Replaces the image's arguments.
   *
   * @maxItems 128
   * @x-kubernetes-list-type atomic
   */
  readonly args?: readonly ArgumentText[];
  /**
   * The port on which the function listens. Default 8080.
   *
   * @minimum 1
   * @maximum 65535
   */
  readonly port?: Int32;
  /**
   * What it speaks there: Grpc is oprc.OprcFunction over h2c, Http one POST per call. Default Grpc.
   */
  readonly protocol?: FunctionProtocol;
  /**
   * Environment variables.
   *
   * @maxItems 128
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly env?: readonly EnvVar[];
  /**
   * Whole ConfigMaps and Secrets as environment variables; `env` wins over them.
   *
   * @maxItems 16
   * @x-kubernetes-list-type atomic
   */
  readonly envFrom?: readonly EnvFromSource[];
  /** CPU, memory and other resources of the container. */
  readonly resources?: ResourceRequirements;
  /** How the kubelet judges the container. Default: gRPC health or a TCP connect on `port`. */
  readonly probes?: Probes;
  /**
   * Volumes and where they are mounted.
   *
   * @maxItems 16
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly volumes?: readonly FunctionVolume[];
  /**
   * Taints of nodes on which the pods may run.
   *
   * @maxItems 16
   * @x-kubernetes-list-type atomic
   */
  readonly tolerations?: readonly Toleration[];
  /** An existing ServiceAccount. Default: one of the runtime's own, without a token. */
  readonly serviceAccountName?: DnsName;
  /** When to pull the image. Default as Kubernetes: Always for :latest, else IfNotPresent. */
  readonly imagePullPolicy?: ImagePullPolicy;
  /**
   * Secrets with registry credentials.
   *
   * @maxItems 8
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly imagePullSecrets?: readonly LocalObjectReference[];
}

/** What a function speaks. */
export type FunctionProtocol = "Grpc" | "Http";

/** When to pull an image, as in core/v1. */
export type ImagePullPolicy = "Always" | "IfNotPresent" | "Never";

/**
 * One argument.
 *
 * @maxLength 4096
 */
export type ArgumentText = string;

/**
 * An environment variable.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "!(has(self.value) && has(self.valueFrom))",
 *     message: "set value or valueFrom, not both",
 *     fieldPath: ".valueFrom",
 *   },
 * ]
 */
export interface EnvVar {
  /**
   * Name of the variable.
   *
   * @pattern ^[-._a-zA-Z][-._a-zA-Z0-9]*$
   * @maxLength 253
   */
  readonly name: string;
  /**
   * Its value, with $(OTHER) expanded.
   *
   * @maxLength 8192
   */
  readonly value?: string;
  /** Where the value comes from. */
  readonly valueFrom?: EnvVarSource;
}

/**
 * Where the value of a variable comes from: exactly one of these.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "[has(self.configMapKeyRef), has(self.secretKeyRef), \
 *       has(self.fieldRef)].exists_one(x, x)",
 *     message: "set exactly one of configMapKeyRef, secretKeyRef, fieldRef",
 *   },
 * ]
 */
export interface EnvVarSource {
  /** A key of a ConfigMap in the same namespace. */
  readonly configMapKeyRef?: KeySelector;
  /** A key of a Secret in the same namespace. */
  readonly secretKeyRef?: KeySelector;
  /** A field of the pod. */
  readonly fieldRef?: FieldSelector;
}

/** A key of a ConfigMap or Secret. */
export interface KeySelector {
  /** Name of the ConfigMap or Secret. */
  readonly name: DnsName;
  /**
   * Key in it.
   *
   * @pattern ^[-._a-zA-Z0-9]+$
   * @maxLength 253
   */
  readonly key: string;
  /** Start the pod although object or key is missing. */
  readonly optional?: boolean;
}

/** A field of the pod. */
export interface FieldSelector {
  /**
   * Path, such as metadata.name.
   *
   * @minLength 1
   * @maxLength 253
   */
  readonly fieldPath: string;
}

/**
 * All keys of a ConfigMap or Secret.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "has(self.configMapRef) != has(self.secretRef)",
 *     message: "set exactly one of configMapRef, secretRef",
 *   },
 * ]
 */
export interface EnvFromSource {
  /**
   * Put before each key.
   *
   * @pattern ^[-._a-zA-Z][-._a-zA-Z0-9]*$
   * @maxLength 128
   */
  readonly prefix?: string;
  /** A ConfigMap in the same namespace. */
  readonly configMapRef?: OptionalReference;
  /** A Secret in the same namespace. */
  readonly secretRef?: OptionalReference;
}

/** An object that may be missing. */
export interface OptionalReference {
  /** Name of the object. */
  readonly name: DnsName;
  /** Start the pod although it is missing. */
  readonly optional?: boolean;
}

/** How the kubelet judges the container. */
export interface Probes {
  /** Whether calls may go there. */
  readonly readiness?: Probe;
  /** Whether the container must be restarted. */
  readonly liveness?: Probe;
  /** Whether it has started; the others wait for it. */
  readonly startup?: Probe;
}

/**
 * One probe.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "[has(self.grpc), has(self.httpGet), has(self.tcpSocket), \
 *       has(self.exec)].exists_one(x, x)",
 *     message: "set exactly one of grpc, httpGet, tcpSocket, exec",
 *   },
 * ]
 */
export interface Probe {
  /** grpc.health.v1. */
  readonly grpc?: GrpcProbe;
  /** An HTTP GET that answers 200 to 399. */
  readonly httpGet?: HttpProbe;
  /** A TCP connect. */
  readonly tcpSocket?: TcpProbe;
  /** A command that ends with 0. */
  readonly exec?: ExecProbe;
  /** Wait before the first probe. */
  readonly initialDelaySeconds?: Int32;
  /**
   * Time between probes. Default 10.
   *
   * @minimum 1
   */
  readonly periodSeconds?: Int32;
  /**
   * Time for one probe. Default 1.
   *
   * @minimum 1
   */
  readonly timeoutSeconds?: Int32;
  /**
   * Successes in a row that make it well again. Default 1.
   *
   * @minimum 1
   */
  readonly successThreshold?: Int32;
  /**
   * Failures in a row that make it bad. Default 3.
   *
   * @minimum 1
   */
  readonly failureThreshold?: Int32;
}

/** grpc.health.v1 on a port. */
export interface GrpcProbe {
  /**
   * Default: the function's port.
   *
   * @minimum 1
   * @maximum 65535
   */
  readonly port?: Int32;
  /**
   * Service name in the request.
   *
   * @maxLength 253
   */
  readonly service?: string;
}

/** An HTTP GET. */
export interface HttpProbe {
  /**
   * Default /.
   *
   * @maxLength 1024
   */
  readonly path?: string;
  /**
   * Default: the function's port.
   *
   * @minimum 1
   * @maximum 65535
   */
  readonly port?: Int32;
}

/** A TCP connect. */
export interface TcpProbe {
  /**
   * Default: the function's port.
   *
   * @minimum 1
   * @maximum 65535
   */
  readonly port?: Int32;
}

/** A command in the container. */
export interface ExecProbe {
  /**
   * The command, without a shell.
   *
   * @minItems 1
   * @maxItems 32
   * @x-kubernetes-list-type atomic
   */
  readonly command: readonly ArgumentText[];
}

/**
 * A volume and where it is mounted.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "[has(self.emptyDir), has(self.configMap), has(self.secret), \
 *       has(self.persistentVolumeClaim)].exists_one(x, x)",
 *     message: "set exactly one of emptyDir, configMap, secret, persistentVolumeClaim",
 *   },
 * ]
 */
export interface FunctionVolume {
  /** Name, unique in the list. */
  readonly name: DnsLabel;
  /**
   * Where it appears in the container.
   *
   * @pattern ^/[^:]*$
   * @maxLength 512
   */
  readonly mountPath: string;
  /** Whether the container may not write to it. */
  readonly readOnly?: boolean;
  /** Empty at start, gone with the pod. */
  readonly emptyDir?: EmptyDirVolume;
  /** Files from a ConfigMap. */
  readonly configMap?: OptionalReference;
  /** Files from a Secret. */
  readonly secret?: OptionalReference;
  /** An existing claim. */
  readonly persistentVolumeClaim?: LocalObjectReference;
}

/**
 * An empty folder.
 *
 */
export interface EmptyDirVolume {
  /** Memory: on tmpfs, counted as the container's memory. Default: the node's disk. */
  readonly medium?: "Memory";
  /** Most that may be in it. */
  readonly sizeLimit?: Quantity;
}

/** A taint that is tolerated. */
export interface Toleration {
  /**
   * Taint key; empty with Exists matches all.
   *
   * @maxLength 317
   */
  readonly key?: string;
  /** How key and value relate. Default Equal. */
  readonly operator?: "Exists" | "Equal";
  /**
   * Taint value.
   *
   * @maxLength 63
   */
  readonly value?: string;
  /** Default: every effect. */
  readonly effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
  /**
   * How long a NoExecute taint is tolerated. Default: for ever.
   */
  readonly tolerationSeconds?: Int32;
}
