// The kinds that the simulation knows, typed.
import type { KindId } from "#api/meta/index.ts";
import type {
  ClassRuntime,
  Environment,
  OdgmCollection,
  OPackage,
} from "#api/oaas/v1alpha1/index.ts";
import { CLASS_RUNTIME, ENVIRONMENT, ODGM_COLLECTION, OPACKAGE } from "#api/oaas/v1alpha1/index.ts";
import { defineKind } from "#controllers/runtime/index.ts";

/** OPackage, as the framework knows it. */
export const PACKAGES = defineKind<OPackage>(OPACKAGE);
/** ClassRuntime, as the framework knows it. */
export const RUNTIMES = defineKind<ClassRuntime>(CLASS_RUNTIME);
/** OdgmCollection, as the framework knows it. */
export const COLLECTIONS = defineKind<OdgmCollection>(ODGM_COLLECTION);
/** Environment, as the framework knows it. */
export const ENVIRONMENTS = defineKind<Environment>(ENVIRONMENT);

/** Kinds with a status that our controllers write. */
export const OWN_KINDS: readonly KindId[] = [OPACKAGE, CLASS_RUNTIME, ODGM_COLLECTION, ENVIRONMENT];

/** The namespace of everything that users make. */
export const NAMESPACE = "shop";
/** The operators' namespace. */
export const SYSTEM_NAMESPACE = "oaas-system";
