// The templates: pure functions from a function's workload to its objects. Dev is one pod and
// nothing around it. Edge survives the loss of a node: pods hard-spread, a disruption budget. Cloud
// is Edge that grows with its load.

import type { ContainerParts } from "#api/oaas/v1alpha1/index.ts";
import { FUNCTION_PORTS } from "#api/workload/function.ts";
import { LABELS, MANAGED_BY } from "#api/meta/index.ts";
import type { MetadataInput, Rendered } from "#controllers/objects/index.ts";
import {
  deployment,
  horizontalPodAutoscaler,
  networkPolicy,
  podDisruptionBudget,
  podTemplate,
  service,
  serviceAccount,
  spreadOverNodes,
} from "#controllers/objects/index.ts";

import type { ScalePlan } from "../plan/scale.ts";
import type { ServedTemplate } from "../plan/template.ts";
import {
  functionContainer,
  functionPort,
  functionTolerations,
  functionVolumes,
  portName,
  writesToClaims,
} from "./container.ts";
import type { FunctionChildKind } from "./names.ts";

/** Everything that a template may use to render one function. */
export interface FunctionWorkload {
  readonly namespace: string;
  readonly nameOf: (kind: FunctionChildKind) => string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
  readonly parts: ContainerParts;
  readonly env: Readonly<Record<string, string>>;
  readonly scale: ScalePlan;
  /** Pods that the Deployment asks for now; undefined before it exists. */
  readonly liveReplicas: number | undefined;
  /** An autoscaler, ours or not, is pointed at the Deployment. */
  readonly hasAutoscaler: boolean;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly systemNamespace: string;
}

/** Objects of one function, in no particular order. */
export type TemplateFunction = (workload: FunctionWorkload) => readonly Rendered[];

/** All templates that are served. */
export const TEMPLATES: Readonly<Record<ServedTemplate, TemplateFunction>> = {
  Dev: (workload) => [...basics(workload), pods(workload, { spread: false })],
  Edge: resilient,
  Cloud: resilient,
};

/** CPU that an autoscaled function requests if it says nothing: without one nothing is measured. */
export const AUTOSCALED_CPU = "100m";

/** A pod per node as far as possible, and never more than one evicted at once. */
function resilient(workload: FunctionWorkload): readonly Rendered[] {
  return [
    ...basics(workload),
    pods(workload, { spread: true }),
    podDisruptionBudget({
      ...metadata(workload, "PodDisruptionBudget"),
      selector: workload.selector,
      maxUnavailable: 1,
    }),
  ];
}

/** What every function has: an address, a policy, an account, and an autoscaler if planned. */
function basics(workload: FunctionWorkload): readonly Rendered[] {
  const { parts, scale } = workload;
  const objects: Rendered[] = [
    service({
      ...metadata(workload, "Service"),
      selector: workload.selector,
      ports: [
        {
          name: portName(parts),
          port: FUNCTION_PORTS.service,
          targetPort: functionPort(parts),
          appProtocol: "kubernetes.io/h2c",
        },
      ],
    }),
    networkPolicy({
      ...metadata(workload, "NetworkPolicy"),
      podSelector: workload.selector,
      ingress: [{ from: callers(workload), ports: [functionPort(parts)] }],
    }),
  ];
  if (parts.serviceAccountName === undefined) {
    objects.push(serviceAccount(metadata(workload, "ServiceAccount")));
  }
  if (scale.kind === "autoscaled") {
    objects.push(
      horizontalPodAutoscaler({
        ...metadata(workload, "HorizontalPodAutoscaler"),
        deployment: workload.nameOf("Deployment"),
        minReplicas: scale.min,
        maxReplicas: scale.max,
        targetCpuUtilization: scale.cpuPercent,
      }),
    );
  }
  return objects;
}

/** Who may call a function: the gateway, and what the operator runs in the same namespace. */
function callers(workload: FunctionWorkload): readonly {
  readonly podLabels: Readonly<Record<string, string>>;
  readonly namespace?: string;
}[] {
  return [
    { podLabels: { [LABELS.managedBy]: MANAGED_BY.oaas } },
    { podLabels: { [LABELS.name]: "gateway" }, namespace: workload.systemNamespace },
  ];
}

function pods(workload: FunctionWorkload, options: { readonly spread: boolean }): Rendered {
  const parts = withMeasurableCpu(workload);
  const ownAccount = parts.serviceAccountName === undefined;
  return deployment({
    ...metadata(workload, "Deployment"),
    replicas: replicasOf(workload),
    selector: workload.selector,
    template: podTemplate({
      labels: workload.labels,
      containers: [functionContainer(parts, workload.env)],
      volumes: functionVolumes(parts),
      serviceAccountName: parts.serviceAccountName ?? workload.nameOf("ServiceAccount"),
      automountServiceAccountToken: ownAccount ? false : "ServiceAccount",
      imagePullSecrets: parts.imagePullSecrets?.map(({ name }) => ({ name })),
      nodeSelector: workload.nodeSelector,
      tolerations: functionTolerations(parts),
      topologySpreadConstraints: options.spread
        ? [spreadOverNodes({ selector: workload.selector, mode: "Hard", perRevision: true })]
        : undefined,
      ownsVolumes: writesToClaims(parts),
    }),
  });
}

/**
 * The count that the Deployment gets. Where an autoscaler is at work, its own count is read back:
 * leaving the field out while we alone own it would make it fall to 1, writing ours would fight.
 */
function replicasOf(workload: FunctionWorkload): number {
  const { scale, liveReplicas, hasAutoscaler } = workload;
  const planned = scale.kind === "fixed" ? scale.replicas : scale.min;
  if (!hasAutoscaler || liveReplicas === undefined) return planned;
  if (scale.kind === "fixed") return liveReplicas;
  return Math.min(Math.max(liveReplicas, scale.min), scale.max);
}

function withMeasurableCpu(workload: FunctionWorkload): ContainerParts {
  const { parts, scale } = workload;
  const { requests, limits } = parts.resources ?? {};
  const measured = requests?.["cpu"] !== undefined || limits?.["cpu"] !== undefined;
  if (scale.kind !== "autoscaled" || measured) return parts;
  return {
    ...parts,
    resources: { ...parts.resources, requests: { ...requests, cpu: AUTOSCALED_CPU } },
  };
}

function metadata(workload: FunctionWorkload, kind: FunctionChildKind): MetadataInput {
  return {
    name: workload.nameOf(kind),
    namespace: workload.namespace,
    labels: workload.labels,
    annotations: workload.annotations,
  };
}
