// Status of a ClassRuntime, from what was seen and never from what was just asked for. The reason
// of whatever is wrong below (a pod, a Deployment, the collection) becomes the reason of Ready.

import type { Pod } from "kubernetes-types/core/v1.js";

import { conditions as types, LABELS, labelValue, REASONS } from "#api/meta/index.ts";
import type { Condition } from "#api/meta/index.ts";
import type {
  ClassRuntimeStatus,
  CollectionSummary,
  FunctionStatus,
  OdgmCollection,
} from "#api/oaas/v1alpha1/index.ts";
import { effectiveOdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { counted, present } from "#controllers/objects/index.ts";

import type { FunctionPlan, ObservedRuntime, RuntimePlan } from "./plan.ts";
import { functionChildName } from "./render/names.ts";
import { translateCollectionPaths } from "./status/paths.ts";
import { judgeWorkload } from "./status/workload.ts";
import type { WorkloadHealth } from "./status/workload.ts";

/** A condition without time and generation, which the status writer adds. */
export interface ConditionDraft {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** Status fields besides conditions and observedGeneration. */
export type ClassRuntimeFields = Omit<ClassRuntimeStatus, "observedGeneration" | "conditions">;

/** The whole status. */
export interface ClassRuntimeStatusDraft {
  readonly fields: ClassRuntimeFields;
  readonly conditions: readonly ConditionDraft[];
}

/** How the pass went: only whether the whole desired set is in place matters here. */
export interface PassOutcome {
  readonly kind: "applied" | "refused" | "held" | "failed" | "finalizing";
}

/** Computes the status. */
export function computeStatus(
  observed: ObservedRuntime,
  plan: RuntimePlan,
  outcome: PassOutcome,
): ClassRuntimeStatusDraft {
  const functions = plan.functions.map((fn) => judgeFunction(observed, fn));
  const functionsReady = functionsCondition(plan, functions);
  const dataReady = dataCondition(plan, observed.collection);
  return {
    fields: present({
      acceptedGeneration:
        outcome.kind === "applied"
          ? (observed.runtime.metadata.generation ?? 0)
          : observed.runtime.status?.acceptedGeneration,
      template: plan.template,
      templateReason: plan.templateReason,
      functions: functions.length === 0 ? undefined : functions.map((fn) => fn.status),
      collection: collectionSummary(observed.collection),
    }),
    conditions: [
      ...summary(observed, plan, [functionsReady, dataReady]),
      functionsReady,
      dataReady,
      unmeasured(types.NFR_OBSERVED),
      unmeasured(types.NFR_MET),
    ],
  };
}

function unmeasured(type: string): ConditionDraft {
  return {
    type,
    status: "Unknown",
    reason: REASONS.NoData,
    message: "measurements are not served yet",
  };
}

interface JudgedFunction {
  readonly status: FunctionStatus;
  readonly health: WorkloadHealth | undefined;
}

function judgeFunction(observed: ObservedRuntime, fn: FunctionPlan): JudgedFunction {
  const name = fn.spec.name;
  if (!fn.served) {
    const message = "disabled: it has no pods and is not called";
    const status = { name, condition: "Down", ready: false, reason: REASONS.Disabled, message };
    return { status: status as FunctionStatus, health: undefined };
  }
  if (fn.scale === undefined) {
    const status: FunctionStatus = present({
      name,
      condition: "Running" as const,
      ready: true,
      url: fn.url,
      message: "runs elsewhere; it is not watched from here",
    });
    return { status, health: undefined };
  }
  const deployment = observed.deployments.get(
    functionChildName(observed.runtime, "Deployment", name),
  );
  const health = judgeWorkload(deployment, podsOf(observed, name));
  return {
    health,
    status: present({
      name,
      condition: conditionOf(deployment === undefined, health),
      ready: health.settled,
      reason: health.trouble?.reason,
      replicas: health.replicas,
      readyReplicas: health.ready,
      url: fn.url,
      message: health.trouble?.message,
    }),
  };
}

function conditionOf(
  absent: boolean,
  health: WorkloadHealth,
): FunctionStatus["condition"] & string {
  if (absent) return "Pending";
  if (health.settled) return "Running";
  return health.trouble?.failing === true && health.ready === 0 ? "Down" : "Deploying";
}

function podsOf(observed: ObservedRuntime, functionName: string): readonly Pod[] {
  const wanted = labelValue(functionName);
  return observed.pods.filter((pod) => pod.metadata?.labels?.[LABELS.function] === wanted);
}

function functionsCondition(
  plan: RuntimePlan,
  functions: readonly JudgedFunction[],
): ConditionDraft {
  const troubled = functions.filter((fn) => fn.health !== undefined && !fn.health.settled);
  const served = plan.functions.filter((fn) => fn.served).length;
  if (troubled.length === 0) {
    return {
      type: types.FUNCTIONS_READY,
      status: "True",
      reason: served === 0 && plan.functions.length > 0 ? REASONS.Disabled : REASONS.Available,
      message: `${served} of ${counted(plan.functions.length, "function")} served`,
    };
  }
  // What fails comes before what is only starting.
  const worst = troubled.find((fn) => fn.health?.trouble?.failing === true) ?? troubled[0];
  const others = troubled.length - 1;
  const more = others === 0 ? "" : `; ${others} more not ready`;
  return {
    type: types.FUNCTIONS_READY,
    status: "False",
    reason: worst?.health?.trouble?.reason ?? REASONS.WaitingForPods,
    message: `function ${worst?.status.name ?? ""}: ${worst?.status.message ?? ""}${more}`,
  };
}

function dataCondition(plan: RuntimePlan, collection: OdgmCollection | undefined): ConditionDraft {
  const draft = (status: ConditionDraft["status"], reason: string, message: string) => ({
    type: types.DATA_READY,
    status,
    reason,
    message,
  });
  if (plan.collection === undefined) {
    return draft("True", REASONS.Available, "a class without data");
  }
  if (plan.collection.nodes === 0) {
    return draft("True", REASONS.Disabled, "the data rests in its claims");
  }
  if (collection === undefined) {
    return draft("False", REASONS.WaitingForData, "the collection is not created yet");
  }
  const seen = currentCondition(collection, types.DATA_READY);
  if (seen === undefined) {
    return draft("False", REASONS.WaitingForData, "the collection has not reported yet");
  }
  return draft(seen.status, seen.reason, translateCollectionPaths(seen.message));
}

/** The collection's condition, if it is about the present spec. */
function currentCondition(collection: OdgmCollection, type: string): Condition | undefined {
  const seen = collection.status?.observedGeneration ?? -1;
  if (seen < (collection.metadata.generation ?? 0)) return undefined;
  return collection.status?.conditions?.find((condition) => condition.type === type);
}

function collectionSummary(collection: OdgmCollection | undefined): CollectionSummary | undefined {
  if (collection === undefined) return undefined;
  const { partitions, replicas, nodes, shardType } = effectiveOdgmCollection(collection.spec);
  return present({
    name: collection.metadata.name ?? "",
    partitions,
    readyPartitions: collection.status?.partitions?.serving,
    replicas,
    nodes,
    shardType,
  });
}

/** Ready, and Reconciling or Stalled where they hold. */
function summary(
  observed: ObservedRuntime,
  plan: RuntimePlan,
  parts: readonly ConditionDraft[],
): readonly ConditionDraft[] {
  const ready = (status: ConditionDraft["status"], reason: string, message: string) => ({
    type: types.READY,
    status,
    reason,
    message,
  });
  const { halt } = plan;
  const unready = parts.find((part) => part.status !== "True");
  if (halt?.kind === "held") {
    const status = unready === undefined && halt.reason === REASONS.Suspended ? "True" : "False";
    const also = unready === undefined ? "" : `; ${unready.message}`;
    return [ready(status, halt.reason, halt.message + also)];
  }
  const stalled = stalledBelow(observed.collection);
  if (stalled !== undefined) {
    return [ready("False", stalled.reason, stalled.message), { ...stalled, type: types.STALLED }];
  }
  if (unready === undefined) {
    const disabled = observed.runtime.spec.state === "Disabled";
    return disabled
      ? [ready("True", REASONS.Disabled, "spec.state is Disabled: nothing is served")]
      : [ready("True", REASONS.Available, "functions and data are served")];
  }
  const failing = plan.functions.length > 0 && isFailing(unready);
  const draft = ready("False", unready.reason, unready.message);
  return failing ? [draft] : [draft, { ...draft, type: types.RECONCILING, status: "True" }];
}

const passing: ReadonlySet<string> = new Set([
  REASONS.Pending,
  REASONS.Progressing,
  REASONS.WaitingForPods,
  REASONS.WaitingForData,
  REASONS.WaitingForChildren,
  REASONS.WaitingForDependency,
  REASONS.Formatting,
  REASONS.Moving,
  REASONS.Resyncing,
]);

/** Something is wrong, as opposed to merely not there yet. */
function isFailing(condition: ConditionDraft): boolean {
  return !passing.has(condition.reason);
}

/** The collection's Stalled, told as this object's own. */
function stalledBelow(
  collection: OdgmCollection | undefined,
): { readonly status: "True"; readonly reason: string; readonly message: string } | undefined {
  if (collection === undefined) return undefined;
  const stalled = currentCondition(collection, types.STALLED);
  if (stalled?.status !== "True") return undefined;
  const name = collection.metadata.name ?? "";
  const why = `${stalled.reason}: ${translateCollectionPaths(stalled.message)}`;
  return {
    status: "True",
    reason: REASONS.ChildStalled,
    message: `OdgmCollection ${name}: ${why}`,
  };
}
