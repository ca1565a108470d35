// The state machine of the tests: a number that depends on every entry and on their order.
import type { Entry, LogIndex } from "../index.ts";

/** What was applied so far. */
export interface AppliedState {
  readonly index: LogIndex;
  readonly digest: number;
}

/** The state after one more entry. */
export function stateAfter(state: AppliedState, entry: Entry): AppliedState {
  let digest = Math.imul(state.digest ^ entry.term, 0x01000193);
  for (const byte of entry.data) digest = Math.imul(digest ^ byte, 0x01000193);
  return { index: entry.index, digest: digest >>> 0 };
}

/** True if both hold the same bytes. */
export function isEqualBytes(one: Uint8Array, two: Uint8Array): boolean {
  return one.byteLength === two.byteLength && one.every((byte, at) => byte === two[at]);
}
