// All invariants that hold at every moment of every run.
import { conditionsAgree } from "./conditions.ts";
import { foreignLabelsStay } from "./foreign-labels.ts";
import { formatByRecord } from "./format-by-record.ts";
import { generations } from "./generations.ts";
import type { Invariant } from "./invariant.ts";
import { leaseHolderWrites } from "./lease.ts";
import { noLeak } from "./no-leak.ts";
import { observedGeneration } from "./observed-generation.ts";
import { oneGeneration } from "./one-generation.ts";
import { onePass } from "./one-pass.ts";
import { refusedUntouched } from "./refused-untouched.ts";
import { retention } from "./retention.ts";

export type { Invariant, Violated } from "./invariant.ts";

/** Every invariant; each in its file, with its source. */
export const INVARIANTS: readonly Invariant[] = [
  conditionsAgree,
  foreignLabelsStay,
  formatByRecord,
  generations,
  leaseHolderWrites,
  noLeak,
  observedGeneration,
  oneGeneration,
  onePass,
  refusedUntouched,
  retention,
];
