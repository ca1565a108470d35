// What this controller serves of OPackage.spec. A field that is set but not listed is refused as
// Unsupported by the framework; values that are legal but not served yet are refused by
// `unsupportedValues`. Both lists shrink to nothing as the rest of the design is built.

import type { OPackageSpec } from "#api/oaas/v1alpha1/index.ts";
import type { Problem } from "#controllers/objects/index.ts";
import {
  KNATIVE_UNSUPPORTED,
  persistentMessage,
  unsupported,
  unsupportedFunctionValues,
  unsupportedKeyValues,
} from "#controllers/objects/index.ts";

/** Served fields, relative to spec, alphabetical; an entry serves everything below it. */
export const OPACKAGE_SERVED: readonly string[] = [
  "author",
  "classes[].consistency",
  "classes[].description",
  "classes[].functions[].access",
  "classes[].functions[].function",
  "classes[].functions[].name",
  "classes[].functions[].stateless",
  "classes[].keys[].name",
  "classes[].keys[].type",
  "classes[].name",
  "classes[].parents",
  "classes[].partitioning",
  "classes[].persistent",
  "classes[].stalenessBoundSeconds",
  "classes[].state",
  "classes[].stateType",
  "classes[].storage",
  "dependencies",
  "deployments[].availableEnvironments",
  "deployments[].class",
  "deployments[].constraints.hardLatencyMs",
  "deployments[].constraints.jurisdiction",
  "deployments[].constraints.maxReplicas",
  "deployments[].deletionPolicy",
  "deployments[].environments",
  "deployments[].members[].disabledFunctions",
  "deployments[].members[].environment",
  "deployments[].members[].id",
  "deployments[].members[].template",
  "deployments[].name",
  "deployments[].options",
  "deployments[].partitions",
  "deployments[].replicas",
  "deployments[].requirements",
  "deployments[].shardType",
  "description",
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
  "state",
  "suspend",
  "tags",
  "version",
];

/** Values that are legal and not served yet. Deployments are judged when they are planned. */
export function unsupportedValues(spec: OPackageSpec): readonly Problem[] {
  const found: Problem[] = [];
  (spec.classes ?? []).forEach((cls, i) => {
    const path = `spec.classes[${i}]`;
    if (cls.stateType !== undefined && cls.stateType !== "Normal") {
      const message = `state type ${cls.stateType} is not served yet`;
      found.push(unsupported(`${path}.stateType`, message));
    }
    found.push(...unsupportedKeyValues(cls.keys ?? [], path, undefined));
    if (cls.persistent === false) {
      const message = persistentMessage(cls.consistency === "Strong" ? "consistency Strong" : "");
      found.push(unsupported(`${path}.persistent`, message));
    }
    const provider = cls.storage?.provider ?? "Volume";
    if (provider !== "Volume") {
      const message = `${provider} is not served yet; use Volume`;
      found.push(unsupported(`${path}.storage.provider`, message));
    }
  });
  (spec.functions ?? []).forEach((fn, i) => {
    found.push(...unsupportedFunctionValues(fn, `spec.functions[${i}]`));
  });
  (spec.deployments ?? []).forEach((deployment, i) => {
    (deployment.members ?? []).forEach((member, m) => {
      if (member.template !== "Knative") return;
      const path = `spec.deployments[${i}].members[${m}].template`;
      found.push(unsupported(path, KNATIVE_UNSUPPORTED));
    });
  });
  return found;
}
