// One replica of one group in its host: commands on their way in, entries on their way into the
// state, what becomes of both, and what happens when log or state cannot be relied on any more.
import type { Logger } from "#api/base/index.ts";
import { assert, assertNever, errorMessage } from "#api/base/index.ts";
import type {
  Configuration,
  Effects,
  Entry,
  GroupId,
  HardState,
  LogBase,
  LogIndex,
  MemberId,
  Persist,
  RaftNode,
  RaftSettings,
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
import { COMMAND_BYTES_MAX, decodeCommands } from "./commands.ts";
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
import { Leading } from "./leading.ts";
import { Requests } from "./requests.ts";
import { GroupState } from "./state.ts";
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

/** Part of the log's limits that is kept when it is cut. */
const KEPT_SHARE = 0.25;

/** See the top of the file. */
export class Replica implements Group {
  readonly id: GroupId;
  readonly host: ReplicaHost;
  readonly log: Logger;
  private readonly options: GroupOptions;
  private readonly settings: GroupSettings;
  private readonly leading: Leading;
  private records: GroupLog;
  private hard: HardState;
  private current: GroupState;
  /** Counts how often the core was opened: writes of an earlier time must not count for a later. */
  private run = 0;
  private readonly requests: Requests;
  private knownLeader: MemberId | undefined;
  standing: GroupStanding = "joining";
  standingMessage = "waits for a snapshot of the leader";
  private isClosed = false;
  /** The leader has said that the group is without this member. */
  private isLetGo = false;
  /** A snapshot is being taken over. */
  isRestoring = false;
  private compactedTo: LogIndex = 0;

  constructor(host: ReplicaHost, options: GroupOptions) {
    this.host = host;
    this.id = options.group;
    this.options = options;
    this.settings = { ...DEFAULT_GROUP_SETTINGS, ...options.settings };
    this.leading = new Leading(
      this,
      {
        self: host.self,
        board: host.board,
        get isResigned() {
          return host.isResigned;
        },
        nowMs: () => host.world.clock.monotonicMs(),
      },
      options.wanted,
    );
    this.log = host.world.log.child({ group: options.name });
    const { clock, observer } = host.world;
    const nextRequest = (): RequestId => host.nextRequest();
    this.requests = new Requests({ clock, observer, log: this.log, nextRequest });
    const found = this.findOrBegin();
    this.records = found.log;
    this.hard = found.hard;
    const loaded = this.loadState();
    this.current = loaded.state;
    const lost = host.damage ?? loaded.damage;
    if (lost === undefined && found.damagedAt === undefined) this.startCore();
    else this.mend(found, lost);
    if (this.standing !== "failed") host.sweep(this.otherNumber);
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
    const members = membersOf(this.raft?.status().config ?? makeConfiguration([]));
    return members.length === 0 ? this.leading.isWanted : members.includes(self);
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

  /** The state as it is in the store; one that cannot be read is not used. */
  private loadState(): { readonly state: GroupState; readonly damage: string | undefined } {
    try {
      const state = this.makeState();
      this.options.machine.load(state, state.record().sealed);
      return { state, damage: undefined };
    } catch (cause: unknown) {
      if (!isDamage(cause)) throw cause;
      this.records.place = { ...this.records.place, isVoid: true };
      const state = this.makeState();
      this.options.machine.load(state, state.record().sealed);
      return { state, damage: errorMessage(cause) };
    }
  }

  /**
   * A log whose end was lost is cut there, and the replica is suspect until it has refetched it. If
   * more was lost than that, all of it is given up and learned anew. With nobody to learn from
   * nothing is touched: what is left may still be read by other means.
   */
  private mend({ log, hard, damagedAt }: FoundLog, lost: string | undefined): void {
    const at = damagedAt ?? log.lastIndex() + 1;
    const why = lost ?? `the log is damaged at entry ${at}`;
    if (!this.hasTeachers(log.base().config)) {
      this.fail(`${why}; there is no other replica to learn from`);
      return;
    }
    this.log.error("replica is damaged", { why, at, applied: this.current.applied });
    this.standing = "rebuilding";
    this.standingMessage = why;
    const isLost = lost !== undefined || at <= this.current.applied;
    const commit = isLost ? 0 : Math.min(hard.commit, log.lastIndex());
    this.hard = { ...hard, commit, logEpoch: hard.logEpoch + 1, suspect: true };
    if (damagedAt !== undefined) this.host.commit(log.cutWrites(this.hard));
    if (isLost) this.giveUp(false);
    this.startCore();
  }

  /** Log and state are of no use any more. */
  private giveUp(isGone: boolean): void {
    this.host.commit(this.records.forget(this.hard, isGone));
    this.current = this.makeState();
    this.options.machine.load(this.current, this.current.record().sealed);
  }

  private hasTeachers(config: Configuration): boolean {
    const members = membersOf(config);
    return members.length === 0 || members.some((member) => member !== this.host.self);
  }

  private startCore(): void {
    this.run += 1;
    this.host.node.open(this.id, {
      view: this.records,
      hard: this.hard,
      applied: this.current.applied,
      settings: this.raftSettings,
    });
    this.host.configChanged();
    this.leading.prefer();
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
    this.requests.add(data, done);
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
    const id = this.requests.addRead(done);
    const isLease = mode === "lease" && this.raftSettings.leaseReads;
    this.step({ kind: "read", id, mode: isLease ? "lease" : "quorum" });
    this.host.schedule();
  }

  setWanted(wanted: WantedGroup): void {
    this.leading.wanted = wanted;
    this.leading.prefer();
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
      wanted: this.leading.wanted,
      isConfigKnown: this.leading.isConfigKnown,
      caughtUpAt: this.leading.caughtUpAt,
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
    this.giveUp(true);
    this.host.sweep(current.number);
    this.host.sweep(otherNumber);
    this.host.closed(this);
  }

  /** True if it should ask whether the group has let go of it: it may have missed that. */
  get isAdrift(): boolean {
    return !this.leading.isWanted && this.knownLeader === undefined && this.takesPart;
  }

  /** Who may know. */
  get wantedMembers(): readonly MemberId[] {
    return this.leading.wanted.members;
  }

  /** The leader has said so. */
  letGo(): void {
    this.isLetGo = true;
    this.changed();
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

  step(input: Parameters<RaftNode["step"]>[1]): void {
    this.host.node.step(this.id, input);
  }

  /** Commands that came since the last turn become entries. */
  flushQueue(): void {
    for (const { id, data } of this.requests.take()) this.step({ kind: "propose", id, data });
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
    this.requests.passedOver(index);
  }

  /** What follows from a turn for this group. */
  take(effects: Effects): void {
    if (effects.role !== undefined) this.roleChanged(effects.role);
    for (const outcome of effects.proposals) this.requests.proposed(outcome);
    if (effects.apply.length > 0) this.apply(effects.apply);
    for (const outcome of effects.reads) this.requests.answered(outcome);
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
    this.leading.roleChanged();
    if (change.role === "leader") this.log.info("leads", { term: change.term });
    else this.log.debug("role", { ...change });
    this.requests.leaderLost();
    this.host.configChanged();
    this.host.unsettled(this);
    this.options.onChange?.();
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
    if (entry.kind === "command") {
      const batch = decodeCommands(entry.data);
      assert(batch !== undefined, `the commands of entry ${index} can be read`);
      for (const [position, data] of batch.commands.entries()) {
        const command = { index, term, position, timeMs: batch.timeMs, data };
        this.requests.applied(command, this.options.machine.apply(command, this.current));
      }
    }
    this.requests.entryApplied(index, this.knownLeader);
    if (index % this.settings.digestEntries === 0) this.takeDigest(index);
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
        this.leading.configChanged();
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
    if (!this.hasTeachers(this.raft?.status().config ?? this.records.base().config)) {
      this.fail(`${why}; there is no other replica to learn from`);
      return;
    }
    this.log.error("replica is rebuilt", { why });
    this.endCore("not-leader");
    this.standing = "rebuilding";
    this.standingMessage = why;
    const { logEpoch } = this.hard;
    this.hard = { ...this.hard, commit: 0, logEpoch: logEpoch + 1, suspect: true };
    this.giveUp(false);
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
    this.requests.end(reason);
  }

  // ---- Time

  /** A tick of the host. */
  tick(): void {
    this.requests.tick((term) => this.leadsTerm(term));
  }

  /** True while commands wait whose leadership was lost. */
  get lingers(): boolean {
    return this.requests.lingers;
  }

  /** About once a second. */
  sample(): void {
    this.leading.sample(this.raft?.commitIndex ?? 0);
  }

  /** Election timeouts by who shall lead. */
  prefer(): void {
    this.leading.prefer();
  }

  /** Takes one step towards what is wanted; false if there is nothing left to do. */
  steer(): boolean {
    return this.standing === "ready" && this.leading.steer();
  }

  silentProposal(): RequestId {
    return this.requests.addSilent();
  }

  changed(): void {
    this.options.onChange?.();
  }
}
