// How many pods a function gets. The user's numbers win; the template fills in the rest, within
// constraints.maxReplicas.

import type { Constraints, FunctionSpec } from "#api/oaas/v1alpha1/index.ts";
import type { Problem } from "#controllers/objects/index.ts";
import { invalid } from "#controllers/objects/index.ts";

import type { ServedTemplate } from "./template.ts";

/** Share of requested cpu at which an autoscaler adds pods, if nothing is said. */
export const DEFAULT_CPU_PERCENT = 80;
/** Most pods of an autoscaled function that names no limit. */
export const DEFAULT_PODS_MAX = 10;

/** Pods of a function: a fixed count, or what an autoscaler decides between two bounds. */
export type ScalePlan =
  | { readonly kind: "fixed"; readonly replicas: number }
  | {
      readonly kind: "autoscaled";
      readonly min: number;
      readonly max: number;
      readonly cpuPercent: number;
    };

const templatePods: Readonly<Record<ServedTemplate, number>> = { Dev: 1, Edge: 2, Cloud: 2 };

/** The plan for one function. An autoscaler comes with Cloud, or where the user gave it room. */
export function planScale(
  template: ServedTemplate,
  fn: FunctionSpec,
  constraints: Constraints | undefined,
): ScalePlan {
  const limit = constraints?.maxReplicas ?? Number.POSITIVE_INFINITY;
  const { min: wantedMin, max: wantedMax, targetCpuUtilization } = fn.scale ?? {};
  const min =
    wantedMin ?? Math.min(templatePods[template], wantedMax ?? Number.POSITIVE_INFINITY, limit);
  const hasRoom = wantedMax !== undefined && wantedMax > min;
  if (template !== "Cloud" && !hasRoom && targetCpuUtilization === undefined) {
    return { kind: "fixed", replicas: min };
  }
  const max = Math.min(wantedMax ?? Math.max(min, DEFAULT_PODS_MAX), limit);
  return {
    kind: "autoscaled",
    min,
    max: Math.max(min, max),
    cpuPercent:
      targetCpuUtilization === undefined
        ? DEFAULT_CPU_PERCENT
        : Math.max(1, Math.round(Number(targetCpuUtilization) * 100)),
  };
}

/** A user's minimum above the user's limit contradicts itself; neither is overwritten. */
export function scaleProblems(
  fn: FunctionSpec,
  constraints: Constraints | undefined,
  path: string,
): readonly Problem[] {
  const limit = constraints?.maxReplicas;
  const min = fn.scale?.min;
  if (limit === undefined || min === undefined || min <= limit) return [];
  return [invalid(`${path}.scale.min`, `${min} is above constraints.maxReplicas ${limit}`)];
}
