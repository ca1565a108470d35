// Status of an Environment: its nodes as they are now, and the numbers that planning uses.

import type { Node } from "kubernetes-types/core/v1.js";

import { conditions as types, REASONS } from "#api/meta/index.ts";
import type { EnvironmentStatus } from "#api/oaas/v1alpha1/index.ts";
import { ASSUMED_AVAILABILITY, effectiveEnvironment } from "#api/oaas/v1alpha1/index.ts";
import { sumQuantities } from "#controllers/objects/index.ts";

import type { EnvironmentPlan, ObservedEnvironment } from "./plan.ts";

/** A condition without time and generation, which the status writer adds. */
export interface ConditionDraft {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** Status fields besides conditions and observedGeneration. */
export type EnvironmentFields = Omit<EnvironmentStatus, "observedGeneration" | "conditions">;

/** The whole status. */
export interface EnvironmentStatusDraft {
  readonly fields: EnvironmentFields;
  readonly conditions: readonly ConditionDraft[];
}

/** Resources that are summed up, if a node has them; devices and huge pages are left out. */
const resources = ["cpu", "ephemeral-storage", "memory", "pods"];

/** Computes the status. */
export function computeStatus(
  observed: ObservedEnvironment,
  plan: EnvironmentPlan,
  outcome: { readonly kind: "applied" | "refused" | "held" | "failed" | "finalizing" },
): EnvironmentStatusDraft {
  const { spec, metadata, status } = observed.environment;
  const ready = observed.nodes.filter(isReady);
  const accepted =
    outcome.kind === "applied" ? (metadata.generation ?? 0) : status?.acceptedGeneration;
  return {
    fields: {
      ...(accepted === undefined ? {} : { acceptedGeneration: accepted }),
      nodes: observed.nodes.length,
      readyNodes: ready.length,
      allocatable: allocatableOf(ready),
      availability: spec.availability ?? ASSUMED_AVAILABILITY,
      availabilitySource: spec.availability === undefined ? "Assumed" : "Declared",
      operator: { version: plan.operatorVersion },
      defaultTemplate: effectiveEnvironment(spec).defaultTemplate,
      runtimes: observed.runtimes,
    },
    conditions: [
      readyCondition(observed, ready.length),
      {
        type: types.REACHABLE,
        status: "True",
        reason: REASONS.Available,
        message: "this cluster",
      },
      {
        type: types.OPERATOR_READY,
        status: "True",
        reason: REASONS.Available,
        message: `version ${plan.operatorVersion} works here`,
      },
    ],
  };
}

function readyCondition(observed: ObservedEnvironment, ready: number): ConditionDraft {
  const type = types.READY;
  if (ready > 0) {
    const cordoned = observed.environment.spec.cordoned === true;
    const message = `${ready} of ${observed.nodes.length} nodes are ready`;
    const also = cordoned ? "; cordoned: nothing new is placed here" : "";
    return { type, status: "True", reason: REASONS.Available, message: message + also };
  }
  if (observed.nodes.length === 0) {
    const message = "no node has the labels of spec.nodeSelector";
    return { type, status: "False", reason: REASONS.NotFound, message };
  }
  const message = `none of ${observed.nodes.length} nodes is ready`;
  return { type, status: "False", reason: REASONS.Degraded, message };
}

/** Ready and schedulable: pods may go there. */
export function isReady(node: Node): boolean {
  if (node.spec?.unschedulable === true) return false;
  const condition = node.status?.conditions?.find((c) => c.type === "Ready");
  return condition?.status === "True";
}

function allocatableOf(nodes: readonly Node[]): Record<string, string> {
  return Object.fromEntries(
    resources.flatMap((name) => {
      const amounts = nodes
        .map((node) => node.status?.allocatable?.[name])
        .filter((amount) => amount !== undefined);
      return amounts.length === 0 ? [] : [[name, sumQuantities(amounts)]];
    }),
  );
}
