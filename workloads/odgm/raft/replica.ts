// One replica of one group in its host: commands on their way in, entries on their way into the
// state, what becomes of both, and what happens when log or state cannot be relied on any more.
import type { Logger } from "#api/base/index.ts";
import { assert, assertNever, errorMessage } from "#api/base/index.ts";
import type {
  Effects,
  Entry,
  GroupId,
  HardState,
  LogBase,
  LogIndex,
  MemberId,
  Persist,
  ProposalOutcome,
  RaftNode,
  RaftSettings,
  ReadOutcome,
  RequestId,
  RoleChange,
  Term,
  Trace,
} from "#workloads/core/raft/index.ts";
import {
  DEFAULT_SETTINGS,
  foundingBase,
  joiningBase,
  makeConfiguration,
  membersOf,
} from "#workloads/core/raft/index.ts";
import type { StoreWrite } from "#workloads/core/store/index.ts";

import type { PeerBoard } from "./board.ts";
import { COMMAND_BYTES_MAX, decodeCommands, encodeCommands } from "./commands.ts";
import type {
  CommandOutcome,
  Group,
  GroupOptions,
  GroupReader,
  GroupSettings,
  GroupStanding,
  GroupView,
  ReadReady,
  WantedGroup,
} from "./group.ts";
import { DEFAULT_GROUP_SETTINGS } from "./group.ts";
import { stateNumbers } from "./keys.ts";
import type { FoundLog, StatePlace } from "./log.ts";
import { GroupLog, isDamage } from "./log.ts";
import type { GroupWorld } from "./ports.ts";
import { GroupState } from "./state.ts";
import { isReached, nextStep } from "./steering.ts";
import { viewOf } from "./view.ts";

/** What a replica needs of its host. */
export interface ReplicaHost {
  readonly self: MemberId;
  /** The store has lost acknowledged writes, in words; undefined: it has not. */
  readonly damage: string | undefined;
  readonly world: GroupWorld;
  readonly node: RaftNode;
  readonly board: PeerBoard;
  readonly isResigned: boolean;
  nextRequest(): RequestId;
  /** Something was stepped outside of a turn. */
  schedule(): void;
  /** It has commands that are not proposed yet. */
  hasCommands(replica: Replica): void;
  /** It was closed by its user. */
  closed(replica: Replica): void;
  /** Its peers may be others. */
  configChanged(): void;
  /** It may have something to do for the configuration or the leadership. */
  unsettled(replica: Replica): void;
  /** Writes that no batch of a state holds; they are part of the open batch. */
  commit(writes: readonly StoreWrite[]): void;
  /** Removes everything with this prefix, in the background. */
  sweep(number: number): void;
}

interface Waiter {
  readonly done: (outcome: CommandOutcome) => void;
  readonly askedAtMs: number;
}

interface Queued extends Waiter {
  readonly data: Uint8Array;
}

interface Waiting {
  readonly term: Term;
  readonly waiters: readonly Waiter[];
}

/** A leader that is not preferred campaigns so many ticks later ... */
const DELAY_TICKS = 4;
/** ... and one that has resigned so many. */
const RESIGNED_TICKS = 24;
/** Commands of a lost leadership get their outcome within this many ticks, or are unknown. */
const LINGER_TICKS = 24;
/** Leadership is not handed on sooner after it was won, nor more often. */
const TRANSFER_MS = 3_000;
/** Commands of one entry: below what one append carries. */
const BATCH_BYTES_MAX = 96 << 10;
/** Part of the log's limits that is kept when it is cut. */
const KEPT_SHARE = 0.25;

