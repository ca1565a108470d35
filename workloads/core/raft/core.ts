// The state of one replica of one group, and the few changes of it that everything else is made of:
// queueing messages, changing role and term, switching the configuration. What to do when is in
// election.ts, leader.ts, follower.ts, proposals.ts, reading.ts and quiesce.ts; group.ts is the
// edge. Nothing outside this folder sees this class.
import type { Rng } from "#api/base/index.ts";

import type {
  HaltReason,
  PersistId,
  ProposalOutcome,
  ReadOutcome,
  RequestId,
  Role,
  SnapshotRequest,
  Trace,
} from "./effects.ts";
import { ForwardQueue } from "./forwards.ts";
import { Lease } from "./lease.ts";
import type { RaftLog } from "./log.ts";
import { membersOf } from "./membership.ts";
import type { KnownCommit, Message, MessageBody, Refetch, Standing } from "./messages.ts";
import { Progress } from "./progress.ts";
import { ReadQueue } from "./reads.ts";
import type { RaftSettings } from "./settings.ts";
import type {
  Configuration,
  Entry,
  HardState,
  LogBase,
  LogIndex,
  MemberId,
  SnapshotHandle,
  Term,
} from "./types.ts";

/** What held from an index on. */
export interface ConfigPoint {
  readonly index: LogIndex;
  readonly config: Configuration;
  readonly level: number;
}

/** The state; changed by the functions of this folder. */
export class GroupCore {
  readonly self: MemberId;
  readonly settings: RaftSettings;
  readonly log: RaftLog;
  private readonly rng: Rng;

  // Durable, beside the log.
  term: Term;
  vote: MemberId | undefined;
  logEpoch: number;
  suspect: boolean;

  role: Role = "follower";
  lead: MemberId | undefined = undefined;
  nowMs = 0;
  halted: HaltReason | undefined = undefined;
  quiesced = false;

  config: Configuration;
  level: number;
  /** Ascending; the first one is at or before the log's base. */
  history: ConfigPoint[];
  /** Entries of kind config and level above the commit index, ascending. */
  pendingSpecial: Entry[] = [];

  // Time, in ticks.
  electionElapsed = 0;
  heartbeatElapsed = 0;
  electionTimeout = 0;
  electionDelay = 0;
  /** Since a message of a leader was heard, or since the start. */
  sinceLeader = 0;
  idleTicks = 0;

  // Candidate.
  readonly votes = new Map<MemberId, boolean>();
  /** Our own vote, which counts once the write that holds it is durable. */
  selfVote: { readonly term: Term; persistId: PersistId | undefined } | undefined = undefined;

  // Leader.
  readonly progress = new Map<MemberId, Progress>();
  readonly down = new Set<MemberId>();
  readonly lease: Lease;
  transferee: MemberId | undefined = undefined;
  /** No change of members may be proposed before this is committed. */
  pendingChangeIndex: LogIndex = 0;
  uncommittedBytes = 0;
  round = 0;
  /** Members are told what is committed now, even if nothing else is to be sent. */
  tellsCommit = true;

  // Follower.
  /** Our log is known to equal that of this term's leader up to here. */
  matchedTo: LogIndex = 0;
  refetch: Refetch | undefined = undefined;

  readonly reads: ReadQueue;
  readonly forwards = new ForwardQueue();
  /** Tells the runs of one member apart. */
  readonly run: number;
  readonly ownDigests = new Map<LogIndex, Uint8Array>();
  readonly loggedDigests = new Map<LogIndex, Uint8Array>();

  // What follows, until it is taken.
  send: Message[] = [];
  sendAfter: Message[] = [];
  proposalOutcomes: ProposalOutcome[] = [];
  readOutcomes: ReadOutcome[] = [];
  snapshotRequests: SnapshotRequest[] = [];
  discards: SnapshotHandle[] = [];
  traces: Trace[] = [];
  newBase: LogBase | undefined = undefined;
  /** The commit index made a change of members effective and must not be forgotten. */
  commitMatters = false;
  diverged: LogIndex | undefined = undefined;

  constructor(options: {
    readonly self: MemberId;
    readonly settings: RaftSettings;
    readonly rng: Rng;
    readonly log: RaftLog;
    readonly hard: HardState;
    readonly base: LogBase;
  }) {
    this.self = options.self;
    this.settings = options.settings;
    this.rng = options.rng;
    this.log = options.log;
    this.term = options.hard.term;
    this.vote = options.hard.vote;
    this.logEpoch = options.hard.logEpoch;
    this.suspect = options.hard.suspect;
    this.config = options.base.config;
    this.level = options.base.level;
    this.history = [{ ...options.base }];
    this.lease = new Lease(options.settings);
    this.run = Math.floor(options.rng.next() * 2 ** 48);
    this.reads = new ReadQueue(this.run);
    this.randomizeTimeout();
  }

  /** The durable state as it should be now. */
  hardState(): HardState {
    return {
      term: this.term,
      vote: this.vote,
      commit: this.log.committed,
      logEpoch: this.logEpoch,
      suspect: this.suspect,
    };
  }

  standing(): Standing {
    return { logEpoch: this.logEpoch, suspect: this.suspect, supports: this.settings.supports };
  }

  knownCommit(): KnownCommit {
    const commitIndex = this.log.committed;
    return { commitIndex, commitTerm: this.log.term(commitIndex) ?? 0 };
  }

