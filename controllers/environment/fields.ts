// What this controller serves of Environment.spec. A field that is set but not listed is refused as
// Unsupported by the framework; values that are legal but not served yet by `unsupportedValues`.

import type { EnvironmentSpec } from "#api/oaas/v1alpha1/index.ts";
import type { Problem } from "#controllers/objects/index.ts";
import { KNATIVE_UNSUPPORTED, unsupported } from "#controllers/objects/index.ts";

/** Served fields, relative to spec, alphabetical; an entry serves everything below it. */
export const ENVIRONMENT_SERVED: readonly string[] = [
  "availability",
  "cordoned",
  "defaultTemplate",
  "nodeSelector",
  "region",
  "tier",
  "zone",
];

/** Values of served fields that are legal and not served yet. */
export function unsupportedValues(spec: EnvironmentSpec): readonly Problem[] {
  return spec.defaultTemplate === "Knative"
    ? [unsupported("spec.defaultTemplate", KNATIVE_UNSUPPORTED)]
    : [];
}
