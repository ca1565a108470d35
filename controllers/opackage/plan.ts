// What a package needs next: whether it is valid as a whole, its classes as resolved, one plan per
// deployment. A plan is whole even when it is refused, so that status can still tell about what
// runs.

import { REASONS } from "#api/meta/index.ts";
import type { Problem } from "#controllers/objects/index.ts";
import { refusalOf } from "#controllers/objects/index.ts";

import { unsupportedValues } from "./fields.ts";
import { planDeployments } from "./plan/deployments.ts";
import type { DeploymentPlan } from "./plan/deployments.ts";
import { lineageOf } from "./plan/lineage.ts";
import type { ObservedPackage } from "./plan/observed.ts";
import { knownPackages, packageName } from "./plan/observed.ts";
import { resolveClass } from "./plan/resolve.ts";
import type { Resolution } from "./plan/resolve.ts";
import { validatePackage } from "./plan/validate.ts";

/** What happens next. `halt` says why nothing may be touched. */
export interface PackagePlan {
  readonly halt:
    | { readonly kind: "refused"; readonly reason: string; readonly message: string }
    | { readonly kind: "held"; readonly reason: string; readonly message: string }
    | undefined;
  /** All that is wrong, in document order as far as it has one. */
  readonly problems: readonly Problem[];
  /** Dependencies that do not exist yet. */
  readonly missing: readonly string[];
  /** Classes of the package that could be resolved, in their order. */
  readonly classes: readonly Resolution[];
  readonly deployments: readonly DeploymentPlan[];
}

/** Decides; see the head of the file. */
export function plan(observed: ObservedPackage): PackagePlan {
  const { spec } = observed.package;
  const { problems: found, missing } = validatePackage(observed);
  const deployments = planDeployments(observed);
  const problems = [
    ...found,
    ...deployments.flatMap((deployment) => deployment.problems),
    ...unsupportedValues(spec),
  ];
  return {
    halt: haltOf(problems, missing, spec.suspend === true),
    problems,
    missing,
    classes: resolvedClasses(observed),
    deployments,
  };
}

function haltOf(
  problems: readonly Problem[],
  missing: readonly string[],
  suspended: boolean,
): PackagePlan["halt"] {
  const refusal = refusalOf(problems);
  if (refusal !== undefined) return { kind: "refused", ...refusal };
  if (missing.length > 0) {
    const message = `spec.dependencies: waiting for ${missing.join(", ")}`;
    return { kind: "held", reason: REASONS.WaitingForDependency, message };
  }
  if (suspended) {
    return { kind: "held", reason: REASONS.Suspended, message: "spec.suspend is set" };
  }
  return undefined;
}

function resolvedClasses(observed: ObservedPackage): readonly Resolution[] {
  const packages = knownPackages(observed);
  const own = packageName(observed);
  return (observed.package.spec.classes ?? []).flatMap((body, index): readonly Resolution[] => {
    const lineage = lineageOf(packages, { package: own, name: body.name, body, index });
    if (lineage.kind !== "ok") return [];
    const [self, ...rest] = lineage.classes;
    if (self === undefined) return [];
    const elsewhere = `spec.classes[${index}].parents`;
    return [resolveClass([self, ...rest], { ownPackage: own, elsewhere })];
  });
}
