// OPackage: its identity as a kind, and what unset fields mean.

import type { KindId } from "../../meta/index.ts";
import { OAAS_GROUP } from "../../meta/index.ts";

import type {
  DeploymentMember,
  EnabledState,
  OPackageDeployment,
  OPackageSpec,
} from "./opackage.ts";
import type { DeletionPolicy, Template } from "./requirements.ts";
import { DEFAULT_DELETION_POLICY } from "./requirements.funcs.ts";

/** Identity of the kind. */
export const OPACKAGE = {
  group: OAAS_GROUP,
  version: "v1alpha1",
  kind: "OPackage",
  plural: "opackages",
  namespaced: true,
} as const satisfies KindId;

/** A package with its defaults filled in. */
export interface EffectivePackage {
  readonly state: EnabledState;
  readonly suspend: boolean;
}

/** `spec` with its defaults. */
export function effectivePackage(spec: OPackageSpec): EffectivePackage {
  return { state: spec.state ?? "Enabled", suspend: spec.suspend ?? false };
}

/** A member of a deployment with its defaults filled in. */
export interface EffectiveMember {
  readonly id: number;
  readonly environment: string;
  /** Undefined: no limit. */
  readonly maxShards: number | undefined;
  readonly allPartitions: boolean;
  readonly disabledFunctions: readonly string[];
  readonly standbyFunctions: readonly string[];
  readonly template: Template | undefined;
}

/**
 * The members that a deployment names: its `members`, else one per entry of `environments` numbered
 * from 1 in their order, else none (planning decides).
 */
export function effectiveMembers(deployment: OPackageDeployment): readonly EffectiveMember[] {
  const members: readonly DeploymentMember[] =
    deployment.members ??
    (deployment.environments ?? []).map((environment, index) => ({ id: index + 1, environment }));
  return members.map((member) => ({
    id: member.id,
    environment: member.environment,
    maxShards:
      member.maxShards === undefined || member.maxShards < 0 ? undefined : member.maxShards,
    allPartitions: member.allPartitions ?? false,
    disabledFunctions: member.disabledFunctions ?? [],
    standbyFunctions: member.standbyFunctions ?? [],
    template: member.template,
  }));
}

/** What becomes of a deployment's data when it goes. */
export function effectiveDeploymentDeletionPolicy(deployment: OPackageDeployment): DeletionPolicy {
  return deployment.deletionPolicy ?? DEFAULT_DELETION_POLICY;
}