  /** Queues a message that depends on nothing durable. */
  post(to: MemberId, body: MessageBody, term: Term = this.term): void {
    this.send.push({ from: this.self, to, term, ...body });
  }

  /** Queues a message that promises something: it leaves when everything so far is durable. */
  postAfterPersist(to: MemberId, body: MessageBody, term: Term = this.term): void {
    this.sendAfter.push({ from: this.self, to, term, ...body });
  }

  trace(trace: Trace): void {
    this.traces.push(trace);
  }

  refuse(id: RequestId, reason: (ProposalOutcome & { kind: "refused" })["reason"]): void {
    this.proposalOutcomes.push({ kind: "refused", id, reason, leader: this.lead });
  }

  /** In `electionTicks`..2 x electionTicks - 1, plus the delay of a less preferred leader. */
  randomizeTimeout(): void {
    const spread = Math.floor(this.rng.next() * this.settings.electionTicks);
    this.electionTimeout = this.settings.electionTicks + spread + this.electionDelay;
  }

  /** Follower of `lead`, if known, in `term`. */
  becomeFollower(term: Term, lead: MemberId | undefined): void {
    this.reset(term);
    this.role = "follower";
    this.lead = lead;
  }

  /** Asks around; changes neither term nor vote. */
  becomePreCandidate(): void {
    this.lead = undefined;
    this.abortRequests();
    this.votes.clear();
    this.selfVote = undefined;
    this.role = "pre-candidate";
  }

  /** Votes for itself in the next term. */
  becomeCandidate(): void {
    this.reset(this.term + 1);
    this.role = "candidate";
    this.vote = this.self;
    this.selfVote = { term: this.term, persistId: undefined };
  }

  /** Leader of its term; the empty entry that opens the term is election.ts' duty. */
  becomeLeader(): void {
    this.reset(this.term);
    this.role = "leader";
    this.lead = this.self;
    for (const member of membersOf(this.config)) this.addProgress(member, this.log.last + 1);
    const own = this.progress.get(this.self);
    if (own !== undefined) {
      own.becomeReplicate();
      own.match = this.log.stable;
    }
    this.pendingChangeIndex = this.log.last;
  }

  private reset(term: Term): void {
    if (term !== this.term) {
      this.term = term;
      this.vote = undefined;
    }
    this.lead = undefined;
    this.abortRequests();
    this.quiesced = false;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.idleTicks = 0;
    this.randomizeTimeout();
    this.votes.clear();
    this.selfVote = undefined;
    this.progress.clear();
    this.lease.restart();
    this.transferee = undefined;
    this.pendingChangeIndex = 0;
    this.uncommittedBytes = 0;
    this.matchedTo = 0;
    this.refetch = undefined;
  }

  /** Whatever waited for the leader there was, or for our leading, has its outcome now. */
  abortRequests(): void {
    if (this.reads.count > 0 || this.reads.hasAsked) this.abortReads(this.reads.abort());
    if (this.forwards.count === 0) return;
    const { unknown, unsent } = this.forwards.abort();
    for (const id of unknown) this.proposalOutcomes.push({ kind: "unknown", id });
    for (const id of unsent) this.refuse(id, "not-leader");
  }

  abortReads(ids: readonly RequestId[]): void {
    for (const id of ids) {
      this.readOutcomes.push({ kind: "refused", id, reason: "not-leader", leader: this.lead });
    }
  }

  private addProgress(member: MemberId, next: LogIndex): Progress {
    const progress = new Progress({
      member,
      isLearner: this.config.learners.includes(member),
      next,
      inflightMessagesMax: this.settings.inflightMessagesMax,
      inflightBytesMax: this.settings.inflightBytesMax,
    });
    this.progress.set(member, progress);
    return progress;
  }

  /** From `index` on this is the configuration. */
  switchConfig(index: LogIndex, config: Configuration): void {
    this.config = config;
    this.commitMatters = true;
    this.history.push({ index, config, level: this.level });
    this.trace({ kind: "config", index, config });
    if (this.role !== "leader") return;
    const members = membersOf(config);
    for (const member of [...this.progress.keys()]) {
      if (!members.includes(member)) this.progress.delete(member);
    }
    for (const member of members) {
      // A new member counts as heard of, or the leader might step down before it could answer.
      const progress = this.progress.get(member) ?? this.addProgress(member, this.log.last);
      if (progress.match === 0 && progress.supports === 0) progress.isActive = true;
      progress.isLearner = config.learners.includes(member);
    }
    this.lease.void();
  }

  /** Remembers entries that do something when they are committed. */
  noteAppended(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    if (this.pendingSpecial.length > 0) {
      this.pendingSpecial = this.pendingSpecial.filter((entry) => entry.index < first.index);
    }
    for (const entry of entries) {
      if (entry.kind === "config" || entry.kind === "level") this.pendingSpecial.push(entry);
    }
  }

  /** What held at `index`, which is at or above the log's base. */
  pointAt(index: LogIndex): ConfigPoint {
    let found = this.history[0];
    for (const point of this.history) if (point.index <= index) found = point;
    return found ?? { index: 0, config: this.config, level: this.level };
  }

  get committedInTerm(): boolean {
    return this.log.term(this.log.committed) === this.term;
  }
}
