// Declaration of the Environment controller for the framework.

import { FIELD_MANAGERS } from "#api/meta/index.ts";
import type { Environment } from "#api/oaas/v1alpha1/index.ts";
import type { AnyController } from "#controllers/runtime/index.ts";
import { defineController, KINDS, watch } from "#controllers/runtime/index.ts";

import { ENVIRONMENT_SERVED } from "./fields.ts";
import { allEnvironments, environmentOf, ENVIRONMENTS, observe, RUNTIMES } from "./observe.ts";
import type { EnvironmentDefaults, EnvironmentPlan, ObservedEnvironment } from "./plan.ts";
import { plan } from "./plan.ts";
import { render } from "./render.ts";
import type { EnvironmentFields } from "./status.ts";
import { computeStatus } from "./status.ts";

/** The controller of Environment. */
export function environmentController(defaults: EnvironmentDefaults): AnyController {
  return defineController<
    Environment,
    ObservedEnvironment,
    EnvironmentPlan,
    EnvironmentFields,
    never,
    undefined,
    EnvironmentDefaults
  >({
    name: "environment",
    kind: ENVIRONMENTS,
    fieldManager: FIELD_MANAGERS.environment,
    children: [],
    watches: [
      watch({ kind: KINDS.Node, wakes: allEnvironments }),
      watch({ kind: RUNTIMES, wakes: environmentOf }),
    ],
    permissions: [],
    served: ENVIRONMENT_SERVED,
    port: undefined,
    defaults,
    observe,
    plan,
    render,
    computeStatus,
  });
}
