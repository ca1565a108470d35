import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import { parse, parseAllDocuments } from "yaml";

import type { Environment, OPackage } from "#api/oaas/v1alpha1/index.ts";

import { plan } from "../plan.ts";
import { translateRuntimePaths } from "./paths.ts";

const folder = join(import.meta.dirname, "..", "testdata");
const text = (name: string): string => readFileSync(join(folder, name), "utf8");

const environments = parseAllDocuments(text("environments.yaml")).map(
  (document) => document.toJS() as Environment,
);
const decided = plan({
  package: parse(text("full.yaml")) as OPackage,
  packages: new Map([["base", parse(text("base.yaml")) as OPackage]]),
  environments: new Map(environments.map((e) => [e.metadata.name ?? "", e])),
  runtimes: [],
});

describe("paths of a runtime become those of the package", () => {
  const [cart, wishes, owned] = decided.deployments;

  it.each([
    // The first deployment names members, of its own class with two parents.
    [cart, "spec.class: no", "spec.deployments[0].class: no"],
    [cart, "spec.environment: no", "spec.deployments[0].members[0].environment: no"],
    [cart, "spec.templateHint: no", "spec.deployments[0].members[0].template: no"],
    [
      cart,
      "spec.disabledFunctions[0]: no",
      "spec.deployments[0].members[0].disabledFunctions[0]: no",
    ],
    [cart, "spec.collection.partitions: no", "spec.deployments[0].partitions: no"],
    [cart, "spec.collection.storage.size: no", "spec.classes[1].storage.size: no"],
    [cart, "spec.collection.partitioning: no", "spec.classes[1].partitioning: no"],
    [cart, "spec.constraints.maxReplicas: no", "spec.deployments[0].constraints.maxReplicas: no"],
    [
      cart,
      "spec.functions[0].provision.deployment.image: no",
      "spec.functions[3].provision.deployment.image: no",
    ],
    [cart, "spec.resolvedClass.functions[1].access: no", "spec.classes[1].functions[1].access: no"],
    [cart, "spec.resolvedClass.functions[2].access: no", "spec.classes[0].functions[0].access: no"],
    [cart, "spec.resolvedClass.functions[3].access: no", "spec.classes[1].parents: no"],
    [cart, "spec.resolvedClass.consistency: no", "spec.classes[1].consistency: no"],
    // What several fields at once say.
    [
      cart,
      "[spec.class: a, spec.collection.replicas: b]",
      "[spec.deployments[0].class: a, spec.deployments[0].replicas: b]",
    ],
    // The second has environments and inherits its settings, the third is of another package.
    [wishes, "spec.environment: no", "spec.deployments[1].environments: no"],
    [wishes, "spec.resolvedClass.consistency: no", "spec.classes[1].consistency: no"],
    [owned, "spec.functions[0].scale: no", "spec.deployments[2].class: no"],
    [owned, "spec.deletionPolicy: no", "spec.deployments[2].deletionPolicy: no"],
    [owned, "nothing to translate", "nothing to translate"],
  ])("%#: %s", (deployment, given, want) => {
    const target = deployment?.runtimes[0];
    if (deployment === undefined || target === undefined) throw new Error("it is planned");
    expect(translateRuntimePaths(given, deployment, target)).toBe(want);
  });
});
