// What can be seen of a replica from outside: for conditions, metrics and tests.
import type { GroupCore } from "./core.ts";
import type { Role } from "./effects.ts";
import type { ProgressState } from "./progress.ts";
import type { Configuration, LogIndex, MemberId, Term } from "./types.ts";

/** What a leader knows of a member; of itself only `match` is telling. */
export interface MemberStatus {
  readonly member: MemberId;
  readonly isLearner: boolean;
  readonly state: ProgressState;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly isPaused: boolean;
  readonly isActive: boolean;
  readonly inflight: number;
  readonly logEpoch: number;
  readonly supports: number;
}

/** One replica at one moment. */
export interface GroupStatus {
  readonly self: MemberId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: MemberId | undefined;
  readonly leader: MemberId | undefined;
  readonly config: Configuration;
  readonly level: number;
  readonly first: LogIndex;
  readonly last: LogIndex;
  readonly stable: LogIndex;
  readonly committed: LogIndex;
  readonly applied: LogIndex;
  readonly suspect: boolean;
  readonly logEpoch: number;
  readonly quiesced: boolean;
  readonly transferee: MemberId | undefined;
  readonly uncommittedBytes: number;
  /** Reads and forwarded proposals of this replica without an outcome. */
  readonly waiting: number;
  /** At a leader all members by id; else empty. */
  readonly members: readonly MemberStatus[];
}

/** A copy of what can be seen. */
export function statusOf(core: GroupCore): GroupStatus {
  const members = [...core.progress.values()].map((progress) => ({
    member: progress.member,
    isLearner: progress.isLearner,
    state: progress.state,
    match: progress.match,
    next: progress.next,
    isPaused: progress.isPaused,
    isActive: progress.isActive,
    inflight: progress.inflights.count,
    logEpoch: progress.logEpoch,
    supports: progress.supports,
  }));
  return {
    self: core.self,
    role: core.role,
    term: core.term,
    vote: core.vote,
    leader: core.lead,
    config: core.config,
    level: core.level,
    first: core.log.first,
    last: core.log.last,
    stable: core.log.stable,
    committed: core.log.committed,
    applied: core.log.applied,
    suspect: core.suspect,
    logEpoch: core.logEpoch,
    quiesced: core.quiesced,
    transferee: core.transferee,
    uncommittedBytes: core.uncommittedBytes,
    waiting: core.reads.count + core.forwards.count,
    members: members.sort((a, b) => (a.member < b.member ? -1 : 1)),
  };
}
