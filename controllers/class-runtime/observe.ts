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
  const pods = reader.list(KINDS.Pod, {
    namespace,
    labels: { [LABELS.runtime]: labelValue(key.name) },
  });
  return {
    runtime,
    environment: observeEnvironment(runtime, reader),
    claimedBy: isFirst
      ? undefined
      : `${owner.metadata.namespace ?? ""}/${owner.metadata.name ?? ""}`,
    deployments: new Map(
      reader.owned(KINDS.Deployment, uid).map((found) => [found.metadata.name, found]),
    ),
    pods,
    autoscaled: new Set(
      reader.list(KINDS.HorizontalPodAutoscaler, { namespace }).flatMap(targetDeployment),
    ),
    collection: reader.owned(COLLECTIONS, uid)[0],
  };
}

function targetDeployment(autoscaler: HorizontalPodAutoscaler): readonly string[] {
  const target = autoscaler.spec?.scaleTargetRef;
  return target?.kind === "Deployment" ? [target.name] : [];
}

function observeEnvironment(runtime: ClassRuntime, reader: Reader): ObservedEnvironment {
  const name = runtime.spec.environment ?? DEFAULT_ENVIRONMENT;
  const environment = reader.get(ENVIRONMENTS, { namespace: "", name });
  if (environment !== undefined) return { kind: "found", environment };
  return name === DEFAULT_ENVIRONMENT ? { kind: "implied" } : { kind: "missing" };
}

/** The runtime that a function's pod belongs to. */
export function runtimeOfPod(pod: Live<Pod>, reader: Reader): readonly ObjectKey[] {
  const { namespace = "", labels = {} } = pod.metadata;
  const wanted = labels[LABELS.runtime];
  return reader
    .list(RUNTIMES, { namespace })
    .filter((runtime) => labelValue(runtime.metadata.name) === wanted)
    .map((runtime) => ({ namespace, name: runtime.metadata.name }));
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