/** See the top of the file. */
export class Replica implements Group {
  readonly id: GroupId;
  readonly host: ReplicaHost;
  readonly log: Logger;
  private readonly options: GroupOptions;
  private readonly settings: GroupSettings;
  private wanted: WantedGroup;
  private records: GroupLog;
  private hard: HardState;
  private current: GroupState;
  /** Counts how often the core was opened: writes of an earlier time must not count for a later. */
  private run = 0;
  private queue: Queued[] = [];
  private readonly proposals = new Map<RequestId, readonly Waiter[]>();
  private readonly waiting = new Map<LogIndex, Waiting>();
  private readonly reads = new Map<RequestId, (outcome: ReadReady) => void>();
  private lostAtTick: number | undefined;
  private ticks = 0;
  private transferredAtMs = 0;
  private knownLeader: MemberId | undefined;
  standing: GroupStanding = "joining";
  standingMessage = "waits for a snapshot of the leader";
  private isClosed = false;
  /** The leader has said that the group is without this member. */
  private isLetGo = false;
  /** A snapshot is being taken over. */
  isRestoring = false;
  /** Commit index at the last two samples, a second apart. */
  private samples: readonly [LogIndex, LogIndex] = [0, 0];
  private compactedTo: LogIndex = 0;
  /** A majority knows the configuration: an election needs nobody who has left. */
  private isConfigKnown = false;

  constructor(host: ReplicaHost, options: GroupOptions) {
    this.host = host;
    this.id = options.group;
    this.options = options;
    this.settings = { ...DEFAULT_GROUP_SETTINGS, ...options.settings };
    this.wanted = options.wanted;
    this.log = host.world.log.child({ group: options.name });
    const found = this.findOrBegin();
    this.records = found.log;
    this.hard = found.hard;
    this.current = this.makeState();
    this.mend(found);
    this.startCore();
    host.sweep(this.otherNumber);
  }

  get state(): GroupReader {
    return this.current;
  }

  /** The state, for snapshots. */
  get applied(): GroupState {
    return this.current;
  }

  get appliedIndex(): LogIndex {
    return this.current.applied;
  }

  get leader(): MemberId | undefined {
    return this.knownLeader;
  }

  get takesPart(): boolean {
    if (this.isLetGo) return false;
    const { self } = this.host;
    const isWanted = this.wanted.members.includes(self);
    const members = membersOf(this.raft?.status().config ?? makeConfiguration([]));
    return members.length === 0 ? isWanted : members.includes(self);
  }

  /** True if there are other voters. */
  get hasOthers(): boolean {
    return (this.raft?.status().config.voters.length ?? 0) > 1;
  }

  get isLeading(): boolean {
    return this.raft?.isEstablished === true;
  }

  private get raft() {
    return this.isClosed ? undefined : this.host.node.group(this.id);
  }

  /** The prefix that the state does not have now. */
  get otherNumber(): number {
    return stateNumbers(this.id)[this.records.place.side === 0 ? 1 : 0];
  }

  private get raftSettings(): RaftSettings {
    return { ...DEFAULT_SETTINGS, ...DEFAULT_GROUP_SETTINGS.raft, ...this.settings.raft };
  }

  // ---- Beginning

  private findOrBegin(): FoundLog {
    const { store } = this.host.world;
    const found = GroupLog.find(store, this.id);
    if (found !== undefined) return found;
    const { founders } = this.options;
    const isFounder = founders.includes(this.host.self);
    const base = isFounder ? foundingBase(makeConfiguration(founders)) : joiningBase();
    const begun = GroupLog.begin(store, this.id, base);
    this.host.commit(begun.writes);
    this.log.info("replica begins", { as: isFounder ? "founder" : "joiner" });
    return begun.found;
  }

  private makeState(): GroupState {
    const { store, committer, hasher } = this.host.world;
    const { place } = this.records;
    return new GroupState({
      number: stateNumbers(this.id)[place.side],
      isVoid: place.isVoid,
      store,
      committer,
      hasher,
      seal: () => this.options.machine.seal(),
    });
  }

