// What surrounds a workload: its account, its disruption budget, its autoscaler, its configuration.
import type { HorizontalPodAutoscaler } from "kubernetes-types/autoscaling/v2.js";
import type { ConfigMap, ServiceAccount } from "kubernetes-types/core/v1.js";
import type { PodDisruptionBudget } from "kubernetes-types/policy/v1.js";

import { assert } from "#api/base/index.ts";

import { nonEmptyMap } from "./present.ts";
import { metadataOf } from "./rendered.ts";
import type { MetadataInput, Rendered } from "./rendered.ts";

/** A ServiceAccount whose token no pod gets by default. */
export function serviceAccount(input: MetadataInput): Rendered<ServiceAccount> {
  return {
    apiVersion: "v1",
    automountServiceAccountToken: false,
    kind: "ServiceAccount",
    metadata: metadataOf(input),
  };
}

/** A ConfigMap with its keys sorted. */
export function configMap(
  input: MetadataInput & { readonly data: Readonly<Record<string, string>> },
): Rendered<ConfigMap> {
  const data = nonEmptyMap(input.data);
  return {
    apiVersion: "v1",
    ...(data === undefined ? {} : { data }),
    kind: "ConfigMap",
    metadata: metadataOf(input),
  };
}

/** Input of {@link podDisruptionBudget}. */
export interface DisruptionInput extends MetadataInput {
  readonly selector: Readonly<Record<string, string>>;
  /** How many pods may be evicted at once; 0 forbids it. */
  readonly maxUnavailable: number;
}

/** A PodDisruptionBudget; pods that never became ready do not hold a drain up. */
export function podDisruptionBudget(input: DisruptionInput): Rendered<PodDisruptionBudget> {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: metadataOf(input),
    spec: {
      maxUnavailable: input.maxUnavailable,
      selector: { matchLabels: nonEmptyMap(input.selector) ?? {} },
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    },
  };
}

/** Input of {@link horizontalPodAutoscaler}. */
export interface AutoscalerInput extends MetadataInput {
  /** Name of the Deployment, in the same namespace. */
  readonly deployment: string;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Percent of the requested cpu, averaged over the pods. */
  readonly targetCpuUtilization: number;
}

/** A HorizontalPodAutoscaler (autoscaling/v2) over cpu. */
export function horizontalPodAutoscaler(input: AutoscalerInput): Rendered<HorizontalPodAutoscaler> {
  assert(input.minReplicas >= 1, "an autoscaler over cpu cannot scale to zero");
  assert(input.maxReplicas >= input.minReplicas, "maxReplicas below minReplicas");
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: metadataOf(input),
    spec: {
      maxReplicas: input.maxReplicas,
      metrics: [
        {
          resource: {
            name: "cpu",
            target: { averageUtilization: input.targetCpuUtilization, type: "Utilization" },
          },
          type: "Resource",
        },
      ],
      minReplicas: input.minReplicas,
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: input.deployment },
    },
  };
}
