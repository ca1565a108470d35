// An Environment has nothing to create: it is described and watched. The plan only says whether the
// description can be served.

import type { Environment } from "#api/oaas/v1alpha1/index.ts";
import { refusalOf } from "#controllers/objects/index.ts";
import type { Node } from "kubernetes-types/core/v1.js";

import { unsupportedValues } from "./fields.ts";

/** All reads of one pass. */
export interface ObservedEnvironment {
  readonly environment: Environment;
  /** Nodes with all labels of the environment's nodeSelector. */
  readonly nodes: readonly Node[];
  /** ClassRuntimes placed here. */
  readonly runtimes: number;
}

/** Settings of the operator that this controller needs. */
export interface EnvironmentDefaults {
  /** Version of the operator that is running. */
  readonly operatorVersion: string;
}

/** Why the environment cannot be used, if so. */
export interface EnvironmentPlan {
  readonly refused: { readonly reason: string; readonly message: string } | undefined;
  readonly operatorVersion: string;
}

/** Decides. */
export function plan(
  observed: ObservedEnvironment,
  _now: Date,
  defaults: EnvironmentDefaults,
): EnvironmentPlan {
  return {
    refused: refusalOf(unsupportedValues(observed.environment.spec)),
    operatorVersion: defaults.operatorVersion,
  };
}
