// Declaration of the OPackage controller for the framework.

import { ANNOTATIONS, FIELD_MANAGERS, FINALIZERS, REASONS } from "#api/meta/index.ts";
import type { OPackage } from "#api/oaas/v1alpha1/index.ts";
import type { AnyController } from "#controllers/runtime/index.ts";
import { defineController, index, watch } from "#controllers/runtime/index.ts";

import { OPACKAGE_SERVED } from "./fields.ts";
import {
  allPackages,
  DEPENDENCY_INDEX,
  dependencyKeys,
  ENVIRONMENTS,
  observe,
  PACKAGES,
  relatedPackages,
  RUNTIMES,
} from "./observe.ts";
import { plan } from "./plan.ts";
import type { PackagePlan } from "./plan.ts";
import type { ObservedPackage } from "./plan/observed.ts";
import { dependentsOf } from "./plan/observed.ts";
import { explainRefusal } from "./plan/paths.ts";
import { render } from "./render.ts";
import type { OPackageFields } from "./status.ts";
import { computeStatus } from "./status.ts";

/** A package that others use may keep serving for this long after its deletion was asked for. */
const IN_USE_MS_MAX = 24 * 60 * 60 * 1000;

/** The controller of OPackage. */
export function opackageController(): AnyController {
  return defineController<
    OPackage,
    ObservedPackage,
    PackagePlan,
    OPackageFields,
    never,
    undefined,
    undefined
  >({
    name: "opackage",
    kind: PACKAGES,
    fieldManager: FIELD_MANAGERS.opackage,
    children: [{ kind: RUNTIMES, dryRun: true }],
    watches: [
      watch({ kind: ENVIRONMENTS, wakes: allPackages }),
      watch({ kind: PACKAGES, wakes: relatedPackages }),
    ],
    indexes: [index({ kind: PACKAGES, name: DEPENDENCY_INDEX, values: dependencyKeys })],
    permissions: [],
    served: OPACKAGE_SERVED,
    port: undefined,
    defaults: undefined,
    observe,
    plan,
    render,
    explain: (_observed, decided, refusal) => explainRefusal(decided.deployments, refusal),
    computeStatus,
    finalizer: {
      name: FINALIZERS.opackage,
      needed: (observed) => dependentsOf(observed).length > 0,
      finalize: (observed) => {
        const users = dependentsOf(observed);
        if (users.length === 0) return { kind: "done" };
        const message = `packages depend on it: ${users.join(", ")}`;
        return { kind: "waiting", reason: REASONS.InUse, message };
      },
      timeoutMs: IN_USE_MS_MAX,
      escapeAnnotation: ANNOTATIONS.abandonOaas,
    },
  });
}