  /**
   * A log whose end was lost is cut there, and the replica is suspect until it has refetched it. If
   * the state may have lost something, too, all of it is given up and learned anew.
   */
  private mend({ log, hard, damagedAt }: FoundLog): void {
    const { damage } = this.host;
    if (damagedAt === undefined && damage === undefined) return;
    const at = damagedAt ?? log.lastIndex() + 1;
    this.log.error("the log is damaged", { at, applied: this.current.applied });
    const isLost = damage !== undefined || at <= this.current.applied;
    const commit = isLost ? 0 : Math.min(hard.commit, log.lastIndex());
    this.hard = { ...hard, commit, logEpoch: hard.logEpoch + 1, suspect: true };
    this.standing = "rebuilding";
    this.standingMessage = damage ?? `the log was damaged at entry ${at}`;
    if (damagedAt !== undefined) this.host.commit(log.cutWrites(this.hard));
    if (!isLost) return;
    this.host.commit(log.forget(this.hard, false));
    this.current = this.makeState();
  }

  private startCore(): void {
    this.run += 1;
    const { machine } = this.options;
    machine.load(this.current, this.current.record().sealed);
    this.host.node.open(this.id, {
      view: this.records,
      hard: this.hard,
      applied: this.current.applied,
      settings: this.raftSettings,
    });
    this.host.configChanged();
    this.prefer();
    this.settle();
    this.host.schedule();
  }

  // ---- What the user asks

  propose(data: Uint8Array, done: (outcome: CommandOutcome) => void): void {
    const refusal = this.refusalOf(data);
    if (refusal !== undefined) {
      done({ kind: "refused", reason: refusal, leader: this.knownLeader });
      return;
    }
    this.queue.push({ data, done, askedAtMs: this.host.world.clock.monotonicMs() });
    this.host.hasCommands(this);
  }

  private refusalOf(data: Uint8Array) {
    if (this.isClosed) return "closed";
    if (this.standing === "failed") return "failed";
    if (data.byteLength > COMMAND_BYTES_MAX) return "too-large";
    const isHere = this.raft?.isLeader === true || this.raftSettings.forwardProposals;
    if (this.knownLeader === undefined) return "no-leader";
    return isHere ? undefined : "not-leader";
  }

  read(mode: "quorum" | "lease", done: (outcome: ReadReady) => void): void {
    if (this.isClosed || this.standing === "failed") {
      const reason = this.isClosed ? "closed" : "failed";
      done({ kind: "refused", reason, leader: undefined });
      return;
    }
    const id = this.host.nextRequest();
    this.reads.set(id, done);
    const isLease = mode === "lease" && this.raftSettings.leaseReads;
    this.step({ kind: "read", id, mode: isLease ? "lease" : "quorum" });
    this.host.schedule();
  }

  setWanted(wanted: WantedGroup): void {
    this.wanted = wanted;
    this.prefer();
    this.host.unsettled(this);
  }

  view(): GroupView {
    const { board, self } = this.host;
    return viewOf({
      self,
      status: this.raft?.status(),
      state: this.current,
      standing: this.standing,
      message: this.standingMessage,
      wanted: this.wanted,
      isConfigKnown: this.isConfigKnown,
      caughtUpAt: this.samples[0],
      isDown: (member) => board.isDown(member),
    });
  }

  close(): void {
    if (this.isClosed) return;
    this.endCore("closed");
    this.isClosed = true;
    this.host.closed(this);
  }

  remove(): void {
    if (this.isClosed) return;
    this.log.info("replica removed", { applied: this.current.applied });
    const { current, otherNumber } = this;
    this.endCore("closed");
    this.isClosed = true;
    const { logEpoch } = this.hard;
    this.hard = { ...this.hard, commit: 0, logEpoch: logEpoch + 1, suspect: true };
    this.host.commit(this.records.forget(this.hard, true));
    this.host.sweep(current.number);
    this.host.sweep(otherNumber);
    this.host.closed(this);
  }

