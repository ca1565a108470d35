// What holds for the oaas operator at every moment of every run, besides what holds for every operator.
import type { Invariant } from "#controllers/runtime/testing/index.ts";

import type { World } from "../world/world.ts";
import { foreignLabelsStay } from "./foreign-labels.ts";
import { formatByRecord } from "./format-by-record.ts";
import { generations } from "./generations.ts";
import { oneGeneration } from "./one-generation.ts";
import { refusedUntouched } from "./refused-untouched.ts";
import { retention } from "./retention.ts";

/** Each in its file, with its source. */
export const INVARIANTS: readonly Invariant<World>[] = [
  foreignLabelsStay,
  formatByRecord,
  generations,
  oneGeneration,
  refusedUntouched,
  retention,
];
