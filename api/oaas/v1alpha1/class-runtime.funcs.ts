// ClassRuntime: its identity as a kind, and what unset fields mean.

import type { KindId } from "../../meta/index.ts";
import { OAAS_GROUP } from "../../meta/index.ts";

import type { Addon, ClassRuntimeSpec } from "./class-runtime.ts";
import { effectiveCollection } from "./collection-spec.funcs.ts";
import type { EffectiveCollection } from "./collection-spec.funcs.ts";
import { DEFAULT_ENVIRONMENT } from "./environment.funcs.ts";
import type { EnabledState } from "./opackage.ts";
import type { DeletionPolicy } from "./requirements.ts";
import { DEFAULT_DELETION_POLICY } from "./requirements.funcs.ts";

/** Identity of the kind. */
export const CLASS_RUNTIME = {
  group: OAAS_GROUP,
  version: "v1alpha1",
  kind: "ClassRuntime",
  plural: "classruntimes",
  namespaced: true,
} as const satisfies KindId;

/** A runtime with its defaults filled in. */
export interface EffectiveClassRuntime {
  readonly environment: string;
  readonly addons: readonly Addon[];
  readonly state: EnabledState;
  readonly deletionPolicy: DeletionPolicy;
  readonly suspend: boolean;
  /** Undefined if it has no data. */
  readonly collection: EffectiveCollection | undefined;
}

/** `spec` with its defaults; partitioning and storage fall back to those of the class. */
export function effectiveClassRuntime(spec: ClassRuntimeSpec): EffectiveClassRuntime {
  const addons = spec.addons ?? ["Odgm"];
  const storage = spec.collection?.storage ?? spec.resolvedClass?.storage;
  const partitioning = spec.collection?.partitioning ?? spec.resolvedClass?.partitioning;
  return {
    environment: spec.environment ?? DEFAULT_ENVIRONMENT,
    addons,
    state: spec.state ?? "Enabled",
    deletionPolicy: spec.deletionPolicy ?? DEFAULT_DELETION_POLICY,
    suspend: spec.suspend ?? false,
    collection: addons.includes("Odgm")
      ? effectiveCollection({
          ...spec.collection,
          ...(storage === undefined ? {} : { storage }),
          ...(partitioning === undefined ? {} : { partitioning }),
        })
      : undefined,
  };
}
