// Declaration of the ClassRuntime controller for the framework.

import { FIELD_MANAGERS } from "#api/meta/index.ts";
import type { ClassRuntime } from "#api/oaas/v1alpha1/index.ts";
import type { AnyController } from "#controllers/runtime/index.ts";
import { defineController, index, KINDS, watch } from "#controllers/runtime/index.ts";

import { CLASS_RUNTIME_SERVED } from "./fields.ts";
import {
  CLAIM_INDEX,
  claimOf,
  COLLECTIONS,
  ENVIRONMENTS,
  FUNCTION_PODS,
  observe,
  podLabelKeys,
  rivals,
  RUNTIME_LABEL_INDEX,
  runtimeLabelKey,
  runtimeOfPod,
  RUNTIMES,
  runtimesInEnvironment,
  SCALED_INDEX,
  scaledKeys,
} from "./observe.ts";
import { plan } from "./plan.ts";
import type { ClassRuntimeDefaults, ObservedRuntime, RuntimePlan } from "./plan.ts";
import { render } from "./render.ts";
import type { ClassRuntimeFields } from "./status.ts";
import { computeStatus } from "./status.ts";
import { explainRefusal } from "./status/paths.ts";

/** The controller of ClassRuntime. */
export function classRuntimeController(defaults: ClassRuntimeDefaults): AnyController {
  return defineController<
    ClassRuntime,
    ObservedRuntime,
    RuntimePlan,
    ClassRuntimeFields,
    never,
    undefined,
    ClassRuntimeDefaults
  >({
    name: "class-runtime",
    kind: RUNTIMES,
    fieldManager: FIELD_MANAGERS.classRuntime,
    children: [
      { kind: KINDS.Deployment },
      { kind: KINDS.HorizontalPodAutoscaler },
      { kind: KINDS.NetworkPolicy },
      { kind: COLLECTIONS, dryRun: true },
      { kind: KINDS.PodDisruptionBudget },
      { kind: KINDS.Service },
      { kind: KINDS.ServiceAccount },
    ],
    watches: [
      watch({ kind: ENVIRONMENTS, wakes: runtimesInEnvironment }),
      watch({ kind: KINDS.Pod, labelSelector: FUNCTION_PODS, wakes: runtimeOfPod }),
      watch({ kind: RUNTIMES, wakes: rivals }),
    ],
    indexes: [
      index({ kind: RUNTIMES, name: CLAIM_INDEX, values: (runtime) => [claimOf(runtime)] }),
      index({
        kind: RUNTIMES,
        name: RUNTIME_LABEL_INDEX,
        values: (runtime) => [runtimeLabelKey(runtime)],
      }),
      index({ kind: KINDS.Pod, name: RUNTIME_LABEL_INDEX, values: podLabelKeys }),
      index({ kind: KINDS.HorizontalPodAutoscaler, name: SCALED_INDEX, values: scaledKeys }),
    ],
    permissions: [],
    served: CLASS_RUNTIME_SERVED,
    port: undefined,
    defaults,
    observe,
    plan,
    render,
    explain: (_observed, _plan, refusal) => explainRefusal(refusal),
    computeStatus,
  });
}
