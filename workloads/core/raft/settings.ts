// The numbers of a group and their defaults, which are design 5b's: a tick is 50 ms, a heartbeat
// every 150 ms, an election after 600 to 1200 ms.
import { assert } from "#api/base/index.ts";

import { FEATURE_LEVEL } from "./types.ts";

/** How a group behaves; the same for all members of a group, except `supports`. */
export interface RaftSettings {
  /** Real time between two ticks, at least; leases are computed from it. */
  readonly tickMs: number;
  readonly heartbeatTicks: number;
  /** An election starts after this many ticks without a leader, plus up to as many, at random. */
  readonly electionTicks: number;
  /** Ask whether an election could be won before the term is raised. */
  readonly preVote: boolean;
  /** A leader that hears no majority steps down; who hears a leader does not vote. */
  readonly checkQuorum: boolean;
  /** Allows reads of mode `lease`. A replica then grants no vote in its first electionTicks. */
  readonly leaseReads: boolean;
  /** How far clocks of two members may drift apart within one election timeout. */
  readonly leaseDriftMs: number;
  /** Followers pass proposals to the leader; else they are refused with the leader's name. */
  readonly forwardProposals: boolean;
  /** After this many ticks without anything to do the group sleeps; 0 for never. */
  readonly quiesceTicks: number;
  /** Feature level of this release. */
  readonly supports: number;
  /** Largest data of one proposal. */
  readonly entryBytesMax: number;
  /** An append carries one entry, and more while they stay below this. */
  readonly appendBytesMax: number;
  /** Appends to one member that are not answered yet. */
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  /** Proposals beyond it are refused until some are committed; one always passes. */
  readonly uncommittedBytesMax: number;
  /** Entries handed out and not applied yet; one always passes. */
  readonly applyBytesMax: number;
  /**
   * A leader tells what is committed with the next entries, on the next tick at the latest, and not
   * in messages of its own: under load these are half of all. Changes of members are told at once.
   */
  readonly lazyCommit: boolean;
  /** Reads that wait for anything. */
  readonly readsMax: number;
  /** Proposals that were forwarded and have no outcome yet. */
  readonly forwardsMax: number;
}

/** Design 5b's numbers; see the fields. */
export const DEFAULT_SETTINGS: RaftSettings = {
  tickMs: 50,
  heartbeatTicks: 3,
  electionTicks: 12,
  preVote: true,
  checkQuorum: true,
  leaseReads: false,
  leaseDriftMs: 50,
  forwardProposals: true,
  quiesceTicks: 0,
  supports: FEATURE_LEVEL,
  entryBytesMax: 4 << 20,
  appendBytesMax: 128 << 10,
  inflightMessagesMax: 64,
  inflightBytesMax: 4 << 20,
  uncommittedBytesMax: 16 << 20,
  applyBytesMax: 4 << 20,
  lazyCommit: false,
  readsMax: 4096,
  forwardsMax: 4096,
};

/** Dies if the numbers contradict each other. */
export function assertSettings(settings: RaftSettings): void {
  assert(settings.heartbeatTicks >= 1, "heartbeatTicks is at least 1");
  assert(
    settings.electionTicks > settings.heartbeatTicks,
    "an election timeout is longer than a heartbeat",
  );
  assert(
    !settings.leaseReads || settings.checkQuorum,
    "lease reads need checkQuorum: without it nobody keeps a leader's lease",
  );
  assert(!settings.leaseReads || leaseMs(settings) > 0, "the drift leaves nothing of the lease");
  assert(settings.inflightMessagesMax >= 1, "one append at least may be in flight");
}

/**
 * How long after sending a heartbeat that a majority answered no other leader can exist. A member
 * that answered grants no vote for electionTicks ticks; the first of them may come at once.
 */
export function leaseMs(settings: RaftSettings): number {
  return (settings.electionTicks - 1) * settings.tickMs - settings.leaseDriftMs;
}