  /** True if it should ask whether the group has let go of it: it may have missed that. */
  get isAdrift(): boolean {
    const isWanted = this.wanted.members.includes(this.host.self);
    return !isWanted && this.knownLeader === undefined && this.takesPart;
  }

  /** Who may know. */
  get wantedMembers(): readonly MemberId[] {
    return this.wanted.members;
  }

  /** The leader has said so. */
  letGo(): void {
    this.isLetGo = true;
    this.options.onChange?.();
  }

  /** Tells whether the group, which is led here, has no part for this member. */
  hasLetGoOf(member: MemberId, done: (isSo: boolean) => void): void {
    if (!this.isLeading) {
      done(false);
      return;
    }
    // Only who still leads may say so.
    this.read("quorum", (outcome) => {
      const config = this.raft?.status().config;
      if (outcome.kind === "refused" || config === undefined) done(false);
      else done(!membersOf(config).includes(member));
    });
  }

  /** What a snapshot of the stored state must be labelled with. */
  baseAt(applied: LogIndex): LogBase {
    const { raft } = this;
    assert(raft !== undefined, "a snapshot is taken of a group that is open");
    // A state that nothing was applied to is that of the log's beginning.
    return raft.baseAt(Math.max(applied, this.records.base().index));
  }

  /** True while it leads in this term. */
  leadsTerm(term: Term): boolean {
    const { raft } = this;
    return raft?.isLeader === true && raft.status().term === term;
  }

  /** Entries that are committed and not applied here yet. */
  get applyLag(): number {
    return Math.max(0, (this.raft?.commitIndex ?? 0) - this.current.applied);
  }

  // ---- A turn

  private step(input: Parameters<RaftNode["step"]>[1]): void {
    this.host.node.step(this.id, input);
  }

  /** Commands that came since the last turn become entries. */
  flushQueue(): void {
    if (this.queue.length === 0) return;
    const { queue } = this;
    this.queue = [];
    let batch: Queued[] = [];
    let bytes = 0;
    for (const command of queue) {
      if (batch.length > 0 && bytes + command.data.byteLength > BATCH_BYTES_MAX) {
        this.proposeBatch(batch, bytes);
        batch = [];
        bytes = 0;
      }
      batch.push(command);
      bytes += command.data.byteLength;
    }
    this.proposeBatch(batch, bytes);
  }

  private proposeBatch(batch: readonly Queued[], bytes: number): void {
    const { world } = this.host;
    const timeMs = world.clock.nowMs();
    const data = encodeCommands({ timeMs, commands: batch.map((command) => command.data) });
    const id = this.host.nextRequest();
    this.proposals.set(id, batch);
    world.observer.proposed(batch.length, bytes);
    this.step({ kind: "propose", id, data });
  }

  /** What a write of the core comes to; to be told with {@link wrote} when it is durable. */
  writesOf(persist: Persist, place: StatePlace | undefined): readonly StoreWrite[] {
    if (place !== undefined) {
      this.records.place = place;
      this.isRestoring = true;
    }
    if (persist.hard !== undefined) this.hard = persist.hard;
    return this.records.writesOf(persist);
  }

  /** Tells the writes of this time of the core from those of an earlier. */
  get runOfWrites(): number {
    return this.run;
  }

  /** The write is durable. */
  wrote(persist: Persist, run: number): void {
    if (run !== this.run || this.isClosed) return;
    this.records.wrote(persist);
    if (persist.snapshot === undefined) return;
    this.isRestoring = false;
    const before = this.current.number;
    this.current = this.makeState();
    this.options.machine.load(this.current, this.current.record().sealed);
    this.host.sweep(before);
    const { index } = persist.snapshot.base;
    this.log.info("snapshot taken over", { index, bytes: this.current.bytes });
    this.options.onApplied?.(index);
    for (const [at, { waiters }] of this.waiting) {
      if (at > index) continue;
      this.waiting.delete(at);
      for (const waiter of waiters) waiter.done({ kind: "unknown" });
    }
  }

