// The pod of a function: what the user may say about it (api/oaas/v1alpha1/pod-parts.ts) on top of
// what the platform insists on. Nothing that the user says can weaken the restricted profile; there
// is no field for it.

import type {
  Container,
  EnvFromSource,
  EnvVar,
  Probe,
  Toleration,
  Volume,
  VolumeMount,
} from "kubernetes-types/core/v1.js";

import { assert } from "#api/base/index.ts";
import type {
  ContainerParts,
  EnvFromSource as UserEnvFrom,
  EnvVar as UserEnv,
  FunctionVolume,
  Probe as UserProbe,
  Toleration as UserToleration,
} from "#api/oaas/v1alpha1/pod-parts.ts";
import { FUNCTION_PORTS } from "#api/workload/function.ts";
import {
  canonicalQuantity,
  container,
  mergeEnv,
  nonEmpty,
  present,
  probe,
} from "#controllers/objects/index.ts";

/** Name of the one container of a function's pod. */
export const FUNCTION_CONTAINER = "function";
/** Name of the volume at /tmp that every function gets, because its root is read-only. */
export const TMP_VOLUME = "oaas-tmp";
const TMP_PATH = "/tmp";
const TMP_SIZE = "256Mi";

/** The port on which the function listens. */
export function functionPort(parts: ContainerParts): number {
  return parts.port ?? FUNCTION_PORTS.container;
}

/** The function's container. `platformEnv` is what the platform tells it; the user's names win. */
export function functionContainer(
  parts: ContainerParts,
  platformEnv: Readonly<Record<string, string>>,
): Container {
  const port = functionPort(parts);
  const ours = Object.entries(platformEnv).map(([name, value]): EnvVar => ({ name, value }));
  const accepts = { kind: "tcp", port } as const;
  return container({
    name: FUNCTION_CONTAINER,
    image: parts.image,
    imagePullPolicy: parts.imagePullPolicy,
    command: parts.command,
    args: parts.args,
    env: mergeEnv(ours, (parts.env ?? []).map(envVar)),
    envFrom: (parts.envFrom ?? []).map(envFrom),
    ports: [{ containerPort: port, name: portName(parts), protocol: "TCP" }],
    resources: resources(parts),
    volumeMounts: mounts(parts),
    startupProbe:
      userProbe(parts.probes?.startup, port) ??
      probe(accepts, { periodSeconds: 1, failureThreshold: 120 }),
    livenessProbe: userProbe(parts.probes?.liveness, port) ?? probe(accepts, { periodSeconds: 10 }),
    readinessProbe:
      userProbe(parts.probes?.readiness, port) ?? probe(accepts, { periodSeconds: 5 }),
  });
}

/** Name of the container's port, and so of the Service's: `grpc` or `http`. */
export function portName(parts: ContainerParts): "grpc" | "http" {
  return (parts.protocol ?? "Grpc") === "Grpc" ? "grpc" : "http";
}

/** The function's volumes: the user's, and a place for temporary files. */
export function functionVolumes(parts: ContainerParts): readonly Volume[] {
  const own = (parts.volumes ?? []).map(volume);
  return hasOwnTmp(parts) ? own : [...own, { name: TMP_VOLUME, emptyDir: { sizeLimit: TMP_SIZE } }];
}

/** Whether the pod writes to a claim and so needs the group to own it. */
export function writesToClaims(parts: ContainerParts): boolean {
  return (parts.volumes ?? []).some((v) => v.persistentVolumeClaim !== undefined);
}

/** The user's tolerations in the words of core/v1. */
export function functionTolerations(parts: ContainerParts): readonly Toleration[] {
  return (parts.tolerations ?? []).map((t: UserToleration) =>
    present({
      effect: t.effect,
      key: t.key,
      operator: t.operator,
      tolerationSeconds: t.tolerationSeconds,
      value: t.value,
    }),
  );
}

function hasOwnTmp(parts: ContainerParts): boolean {
  return (parts.volumes ?? []).some(
    (v) => v.mountPath.replace(/\/+$/, "") === TMP_PATH || v.name === TMP_VOLUME,
  );
}

