// Declaration of the OstTarget controller for the framework.
import type { Node, Pod } from "kubernetes-types/core/v1.js";

import { ANNOTATIONS, FIELD_MANAGERS, FINALIZERS, LABELS } from "#api/meta/index.ts";
import type { OstTarget } from "#api/rawstor/v1alpha1/index.ts";
import type { AnyController } from "#controllers/runtime/index.ts";
import { defineController, KINDS, watch } from "#controllers/runtime/index.ts";

import { served } from "./fields.ts";
import { finalize } from "./plan/finalize.ts";
import { observe, TARGET, targetsOf } from "./observe.ts";
import { permissions } from "./permissions.ts";
import type { Observed, TargetCall, TargetDefaults, TargetPlan } from "./plan/plan.ts";
import { calls, isOutdated, plan } from "./plan/plan.ts";
import type { TargetPort } from "./port.ts";
import { COMPONENT, render, templateName } from "./render.ts";
import type { TargetFields } from "./status.ts";
import { computeStatus } from "./status.ts";

type PlanWithCalls = TargetPlan & {
  readonly calls: readonly TargetCall[];
  /** Until the pod is another one: nobody tells that others serve again, or that it did not go. */
  readonly isOutdated: boolean;
};

const RESTART_RETRY_MS = 10_000;

/** A target may go once nothing is on it; after this long it says so as `Stalled`. */
const FINALIZE_TIMEOUT_MS = 10 * 60 * 1000;

/** The controller. `port` reaches the programs. */
export function ostTargetController(defaults: TargetDefaults, port: TargetPort): AnyController {
  const namespaces = [defaults.namespace];
  return defineController<
    OstTarget,
    Observed,
    PlanWithCalls,
    TargetFields,
    TargetCall,
    TargetPort,
    TargetDefaults
  >({
    name: "ost-target",
    kind: TARGET,
    fieldManager: FIELD_MANAGERS.ostTarget,
    // In the order of deletion: the claim, which its pod keeps, shows that the target is going.
    children: [
      { kind: KINDS.ConfigMap, namespaces },
      { kind: KINDS.PersistentVolume },
      { kind: KINDS.PersistentVolumeClaim, namespaces },
      { kind: KINDS.Service, namespaces },
      { kind: KINDS.ServiceAccount, namespaces },
      { kind: KINDS.StatefulSet, namespaces },
    ],
    watches: [
      watch<Pod>({
        kind: KINDS.Pod,
        namespaces,
        labelSelector: `${LABELS.component}=${COMPONENT}`,
        wakes: targetsOf,
      }),
      watch<Node>({
        kind: KINDS.Node,
        wakes: (node, reader) =>
          reader
            .list(TARGET)
            .filter((target) => target.spec.nodeName === node.metadata.name)
            .map((target) => ({ namespace: "", name: target.metadata.name })),
      }),
    ],
    sources: [{ start: (wake) => port.start((name) => wake({ namespace: "", name })) }],
    permissions: permissions(defaults.namespace),
    served,
    port,
    defaults,
    // One at a time: each sees which pods the one before has sent away.
    concurrency: 1,
    observe: (key, reader, at) => observe(key, reader, at, defaults),
    plan: (observed, now) => {
      const next = plan(observed, now, defaults);
      const template = templateName(observed, next, defaults);
      const isLate = isOutdated(observed, next, template);
      return { ...next, calls: calls(observed, next, template), isOutdated: isLate };
    },
    requeueAfterMs: (_observed, next) => (next.isOutdated ? RESTART_RETRY_MS : undefined),
    render,
    calls: (next) => next.calls,
    act: async (list, at) => {
      for (const call of list) {
        await (call.kind === "restart-pod" ? at.restartPod(call) : at.turnDisk(call));
      }
    },
    computeStatus,
    finalizer: {
      name: FINALIZERS.ostTarget,
      timeoutMs: FINALIZE_TIMEOUT_MS,
      escapeAnnotation: ANNOTATIONS.abandonRawstor,
      finalize,
    },
  });
}