  /** What follows from a turn for this group. */
  take(effects: Effects): void {
    if (effects.role !== undefined) this.roleChanged(effects.role);
    for (const outcome of effects.proposals) this.proposed(outcome);
    if (effects.apply.length > 0) this.apply(effects.apply);
    for (const outcome of effects.reads) this.answerRead(outcome);
    for (const trace of effects.traces) this.trace(trace);
    if (effects.diverged !== undefined) {
      this.rebuild(`the state differs from the leader's after entry ${effects.diverged}`);
    } else if (effects.halted === "damaged") {
      this.rebuild("an entry of the log cannot be read");
    } else if (effects.halted === "level") {
      this.fail("the group uses what this release does not know");
    }
    this.settle();
  }

  private roleChanged(change: RoleChange): void {
    const { world } = this.host;
    if (change.leader !== this.knownLeader) world.observer.leaderChanged();
    this.knownLeader = change.leader;
    this.isConfigKnown = false;
    this.transferredAtMs = world.clock.monotonicMs();
    if (change.role === "leader") this.log.info("leads", { term: change.term });
    else this.log.debug("role", { ...change });
    if (this.waiting.size > 0) this.lostAtTick = this.ticks;
    this.host.configChanged();
    this.host.unsettled(this);
    this.options.onChange?.();
  }

  private proposed(outcome: ProposalOutcome): void {
    const waiters = this.proposals.get(outcome.id);
    assert(waiters !== undefined, "a proposal has one outcome");
    this.proposals.delete(outcome.id);
    switch (outcome.kind) {
      case "appended":
        this.waiting.set(outcome.index, { term: outcome.term, waiters });
        return;
      case "refused": {
        const isNobody = outcome.reason === "not-leader" && outcome.leader === undefined;
        const reason = isNobody ? "no-leader" : outcome.reason;
        for (const { done } of waiters) done({ kind: "refused", reason, leader: outcome.leader });
        return;
      }
      case "unknown":
        for (const { done } of waiters) done({ kind: "unknown" });
        return;
      default:
        assertNever(outcome);
    }
  }

  private answerRead(outcome: ReadOutcome): void {
    const done = this.reads.get(outcome.id);
    if (done === undefined) return;
    this.reads.delete(outcome.id);
    if (outcome.kind === "ready") {
      const { leaseUntilMs } = outcome;
      const { clock } = this.host.world;
      const isWithin = (): boolean => clock.monotonicMs() < (leaseUntilMs ?? 0);
      done({ kind: "ready", stillHolds: leaseUntilMs === undefined ? undefined : isWithin });
      return;
    }
    const isNobody = outcome.reason === "not-leader" && outcome.leader === undefined;
    const reason = isNobody ? "no-leader" : outcome.reason;
    done({ kind: "refused", reason, leader: outcome.leader });
  }

  private apply(entries: readonly Entry[]): void {
    try {
      for (const entry of entries) this.applyEntry(entry);
    } catch (cause: unknown) {
      // What was applied of it goes nowhere: the state is replaced, or never used again.
      if (isDamage(cause)) this.rebuild(`the state is damaged: ${errorMessage(cause)}`);
      else this.fail(`cannot apply: ${errorMessage(cause)}`);
      return;
    }
    this.current.flush();
    this.step({ kind: "applied", index: this.current.applied });
    this.options.onApplied?.(this.current.applied);
    this.compactIfDue();
  }

  private applyEntry(entry: Entry): void {
    const { index, term } = entry;
    this.current.begin(index);
    const waiting = this.waiting.get(index);
    this.waiting.delete(index);
    if (entry.kind === "command") {
      const batch = decodeCommands(entry.data);
      assert(batch !== undefined, `the commands of entry ${index} can be read`);
      const isOurs = waiting?.term === term;
      for (const [position, data] of batch.commands.entries()) {
        const command = { index, term, position, timeMs: batch.timeMs, data };
        const result = this.options.machine.apply(command, this.current);
        if (isOurs) this.tell(waiting.waiters[position], { kind: "applied", index, result });
      }
    }
    if (waiting !== undefined && waiting.term !== term) {
      // Another leader's entry is in its place: ours will never be.
      const refused = { kind: "refused", reason: "not-leader", leader: this.knownLeader } as const;
      for (const waiter of waiting.waiters) this.tell(waiter, refused);
    }
    if (index % this.settings.digestEntries === 0) this.takeDigest(index);
  }

