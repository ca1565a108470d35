// Environment: its identity as a kind, and what unset fields mean.

import type { KindId } from "../../meta/index.ts";
import { OAAS_GROUP } from "../../meta/index.ts";

import type { EnvironmentSpec, EnvironmentTier } from "./environment.ts";
import type { Template } from "./requirements.ts";

/** Identity of the kind. */
export const ENVIRONMENT = {
  group: OAAS_GROUP,
  version: "v1alpha1",
  kind: "Environment",
  plural: "environments",
  namespaced: false,
} as const satisfies KindId;

/** Environment of what names none; assumed to be this whole cluster where no such object exists. */
export const DEFAULT_ENVIRONMENT = "default";

/** Availability of an environment that declares none and has not been observed for long enough. */
export const ASSUMED_AVAILABILITY = "0.99";

/** What an environment is with its defaults filled in. */
export interface EffectiveEnvironment {
  readonly tier: EnvironmentTier;
  readonly defaultTemplate: Template;
  readonly nodeSelector: { readonly [label: string]: string };
  readonly cordoned: boolean;
  /** Key of the kubeconfig in its Secret; undefined for this cluster. */
  readonly kubeconfigKey: string | undefined;
}

/** `spec` with its defaults; an absent spec is this whole cluster. */
export function effectiveEnvironment(spec: EnvironmentSpec): EffectiveEnvironment {
  const tier = spec.tier ?? "Cloud";
  const ref = spec.kubeconfigSecretRef;
  return {
    tier,
    defaultTemplate: spec.defaultTemplate ?? tier,
    nodeSelector: spec.nodeSelector ?? {},
    cordoned: spec.cordoned ?? false,
    kubeconfigKey: ref === undefined ? undefined : (ref.key ?? "kubeconfig"),
  };
}
