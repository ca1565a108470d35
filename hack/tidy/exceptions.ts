// Breaches of a rule that are meant, each with its reason. An entry that matches nothing fails.
import type { TidyException } from "./model.ts";

/** Sorted by path. */
export const EXCEPTIONS: readonly TidyException[] = [
  {
    rule: "twice",
    path: "controllers/environment/observe.ts",
    reason: "each kind declares what it watches, and may not import another kind",
  },
  {
    rule: "twice",
    path: "controllers/opackage/observe.ts",
    reason: "each kind declares what it watches, and may not import another kind",
  },
  {
    rule: "process-env",
    path: "controllers/runtime/client/exec-plugin.ts",
    reason:
      "a credential plugin gets our environment and more; on a command line all could read it",
  },
  {
    rule: "twice",
    path: "workloads/platform/clock/index.ts",
    reason: "the planes share no code but the contract, and the port of it is in api/base",
  },
];