  private tell(waiter: Waiter | undefined, outcome: CommandOutcome): void {
    if (waiter === undefined) return;
    const { clock, observer } = this.host.world;
    observer.commandApplied(clock.monotonicMs() - waiter.askedAtMs);
    waiter.done(outcome);
  }

  private takeDigest(index: LogIndex): void {
    const sealed = this.host.world.hasher(this.options.machine.seal());
    const digest = new Uint8Array(8);
    new DataView(digest.buffer).setBigUint64(0, this.current.digest ^ sealed);
    this.step({ kind: "digest", index, digest });
  }

  /** Cuts the log behind what is on disk as state, when it has become long. */
  private compactIfDue(): void {
    const { logEntriesMax, logBytesMax } = this.settings;
    const first = this.records.base().index;
    const count = this.records.lastIndex() - first;
    if (count <= logEntriesMax && this.records.bytes <= logBytesMax) return;
    const perEntry = this.records.bytes / Math.max(1, count);
    const kept = Math.min(logEntriesMax, logBytesMax / Math.max(1, perEntry)) * KEPT_SHARE;
    const index = Math.min(this.current.durableIndex, this.records.lastIndex() - Math.floor(kept));
    // What was cut shows in the log when that is durable.
    if (index <= Math.max(first, this.compactedTo + kept / 2)) return;
    this.compactedTo = index;
    this.step({ kind: "compact", index });
  }

  private trace(trace: Trace): void {
    switch (trace.kind) {
      case "config": {
        const { voters, learners, outgoing } = trace.config;
        this.log.info("members", { index: trace.index, voters, learners, outgoing });
        this.isConfigKnown = false;
        this.host.configChanged();
        this.host.unsettled(this);
        this.options.onChange?.();
        return;
      }
      case "suspect":
        this.log.warn(trace.suspect ? "suspect" : "whole again", { epoch: trace.epoch });
        return;
      case "stepped-down":
        this.log.warn("stepped down", { reason: trace.reason });
        return;
      case "level":
      case "ignored":
      case "quiesced":
      case "woke":
        this.log.debug(trace.kind, { ...trace });
        return;
      default:
        assertNever(trace);
    }
  }

  /** Whether it takes part follows from what the core knows. */
  private settle(): void {
    if (this.standing === "failed" || this.standing === "ready") return;
    const status = this.raft?.status();
    if (status === undefined || status.suspect || membersOf(status.config).length === 0) return;
    this.standing = "ready";
    this.standingMessage = "";
    this.options.onChange?.();
  }

  // ---- Trouble

  /** The applied state cannot be read. */
  stateDamaged(why: string): void {
    this.rebuild(`the state is damaged: ${why}`);
  }

  /** Log and state are given up here and learned anew from the others. */
  private rebuild(why: string): void {
    const status = this.raft?.status();
    const others = membersOf(status?.config ?? makeConfiguration([]));
    if (!others.some((member) => member !== this.host.self)) {
      this.fail(`${why}; there is no other replica to learn from`);
      return;
    }
    this.log.error("replica is rebuilt", { why });
    this.endCore("not-leader");
    this.standing = "rebuilding";
    this.standingMessage = why;
    const { logEpoch } = this.hard;
    this.hard = { ...this.hard, commit: 0, logEpoch: logEpoch + 1, suspect: true };
    this.host.commit(this.records.forget(this.hard, false));
    this.current = this.makeState();
    this.startCore();
    this.options.onChange?.();
  }

