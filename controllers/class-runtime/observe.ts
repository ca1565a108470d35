// All reads of one pass over a ClassRuntime, from caches only.

import type { HorizontalPodAutoscaler } from "kubernetes-types/autoscaling/v2.js";
import type { Pod } from "kubernetes-types/core/v1.js";

import { LABELS, labelValue, MANAGED_BY } from "#api/meta/index.ts";
import type { ClassRuntime, Environment, OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import {
  CLASS_RUNTIME,
  DEFAULT_ENVIRONMENT,
  ENVIRONMENT,
  ODGM_COLLECTION,
} from "#api/oaas/v1alpha1/index.ts";
import type { Live, ObjectKey, Reader } from "#controllers/runtime/index.ts";
import { defineKind, KINDS } from "#controllers/runtime/index.ts";

import type { ObservedEnvironment, ObservedRuntime } from "./plan.ts";
import { firstClaimant } from "./plan/claim.ts";
import { FUNCTION_COMPONENT } from "./render/names.ts";

/** ClassRuntimes. */
export const RUNTIMES = defineKind<ClassRuntime>(CLASS_RUNTIME);
/** Environments. */
export const ENVIRONMENTS = defineKind<Environment>(ENVIRONMENT);
/** OdgmCollections. */
export const COLLECTIONS = defineKind<OdgmCollection>(ODGM_COLLECTION);

/** Selects the pods of functions, and no others. */
export const FUNCTION_PODS = [
  `${LABELS.managedBy}=${MANAGED_BY.oaas}`,
  `${LABELS.component}=${FUNCTION_COMPONENT}`,
].join(",");

/** Index over runtimes: who claims a class in an environment. */
export const CLAIM_INDEX = "claim";

/** What a runtime claims: `environment/class`. */
export function claimOf(runtime: ClassRuntime): string {
  return `${runtime.spec.environment ?? DEFAULT_ENVIRONMENT}/${runtime.spec.class}`;
}

/** Index over pods and runtimes: `namespace/value of the runtime label`. */
export const RUNTIME_LABEL_INDEX = "runtime-label";

/** Index over autoscalers: `namespace/name` of the Deployment that they scale. */
export const SCALED_INDEX = "scaled-deployment";

/** The label value by which pods name this runtime, as a key of {@link RUNTIME_LABEL_INDEX}. */
export function runtimeLabelKey(runtime: ClassRuntime): string {
  return `${runtime.metadata.namespace ?? ""}/${labelValue(runtime.metadata.name ?? "")}`;
}

/** The runtime that a pod names, as keys of {@link RUNTIME_LABEL_INDEX}. */
export function podLabelKeys(pod: Pod): readonly string[] {
  const value = pod.metadata?.labels?.[LABELS.runtime];
  return value === undefined ? [] : [`${pod.metadata?.namespace ?? ""}/${value}`];
}

/** The Deployment that an autoscaler scales, as keys of {@link SCALED_INDEX}. */
export function scaledKeys(autoscaler: HorizontalPodAutoscaler): readonly string[] {
  const target = autoscaler.spec?.scaleTargetRef;
  if (target?.kind !== "Deployment") return [];
  return [`${autoscaler.metadata?.namespace ?? ""}/${target.name}`];
}

/** Reads a runtime and everything that its plan and status depend on; undefined if it is gone. */
export function observe(key: ObjectKey, reader: Reader): ObservedRuntime | undefined {
  const runtime = reader.get(RUNTIMES, key);
  if (runtime === undefined) return undefined;
  const { uid, namespace = "" } = runtime.metadata;
  const claimants = reader.list(RUNTIMES, {
    index: { name: CLAIM_INDEX, value: claimOf(runtime) },
  });
  const owner = firstClaimant(claimants);
  const isFirst = owner === undefined || owner.metadata?.uid === uid;
  const deployments = reader.owned(KINDS.Deployment, uid);
  return {
    runtime,
    environment: observeEnvironment(runtime, reader),
    claimedBy: isFirst
      ? undefined
      : `${owner.metadata.namespace ?? ""}/${owner.metadata.name ?? ""}`,
    deployments: new Map(deployments.map((found) => [found.metadata.name, found])),
    pods: reader.list(KINDS.Pod, {
      index: { name: RUNTIME_LABEL_INDEX, value: runtimeLabelKey(runtime) },
    }),
    autoscaled: new Set(
      deployments
        .map(({ metadata }) => metadata.name)
        .filter((name) => isScaled(`${namespace}/${name}`, reader)),
    ),
    collection: reader.owned(COLLECTIONS, uid)[0],
  };
}

/** Whether an autoscaler, ours or the user's, is pointed at this Deployment. */
function isScaled(value: string, reader: Reader): boolean {
  const index = { name: SCALED_INDEX, value };
  return reader.list(KINDS.HorizontalPodAutoscaler, { index }).length > 0;
}

function observeEnvironment(runtime: ClassRuntime, reader: Reader): ObservedEnvironment {
  const name = runtime.spec.environment ?? DEFAULT_ENVIRONMENT;
  const environment = reader.get(ENVIRONMENTS, { namespace: "", name });
  if (environment !== undefined) return { kind: "found", environment };
  return name === DEFAULT_ENVIRONMENT ? { kind: "implied" } : { kind: "missing" };
}

/** The runtime that a function's pod belongs to. */
export function runtimeOfPod(pod: Live<Pod>, reader: Reader): readonly ObjectKey[] {
  return podLabelKeys(pod).flatMap((value) =>
    keysOf(reader.list(RUNTIMES, { index: { name: RUNTIME_LABEL_INDEX, value } })),
  );
}

/** The runtimes that are placed in an environment. */
export function runtimesInEnvironment(
  environment: Live<Environment>,
  reader: Reader,
): readonly ObjectKey[] {
  return keysOf(
    reader
      .list(RUNTIMES)
      .filter((r) => (r.spec.environment ?? DEFAULT_ENVIRONMENT) === environment.metadata.name),
  );
}

/** The runtimes that claim the same class in the same environment. */
export function rivals(changed: Live<ClassRuntime>, reader: Reader): readonly ObjectKey[] {
  const value = claimOf(changed);
  return keysOf(
    reader
      .list(RUNTIMES, { index: { name: CLAIM_INDEX, value } })
      .filter((other) => other.metadata.uid !== changed.metadata.uid),
  );
}

function keysOf(runtimes: readonly Live<ClassRuntime>[]): readonly ObjectKey[] {
  return runtimes.map(({ metadata }) => ({
    namespace: metadata.namespace ?? "",
    name: metadata.name,
  }));
}
