// Deliberate bugs in the operator framework and in our controllers. `npm run mutants -- operators`
// shows for each which test sees it. Source of the ideas: Sieve's and Acto's bug lists and the
// faults of other frameworks, docs/runtime.md.
import type { Mutant } from "#hack/mutants/model.ts";

import { APPLY_MUTANTS } from "./apply.ts";
import { CACHE_MUTANTS } from "./cache.ts";
import { CLIENT_MUTANTS } from "./client.ts";
import { KIND_MUTANTS } from "./kinds.ts";
import { LIFECYCLE_MUTANTS } from "./lifecycle.ts";
import { QUEUE_MUTANTS } from "./queue.ts";
import { STATUS_MUTANTS } from "./status.ts";

/** All of them. */
export const OPERATOR_MUTANTS: readonly Mutant[] = [
  ...CACHE_MUTANTS,
  ...QUEUE_MUTANTS,
  ...CLIENT_MUTANTS,
  ...APPLY_MUTANTS,
  ...STATUS_MUTANTS,
  ...LIFECYCLE_MUTANTS,
  ...KIND_MUTANTS,
];
