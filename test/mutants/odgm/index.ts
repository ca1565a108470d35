// Deliberate bugs in the object data grid. `npm run mutants -- odgm` shows for each
// which test sees it.
import type { Mutant } from "#hack/mutants/model.ts";

import { DRIVER_MUTANTS } from "./driver.ts";
import { KV_MUTANTS } from "./kv.ts";
import { LINKS_MUTANTS } from "./links.ts";
import { MERGE_MUTANTS } from "./merge.ts";
import { MOVES_MUTANTS } from "./moves.ts";
import { MST_MUTANTS } from "./mst.ts";
import { RAFT_MUTANTS } from "./raft.ts";

/** All of them. */
export const ODGM_MUTANTS: readonly Mutant[] = [
  ...DRIVER_MUTANTS,
  ...KV_MUTANTS,
  ...LINKS_MUTANTS,
  ...MERGE_MUTANTS,
  ...MOVES_MUTANTS,
  ...MST_MUTANTS,
  ...RAFT_MUTANTS,
];
