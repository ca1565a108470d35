// What holds for every operator on this framework, at every moment of every run.
import type { Invariant } from "../types.ts";
import type { SimWorld } from "../world.ts";
import { boundedWork } from "./bounded-work.ts";
import { conditionsAgree } from "./conditions.ts";
import { finalizerLast } from "./finalizer-last.ts";
import { leaseHolderWrites } from "./lease.ts";
import { noIdleWrite } from "./no-idle-write.ts";
import { noLeak } from "./no-leak.ts";
import { observedGeneration } from "./observed-generation.ts";
import { onePass } from "./one-pass.ts";
import { ownWritesSeen } from "./own-writes-seen.ts";
import { userFieldsUntouched } from "./user-fields.ts";

/** Each in its file, with its source. */
export const STANDARD_INVARIANTS: readonly Invariant<SimWorld>[] = [
  boundedWork,
  conditionsAgree,
  finalizerLast,
  leaseHolderWrites,
  noIdleWrite,
  noLeak,
  observedGeneration,
  onePass,
  ownWritesSeen,
  userFieldsUntouched,
];
