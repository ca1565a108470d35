// Pod templates with the restricted profile. Whatever a caller leaves out is absent, and what the
// API server would default in a way that matters is written out.
import type {
  Affinity,
  Container,
  ContainerPort,
  EnvFromSource,
  EnvVar,
  LocalObjectReference,
  PodTemplateSpec,
  Probe,
  ResourceRequirements,
  Toleration,
  TopologySpreadConstraint,
  Volume,
  VolumeMount,
} from "kubernetes-types/core/v1.js";

import { compareText, nonEmpty, nonEmptyMap, present } from "./present.ts";
import { restrictedContainerSecurity, restrictedPodSecurity } from "./security.ts";

/** One container; its security context is always the restricted one. */
export interface ContainerInput {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy?: string | undefined;
  readonly command?: readonly string[] | undefined;
  readonly args?: readonly string[] | undefined;
  /** In this order: a value may refer to the variables before it. */
  readonly env?: readonly EnvVar[] | undefined;
  readonly envFrom?: readonly EnvFromSource[] | undefined;
  readonly ports?: readonly ContainerPort[] | undefined;
  readonly resources?: ResourceRequirements | undefined;
  readonly volumeMounts?: readonly VolumeMount[] | undefined;
  readonly startupProbe?: Probe | undefined;
  readonly livenessProbe?: Probe | undefined;
  readonly readinessProbe?: Probe | undefined;
}

/** One pod template. */
export interface PodInput {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly containers: readonly Container[];
  readonly volumes?: readonly Volume[] | undefined;
  readonly serviceAccountName?: string | undefined;
  /**
   * Default false: no pod of ours talks to the API server unless it says so. ServiceAccount: the
   * account's own setting decides (for an account that the user brought).
   */
  readonly automountServiceAccountToken?: boolean | "ServiceAccount" | undefined;
  readonly imagePullSecrets?: readonly LocalObjectReference[] | undefined;
  readonly nodeSelector?: Readonly<Record<string, string>> | undefined;
  readonly affinity?: Affinity | undefined;
  readonly tolerations?: readonly Toleration[] | undefined;
  readonly topologySpreadConstraints?: readonly TopologySpreadConstraint[] | undefined;
  /** Seconds between SIGTERM and SIGKILL; default 30. */
  readonly terminationGracePeriodSeconds?: number | undefined;
  /** The pods' group owns what it mounts (needed to write to a PersistentVolumeClaim). */
  readonly ownsVolumes?: boolean | undefined;
}

/** A complete container. The pull policy is always written: see {@link pullPolicyOf}. */
export function container(input: ContainerInput): Container {
  return present({
    name: input.name,
    image: input.image,
    imagePullPolicy: input.imagePullPolicy ?? pullPolicyOf(input.image),
    command: nonEmpty(input.command),
    args: nonEmpty(input.args),
    env: nonEmpty(input.env),
    envFrom: nonEmpty(input.envFrom),
    ports: nonEmpty(input.ports),
    resources: input.resources,
    securityContext: restrictedContainerSecurity(),
    volumeMounts: nonEmpty(
      input.volumeMounts?.toSorted((a, b) => compareText(a.mountPath, b.mountPath)),
    ),
    startupProbe: input.startupProbe,
    livenessProbe: input.livenessProbe,
    readinessProbe: input.readinessProbe,
  });
}

/** Kubernetes' own default, made visible: Always for `:latest` or no tag, else IfNotPresent. */
export function pullPolicyOf(image: string): "Always" | "IfNotPresent" {
  if (image.includes("@")) return "IfNotPresent";
  const lastPart = image.slice(image.lastIndexOf("/") + 1);
  const colon = lastPart.indexOf(":");
  const tag = colon === -1 ? "latest" : lastPart.slice(colon + 1);
  return tag === "latest" ? "Always" : "IfNotPresent";
}

/** A complete pod template: restricted, no service links, no token unless asked for. */
export function podTemplate(input: PodInput): PodTemplateSpec {
  return {
    metadata: present({
      labels: nonEmptyMap(input.labels),
      annotations: nonEmptyMap(input.annotations),
    }),
    spec: present({
      affinity: input.affinity,
      automountServiceAccountToken:
        input.automountServiceAccountToken === "ServiceAccount"
          ? undefined
          : (input.automountServiceAccountToken ?? false),
      containers: [...input.containers],
      enableServiceLinks: false,
      imagePullSecrets: nonEmpty(
        input.imagePullSecrets?.toSorted((a, b) => compareText(a.name ?? "", b.name ?? "")),
      ),
      nodeSelector: nonEmptyMap(input.nodeSelector),
      securityContext: restrictedPodSecurity({ ownsVolumes: input.ownsVolumes ?? false }),
      serviceAccountName: input.serviceAccountName,
      terminationGracePeriodSeconds: input.terminationGracePeriodSeconds ?? 30,
      tolerations: nonEmpty(input.tolerations),
      topologySpreadConstraints: nonEmpty(input.topologySpreadConstraints),
      volumes: nonEmpty(input.volumes?.toSorted((a, b) => compareText(a.name, b.name))),
    }),
  };
}

/**
 * The platform's variables sorted by name, then the user's in the user's order, who wins where both
 * name the same variable. Names are unique in the result.
 */
export function mergeEnv(platform: readonly EnvVar[], user: readonly EnvVar[]): readonly EnvVar[] {
  const taken = new Set(user.map((variable) => variable.name));
  const ours = platform.filter((variable) => !taken.has(variable.name));
  return [...ours.toSorted((a, b) => compareText(a.name, b.name)), ...user];
}