function mounts(parts: ContainerParts): readonly VolumeMount[] {
  const own = (parts.volumes ?? []).map((v) =>
    present({
      name: v.name,
      mountPath: v.mountPath,
      readOnly: v.readOnly === true ? true : undefined,
    }),
  );
  return hasOwnTmp(parts) ? own : [...own, { name: TMP_VOLUME, mountPath: TMP_PATH }];
}

function volume(v: FunctionVolume): Volume {
  if (v.emptyDir !== undefined) {
    const { medium, sizeLimit } = v.emptyDir;
    return {
      name: v.name,
      emptyDir: present({
        medium,
        sizeLimit: sizeLimit === undefined ? undefined : canonicalQuantity(sizeLimit),
      }),
    };
  }
  if (v.configMap !== undefined) {
    return { name: v.name, configMap: present({ ...v.configMap }) };
  }
  if (v.secret !== undefined) {
    return {
      name: v.name,
      secret: present({ secretName: v.secret.name, optional: v.secret.optional }),
    };
  }
  assert(v.persistentVolumeClaim !== undefined, "a volume names one source (schema)");
  return {
    name: v.name,
    persistentVolumeClaim: present({
      claimName: v.persistentVolumeClaim.name,
      readOnly: v.readOnly === true ? true : undefined,
    }),
  };
}

function envVar(variable: UserEnv): EnvVar {
  const from = variable.valueFrom;
  if (from === undefined) return { name: variable.name, value: variable.value ?? "" };
  return {
    name: variable.name,
    valueFrom: present({
      configMapKeyRef: from.configMapKeyRef && present({ ...from.configMapKeyRef }),
      secretKeyRef: from.secretKeyRef && present({ ...from.secretKeyRef }),
      fieldRef: from.fieldRef && { apiVersion: "v1", fieldPath: from.fieldRef.fieldPath },
    }),
  };
}

function envFrom(source: UserEnvFrom): EnvFromSource {
  return present({
    prefix: source.prefix,
    configMapRef: source.configMapRef && present({ ...source.configMapRef }),
    secretRef: source.secretRef && present({ ...source.secretRef }),
  });
}

function resources(parts: ContainerParts): Container["resources"] {
  const quantities = (
    map: Readonly<Record<string, string | number>> | undefined,
  ): Record<string, string> | undefined => {
    const entries = Object.entries(map ?? {}).map(([k, v]) => [k, canonicalQuantity(v)] as const);
    return entries.length === 0 ? undefined : Object.fromEntries(entries.toSorted());
  };
  const requests = quantities(parts.resources?.requests);
  const limits = quantities(parts.resources?.limits);
  return requests === undefined && limits === undefined ? undefined : present({ limits, requests });
}

function userProbe(wanted: UserProbe | undefined, port: number): Probe | undefined {
  if (wanted === undefined) return undefined;
  return {
    ...action(wanted, port),
    ...present({ initialDelaySeconds: wanted.initialDelaySeconds }),
    failureThreshold: wanted.failureThreshold ?? 3,
    periodSeconds: wanted.periodSeconds ?? 10,
    successThreshold: wanted.successThreshold ?? 1,
    timeoutSeconds: wanted.timeoutSeconds ?? 1,
  };
}

function action(wanted: UserProbe, port: number): Probe {
  if (wanted.grpc !== undefined) {
    return { grpc: { port: wanted.grpc.port ?? port, service: wanted.grpc.service ?? "" } };
  }
  if (wanted.httpGet !== undefined) {
    const { path, port: own } = wanted.httpGet;
    return { httpGet: { path: path ?? "/", port: own ?? port, scheme: "HTTP" } };
  }
  if (wanted.tcpSocket !== undefined) return { tcpSocket: { port: wanted.tcpSocket.port ?? port } };
  assert(wanted.exec !== undefined, "a probe names one action (schema)");
  return { exec: { command: nonEmpty(wanted.exec.command) ?? [] } };
}