  private fail(why: string): void {
    this.log.error("replica failed", { why });
    this.endCore("failed");
    this.standing = "failed";
    this.standingMessage = why;
    this.options.onChange?.();
  }

  private endCore(reason: "closed" | "failed" | "not-leader"): void {
    this.host.node.close(this.id);
    this.run += 1;
    this.isRestoring = false;
    this.compactedTo = 0;
    this.knownLeader = undefined;
    const refused = { kind: "refused", reason, leader: undefined } as const;
    for (const { done } of this.queue.splice(0)) done(refused);
    for (const waiters of this.proposals.values()) {
      for (const { done } of waiters) done({ kind: "unknown" });
    }
    for (const { waiters } of this.waiting.values()) {
      for (const { done } of waiters) done({ kind: "unknown" });
    }
    for (const done of this.reads.values()) done(refused);
    this.proposals.clear();
    this.waiting.clear();
    this.reads.clear();
  }

  // ---- Time

  /** A tick of the host. */
  tick(): void {
    this.ticks += 1;
    if (this.lostAtTick === undefined || this.ticks - this.lostAtTick < LINGER_TICKS) return;
    this.lostAtTick = undefined;
    for (const [index, { term, waiters }] of this.waiting) {
      if (this.leadsTerm(term)) continue;
      this.waiting.delete(index);
      for (const { done } of waiters) done({ kind: "unknown" });
    }
  }

  /** True while commands wait whose leadership was lost. */
  get lingers(): boolean {
    return this.lostAtTick !== undefined;
  }

  /** About once a second. */
  sample(): void {
    this.samples = [this.samples[1], this.raft?.commitIndex ?? 0];
  }

  /** Election timeouts by who shall lead. */
  prefer(): void {
    const isPreferred = this.wanted.members[0] === this.host.self;
    const delay = this.host.isResigned ? RESIGNED_TICKS : isPreferred ? 0 : DELAY_TICKS;
    this.step({ kind: "election-delay", ticks: delay });
  }

  /** Takes one step towards what is wanted; false if there is nothing left to do. */
  steer(): boolean {
    if (this.standing !== "ready") return false;
    // Who was just elected has its turn once something of its term is committed.
    if (!this.isLeading) return this.raft?.isLeader === true;
    const { host } = this;
    const next = nextStep(this.view(), this.wanted.members, {
      isResigned: (member) =>
        member === host.self ? host.isResigned : host.board.isResigned(member),
    });
    switch (next.kind) {
      case "settled":
        if (this.isConfigKnown) return false;
        this.makeKnown();
        return true;
      case "wait":
        return true;
      case "change":
        this.proposeChange(next.change);
        return true;
      case "transfer": {
        const nowMs = host.world.clock.monotonicMs();
        if (!host.isResigned && nowMs - this.transferredAtMs < TRANSFER_MS) return true;
        this.transferredAtMs = nowMs;
        this.log.info("hands on leadership", { to: next.target });
        this.step({ kind: "transfer", target: next.target });
        return true;
      }
      default:
        return assertNever(next);
    }
  }

  /** Whoever answers a round of heartbeats has learned from it what is committed. */
  private makeKnown(): void {
    this.read("quorum", (outcome) => {
      if (outcome.kind === "refused" || !this.isReached) return;
      this.isConfigKnown = true;
      this.options.onChange?.();
    });
  }

  private proposeChange(
    change: Extract<ReturnType<typeof nextStep>, { kind: "change" }>["change"],
  ) {
    const id = this.host.nextRequest();
    // What becomes of it is seen in the configuration.
    this.proposals.set(id, []);
    this.step({ kind: "change", id, change });
  }

  /** True if nothing is to be done for the configuration. */
  get isReached(): boolean {
    const status = this.raft?.status();
    return status !== undefined && isReached(status.config, this.wanted.members);
  }
}
