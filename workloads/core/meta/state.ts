// The state machine of a meta group: one generation follows another. It compares numbers and keeps
// bytes; what a generation may say is judged before it is proposed (rules.ts), because releases
// that judge differently must still apply alike.

/** What the group has agreed on. */
export interface MetaState {
  /** Number of the newest generation; 0 = the collection was never bootstrapped. */
  readonly generation: bigint;
  /** Its content, encoded; empty for generation 0. Never changed by anybody. */
  readonly content: Uint8Array;
}

/** A generation that shall be the newest one. */
export interface MetaCommand {
  /** `next` follows `expected`; `adopt` is for a group that holds nothing, and keeps its number. */
  readonly kind: "next" | "adopt";
  /** The number that it was judged against; 0 for `adopt`. */
  readonly expected: bigint;
  readonly generation: bigint;
  readonly content: Uint8Array;
}

/** What became of a command. */
export type MetaOutcome =
  | { readonly kind: "committed"; readonly generation: bigint }
  | { readonly kind: "conflict"; readonly current: bigint };

/** The state of a group that was just founded. */
export const EMPTY_META_STATE: MetaState = { generation: 0n, content: new Uint8Array(0) };

/** True once a first generation was committed. */
export function isBootstrapped(state: MetaState): boolean {
  return state.generation > 0n;
}

/** Applies a command: the same on every replica, and without a look at the content. */
export function applyMeta(
  state: MetaState,
  command: MetaCommand,
): { readonly state: MetaState; readonly outcome: MetaOutcome } {
  const { expected, generation, content } = command;
  const follows = expected === state.generation && generation > expected;
  if (!follows) return { state, outcome: { kind: "conflict", current: state.generation } };
  return { state: { generation, content }, outcome: { kind: "committed", generation } };
}
