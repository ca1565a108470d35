// Everything that shall exist for a ClassRuntime: per served function what its template says, and
// one OdgmCollection. Complete, sorted, repeatable byte for byte.

import type {
  ClassRuntime,
  CollectionShape,
  FunctionRoute,
  OdgmCollectionSpec,
} from "#api/oaas/v1alpha1/index.ts";
import { effectiveBinding, effectiveClassRuntime } from "#api/oaas/v1alpha1/index.ts";
import { apiVersionOf, LABELS } from "#api/meta/index.ts";
import { ODGM_COLLECTION } from "#api/oaas/v1alpha1/index.ts";
import { renderFunctionEnv } from "#api/workload/function.ts";
import { dataServiceAddress } from "#api/workload/odgm-names.ts";
import type { Rendered } from "#controllers/objects/index.ts";
import {
  metadataOf,
  nonEmpty,
  nonEmptyMap,
  present,
  sortObjects,
} from "#controllers/objects/index.ts";

import { bindingsOf } from "./plan.ts";
import type {
  ClassRuntimeDefaults,
  CollectionPlan,
  FunctionPlan,
  ObservedRuntime,
  RuntimePlan,
} from "./plan.ts";
import { functionPort } from "./render/container.ts";
import {
  collectionName,
  functionChildName,
  functionLabels,
  functionSelector,
  inheritedAnnotations,
  namespaceOf,
  runtimeLabels,
} from "./render/names.ts";
import { TEMPLATES } from "./render/templates.ts";

/** The desired set, or why nothing may be touched. */
export type RenderResult =
  | readonly Rendered[]
  | { readonly refused: { readonly reason: string; readonly message: string } }
  | { readonly held: { readonly reason: string; readonly message: string } };

/** Renders the plan. */
export function render(
  observed: ObservedRuntime,
  plan: RuntimePlan,
  defaults: ClassRuntimeDefaults,
): RenderResult {
  const { halt } = plan;
  if (halt !== undefined) {
    const { reason, message } = halt;
    return halt.kind === "refused"
      ? { refused: { reason, message } }
      : { held: { reason, message } };
  }
  const functions = plan.functions.flatMap((fn) => renderFunction(observed, plan, fn, defaults));
  const data =
    plan.collection === undefined
      ? []
      : [renderCollection(observed.runtime, plan, plan.collection)];
  return sortObjects([...functions, ...data]);
}

function renderFunction(
  observed: ObservedRuntime,
  plan: RuntimePlan,
  fn: FunctionPlan,
  defaults: ClassRuntimeDefaults,
): readonly Rendered[] {
  const parts = fn.spec.provision?.deployment;
  if (fn.scale === undefined || parts === undefined) return [];
  const { runtime } = observed;
  const deploymentName = functionChildName(runtime, "Deployment", fn.spec.name);
  return TEMPLATES[plan.template]({
    namespace: namespaceOf(runtime),
    nameOf: (kind) => functionChildName(runtime, kind, fn.spec.name),
    labels: functionLabels(runtime, fn.spec.name),
    annotations: inheritedAnnotations(runtime),
    selector: functionSelector(runtime, fn.spec.name),
    parts,
    env: renderFunctionEnv(
      present({
        port: functionPort(parts),
        class: runtime.spec.class,
        odgmService:
          plan.collection === undefined
            ? undefined
            : dataServiceAddress(namespaceOf(runtime), collectionName(runtime)),
      }),
    ),
    scale: fn.scale,
    liveReplicas: observed.deployments.get(deploymentName)?.spec?.replicas,
    hasAutoscaler: observed.autoscaled.has(deploymentName),
    nodeSelector: plan.nodeSelector,
    systemNamespace: defaults.systemNamespace,
  });
}

/** An OdgmCollection as it is applied: with spec, without status. */
interface RenderedCollection extends Rendered {
  readonly spec: OdgmCollectionSpec;
}

function renderCollection(
  runtime: ClassRuntime,
  plan: RuntimePlan,
  data: CollectionPlan,
): RenderedCollection {
  const { spec } = runtime;
  return {
    apiVersion: apiVersionOf(ODGM_COLLECTION),
    kind: ODGM_COLLECTION.kind,
    metadata: metadataOf({
      name: collectionName(runtime),
      namespace: namespaceOf(runtime),
      labels: { ...runtimeLabels(runtime), [LABELS.component]: "data" },
      annotations: inheritedAnnotations(runtime),
    }),
    spec: present({
      ...shapeOf(runtime, plan, data),
      collection: spec.class,
      deletionPolicy: effectiveClassRuntime(spec).deletionPolicy,
      resolvedClass: spec.resolvedClass,
      routes: nonEmpty(routesOf(runtime, plan)),
    }),
  };
}

/** The shape with the class's own wishes, the environment's nodes and the plan's count in it. */
function shapeOf(runtime: ClassRuntime, plan: RuntimePlan, data: CollectionPlan): CollectionShape {
  const { spec } = runtime;
  const effective = effectiveClassRuntime(spec).collection;
  const placement = spec.collection?.placement;
  return present({
    partitions: effective?.partitions,
    replicas: effective?.replicas,
    nodes: data.nodes,
    shardType: effective?.shardType,
    partitioning: effective?.partitioning,
    options: nonEmpty(spec.collection?.options),
    storage: spec.collection?.storage ?? spec.resolvedClass?.storage,
    placement: present({
      ...placement,
      nodeSelector: nonEmptyMap({ ...plan.nodeSelector, ...placement?.nodeSelector }),
      spread: data.spread,
    }),
  });
}

/** One route per binding, sorted as the class lists them. */
function routesOf(runtime: ClassRuntime, plan: RuntimePlan): readonly FunctionRoute[] {
  const byName = new Map(plan.functions.map((fn) => [fn.spec.name, fn]));
  return bindingsOf(runtime).flatMap((written): readonly FunctionRoute[] => {
    const binding = effectiveBinding(written, undefined);
    const target = byName.get(binding.function);
    if (target === undefined) return [];
    if (!target.served || target.url === undefined) return [{ name: binding.name, disabled: true }];
    return [
      {
        name: binding.name,
        stateless: binding.stateless,
        timeoutMs: target.timeoutMs,
        url: target.url,
      },
    ];
  });
}
