// What this controller serves of ClassRuntime.spec. A field that is set but not listed is refused
// as Unsupported by the framework; values that are legal but not served yet are refused by
// `unsupportedValues`. Both lists shrink to nothing as the rest of the design is built.

import type { ClassRuntimeSpec } from "#api/oaas/v1alpha1/index.ts";
import { effectiveStorage } from "#api/oaas/v1alpha1/index.ts";
import type { Problem } from "#controllers/objects/index.ts";
import {
  KNATIVE_UNSUPPORTED,
  persistentMessage,
  unsupported,
  unsupportedFunctionValues,
  unsupportedKeyValues,
} from "#controllers/objects/index.ts";

/** Served fields, relative to spec, alphabetical; an entry serves everything below it. */
export const CLASS_RUNTIME_SERVED: readonly string[] = [
  "addons",
  "class",
  "collection.nodes",
  "collection.options",
  "collection.partitioning",
  "collection.partitions",
  "collection.placement",
  "collection.replicas",
  "collection.shardType",
  "collection.storage",
  "constraints.hardLatencyMs",
  "constraints.jurisdiction",
  "constraints.maxReplicas",
  "deletionPolicy",
  "disabledFunctions",
  "environment",
  "functions[].constraints.hardLatencyMs",
  "functions[].description",
  "functions[].name",
  "functions[].provision.deployment",
  "functions[].provision.staticUrl",
  "functions[].requirements",
  "functions[].scale.max",
  "functions[].scale.min",
  "functions[].scale.targetCpuUtilization",
  "functions[].state",
  "functions[].timeoutMs",
  "functions[].type",
  "functions[].variables",
  "requirements.availability",
  "requirements.latencyMs",
  "requirements.throughputRps",
  "resolvedClass.ancestors",
  "resolvedClass.consistency",
  "resolvedClass.description",
  "resolvedClass.functions[].access",
  "resolvedClass.functions[].function",
  "resolvedClass.functions[].name",
  "resolvedClass.functions[].stateless",
  "resolvedClass.keys[].name",
  "resolvedClass.keys[].type",
  "resolvedClass.partitioning",
  "resolvedClass.persistent",
  "resolvedClass.stalenessBoundSeconds",
  "resolvedClass.stateType",
  "resolvedClass.storage",
  "state",
  "suspend",
  "templateHint",
];

/** Values of served fields that are legal and not served yet. */
export function unsupportedValues(spec: ClassRuntimeSpec): readonly Problem[] {
  const found: Problem[] = [];
  if (spec.templateHint === "Knative") {
    found.push(unsupported("spec.templateHint", KNATIVE_UNSUPPORTED));
  }
  const shardType = spec.collection?.shardType ?? "Basic";
  const keys = spec.resolvedClass?.keys ?? [];
  found.push(...unsupportedKeyValues(keys, "spec.resolvedClass", shardType));
  if (spec.resolvedClass?.persistent === false) {
    const message = persistentMessage(shardType === "Raft" ? "shardType Raft" : "");
    found.push(unsupported("spec.resolvedClass.persistent", message));
  }
  const { provider } = effectiveStorage(spec.collection?.storage ?? spec.resolvedClass?.storage);
  if (provider !== "Volume") {
    const owner = spec.collection?.storage === undefined ? "resolvedClass" : "collection";
    const message = `${provider} is not served yet; use Volume`;
    found.push(unsupported(`spec.${owner}.storage.provider`, message));
  }
  const stateType = spec.resolvedClass?.stateType ?? "Normal";
  if (stateType !== "Normal") {
    const message = `state type ${stateType} is not served yet`;
    found.push(unsupported("spec.resolvedClass.stateType", message));
  }
  (spec.functions ?? []).forEach((fn, index) => {
    found.push(...unsupportedFunctionValues(fn, `spec.functions[${index}]`));
  });
  return found;
}
