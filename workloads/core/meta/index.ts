// Public face: what a meta group agrees on, and what may be proposed to it.
export {
  decodeCommand,
  decodeOutcome,
  decodeState,
  encodeCommand,
  encodeOutcome,
  encodeState,
} from "./codec.ts";
export type { SpecProblem } from "./problem.ts";
export { checkSpec, checkTransition, PARTITIONS_MAX } from "./rules.ts";
export { applyMeta, EMPTY_META_STATE, isBootstrapped } from "./state.ts";
export type { MetaCommand, MetaOutcome, MetaState } from "./state.ts";
