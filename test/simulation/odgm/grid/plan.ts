// What the operator of a simulated grid wants, as the members store it: who holds which group.
import { utf8Decode, utf8Encode } from "#api/base/index.ts";
import type { GroupId, MemberId } from "#workloads/core/raft/index.ts";

/** One group in a plan. */
export interface PlannedGroup {
  readonly number: GroupId;
  readonly founders: readonly MemberId[];
  /** The first one shall lead. */
  readonly members: readonly MemberId[];
}

/** One generation. */
export interface Plan {
  readonly generation: number;
  readonly groups: readonly PlannedGroup[];
}

/** Bytes of a plan. */
export function encodePlan(plan: Plan): Uint8Array {
  return utf8Encode(JSON.stringify(plan));
}

/** The inverse. */
export function decodePlan(bytes: Uint8Array): Plan {
  return JSON.parse(utf8Decode(bytes) ?? "") as Plan;
}
