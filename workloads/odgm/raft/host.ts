// All Raft groups of one member: one clock, one write per turn for all of them, one frame per peer.
import type { GroupId, MemberId } from "#workloads/core/raft/index.ts";

import type { Group, GroupOptions } from "./group.ts";

/** The groups of one member. */
export interface GroupHost {
  /** The incarnation of this member's store. */
  readonly self: MemberId;
  /** Starts a replica. Throws STORE_DAMAGED or STORE_SUSPECT if the store cannot be read. */
  open(options: GroupOptions): Group;
  group(id: GroupId): Group | undefined;
  /** A message of another member's host. */
  receive(from: MemberId, payload: Uint8Array, answer: (payload: Uint8Array) => void): void;
  /** Gives leadership away and takes none for so long; 0 ends that. */
  resign(forMs: number): void;
  /** Ends all groups and timers; what is on its way to the disk still gets there. */
  close(): void;
}
