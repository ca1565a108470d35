// One ClassRuntime per deployment and environment, complete and sorted.

import { ANNOTATIONS, apiVersionOf, LABELS, labelValue, MANAGED_BY } from "#api/meta/index.ts";
import type {
  ClassRuntimeSpec,
  CollectionShape,
  Constraints,
  OPackage,
  Requirements,
} from "#api/oaas/v1alpha1/index.ts";
import { CLASS_RUNTIME, effectiveDeploymentDeletionPolicy } from "#api/oaas/v1alpha1/index.ts";
import type { Rendered } from "#controllers/objects/index.ts";
import { metadataOf, nonEmpty, present, sortObjects } from "#controllers/objects/index.ts";

import type { PackagePlan } from "./plan.ts";
import type { DeploymentPlan, RuntimeTarget } from "./plan/deployments.ts";
import type { ObservedPackage } from "./plan/observed.ts";

/** The desired set, or why nothing may be touched. */
export type RenderResult =
  | readonly Rendered[]
  | { readonly refused: { readonly reason: string; readonly message: string } }
  | { readonly held: { readonly reason: string; readonly message: string } };

/** A ClassRuntime as it is applied: with spec, without status. */
interface RenderedRuntime extends Rendered {
  readonly spec: ClassRuntimeSpec;
}

/** Renders the plan. */
export function render(observed: ObservedPackage, plan: PackagePlan): RenderResult {
  const { halt } = plan;
  if (halt !== undefined) {
    const { reason, message } = halt;
    return halt.kind === "refused"
      ? { refused: { reason, message } }
      : { held: { reason, message } };
  }
  return sortObjects(
    plan.deployments.flatMap((deployment) =>
      deployment.runtimes.map((target) => renderRuntime(observed.package, deployment, target)),
    ),
  );
}

function renderRuntime(
  owner: OPackage,
  plan: DeploymentPlan,
  target: RuntimeTarget,
): RenderedRuntime {
  const { deployment } = plan;
  const correlationId = owner.metadata.annotations?.[ANNOTATIONS.correlationId];
  return {
    apiVersion: apiVersionOf(CLASS_RUNTIME),
    kind: CLASS_RUNTIME.kind,
    metadata: metadataOf({
      name: target.name,
      namespace: owner.metadata.namespace,
      labels: {
        [LABELS.instance]: labelValue(deployment.name),
        [LABELS.managedBy]: MANAGED_BY.oaas,
        [LABELS.partOf]: labelValue(owner.metadata.name ?? ""),
        [LABELS.package]: labelValue(owner.metadata.name ?? ""),
        [LABELS.class]: labelValue(plan.class),
        [LABELS.environment]: labelValue(target.place.name),
      },
      annotations:
        correlationId === undefined ? {} : { [ANNOTATIONS.correlationId]: correlationId },
    }),
    spec: present({
      class: plan.class,
      collection: collectionOf(plan),
      constraints: constraintsOf(deployment.constraints),
      deletionPolicy: effectiveDeploymentDeletionPolicy(deployment),
      disabledFunctions: nonEmpty(target.member?.disabledFunctions),
      environment: target.place.name,
      functions: nonEmpty(plan.functions.map((fn) => fn.spec)),
      requirements: requirementsOf(deployment.requirements),
      resolvedClass: plan.resolution?.resolved,
      state: plan.disabled ? ("Disabled" as const) : undefined,
      templateHint: target.member?.template,
    }),
  };
}

function collectionOf(plan: DeploymentPlan): CollectionShape {
  return present({
    options: nonEmpty(plan.deployment.options),
    partitions: plan.data?.partitions,
    replicas: plan.data?.replicas,
    shardType: plan.data?.shardType,
  });
}

/** What a runtime can do something about: the place is chosen already. */
function requirementsOf(given: Requirements | undefined): Requirements | undefined {
  if (given === undefined) return undefined;
  const { locality: _chosen, ...rest } = given;
  return Object.keys(rest).length === 0 ? undefined : rest;
}

function constraintsOf(given: Constraints | undefined): Constraints | undefined {
  return given === undefined || Object.keys(given).length === 0 ? undefined : given;
}
