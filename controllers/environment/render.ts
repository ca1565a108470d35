// An Environment has no children.

import type { EnvironmentPlan, ObservedEnvironment } from "./plan.ts";

/** Nothing, or why the environment cannot be used. */
export function render(
  _observed: ObservedEnvironment,
  plan: EnvironmentPlan,
): readonly [] | { readonly refused: { readonly reason: string; readonly message: string } } {
  return plan.refused === undefined ? [] : { refused: plan.refused };
}
