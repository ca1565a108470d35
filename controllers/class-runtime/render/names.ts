// Names and labels of everything that a ClassRuntime makes. All follow from the runtime's and the
// functions' names, so that the same document gives the same objects after a loss of everything.

import { ANNOTATIONS, childName, LABELS, labelValue, MANAGED_BY } from "#api/meta/index.ts";
import type { ClassRuntime } from "#api/oaas/v1alpha1/index.ts";
import { DEFAULT_ENVIRONMENT, parseClassRef } from "#api/oaas/v1alpha1/index.ts";

/** Component label of a function's pods. */
export const FUNCTION_COMPONENT = "function";

/** Kinds of which a function gets at most one each. */
export type FunctionChildKind =
  | "Deployment"
  | "HorizontalPodAutoscaler"
  | "NetworkPolicy"
  | "PodDisruptionBudget"
  | "Service"
  | "ServiceAccount";

/** Name of a function's object of this kind. */
export function functionChildName(
  runtime: ClassRuntime,
  childKind: FunctionChildKind,
  functionName: string,
): string {
  return childName({
    childKind,
    namespace: namespaceOf(runtime),
    parentKind: "ClassRuntime",
    parentName: nameOf(runtime),
    childKey: functionName,
  });
}

/** Name of the runtime's OdgmCollection. */
export function collectionName(runtime: ClassRuntime): string {
  return childName({
    childKind: "OdgmCollection",
    namespace: namespaceOf(runtime),
    parentKind: "ClassRuntime",
    parentName: nameOf(runtime),
    childKey: "",
  });
}

/** Address of a function's Service. */
export function functionUrl(runtime: ClassRuntime, functionName: string, port: number): string {
  const service = functionChildName(runtime, "Service", functionName);
  return `http://${service}.${namespaceOf(runtime)}.svc:${port}`;
}

/** Labels that all children carry. */
export function runtimeLabels(runtime: ClassRuntime): Readonly<Record<string, string>> {
  const member = parseClassRef(runtime.spec.class, "");
  return {
    [LABELS.instance]: labelValue(nameOf(runtime)),
    [LABELS.managedBy]: MANAGED_BY.oaas,
    [LABELS.partOf]: labelValue(member.package),
    [LABELS.package]: labelValue(member.package),
    [LABELS.class]: labelValue(runtime.spec.class),
    [LABELS.runtime]: labelValue(nameOf(runtime)),
    [LABELS.environment]: labelValue(runtime.spec.environment ?? DEFAULT_ENVIRONMENT),
  };
}

/** Labels of a function's objects and pods. */
export function functionLabels(
  runtime: ClassRuntime,
  functionName: string,
): Readonly<Record<string, string>> {
  return {
    ...runtimeLabels(runtime),
    [LABELS.name]: labelValue(functionName),
    [LABELS.component]: FUNCTION_COMPONENT,
    [LABELS.function]: labelValue(functionName),
  };
}

/** The labels that select a function's pods and no others. */
export function functionSelector(
  runtime: ClassRuntime,
  functionName: string,
): Readonly<Record<string, string>> {
  return {
    [LABELS.component]: FUNCTION_COMPONENT,
    [LABELS.runtime]: labelValue(nameOf(runtime)),
    [LABELS.function]: labelValue(functionName),
  };
}

/** Annotations that children inherit in their metadata (never in pod templates). */
export function inheritedAnnotations(runtime: ClassRuntime): Readonly<Record<string, string>> {
  const id = runtime.metadata.annotations?.[ANNOTATIONS.correlationId];
  return id === undefined ? {} : { [ANNOTATIONS.correlationId]: id };
}

/** Name of the runtime; every object that was read has one. */
export function nameOf(runtime: ClassRuntime): string {
  return runtime.metadata.name ?? "";
}

/** Namespace of the runtime. */
export function namespaceOf(runtime: ClassRuntime): string {
  return runtime.metadata.namespace ?? "";
}
