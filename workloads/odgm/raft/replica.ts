// One replica of one group in its host: what its user asks of it, what a turn of the core means for
// it, and what happens when log or state cannot be relied on any more.
import type { Logger } from "#api/base/index.ts";
import { assert, errorMessage } from "#api/base/index.ts";
import type {
  Configuration,
  Effects,
  GroupId,
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
import { DEFAULT_SETTINGS, makeConfiguration, membersOf } from "#workloads/core/raft/index.ts";
import type { StoreWrite } from "#workloads/core/store/index.ts";

import { Applier } from "./applier.ts";
import { COMMAND_BYTES_MAX } from "./commands.ts";
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
import { Holdings } from "./holdings.ts";
import { Leading } from "./leading.ts";
import type { StatePlace } from "./log.ts";
import { isDamage } from "./log.ts";
import type { ReplicaHost } from "./replica-host.ts";
import { Requests } from "./requests.ts";
import type { GroupState } from "./state.ts";
import { logTrace } from "./traces.ts";
import { viewOf } from "./view.ts";

/** See the top of the file. */
export class Replica implements Group {
  readonly id: GroupId;
  readonly host: ReplicaHost<Replica>;
  readonly log: Logger;
  private readonly options: GroupOptions;
  private readonly settings: GroupSettings;
  /** What it does for the shape of its group. */
  readonly leading: Leading;
  private readonly holdings: Holdings;
  private readonly applier: Applier;
  /** Counts how often the core was opened: writes of an earlier time must not count for a later. */
  private run = 0;
  private readonly requests: Requests;
  private knownLeader: MemberId | undefined;
  standing: GroupStanding = "joining";
  standingMessage = "waits for a snapshot of the leader";
  private isClosed = false;
  /** A snapshot is being taken over. */
  isRestoring = false;

  constructor(host: ReplicaHost<Replica>, options: GroupOptions) {
    this.host = host;
    this.id = options.group;
    this.options = options;
    this.settings = { ...DEFAULT_GROUP_SETTINGS, ...options.settings };
    this.leading = new Leading(this, host, options.wanted);
    this.log = host.world.log.child({ group: options.name });
    const { clock, observer } = host.world;
    const nextRequest = (): RequestId => host.nextRequest();
    this.requests = new Requests({ clock, observer, log: this.log, nextRequest });
    this.holdings = new Holdings(
      {
        self: host.self,
        world: host.world,
        gone: host.gone,
        log: this.log,
        commit: (writes) => host.commit(writes),
      },
      options,
    );
    this.applier = this.makeApplier();
    const lost = host.damage ?? this.holdings.stateDamage;
    if (lost === undefined && this.holdings.damagedAt === undefined) this.startCore();
    else this.mend(lost);
    if (this.standing !== "failed") host.sweep(this.otherNumber);
  }

  private makeApplier(): Applier {
    const leader = (): MemberId | undefined => this.knownLeader;
    return new Applier({
      holdings: this.holdings,
      requests: this.requests,
      machine: this.options.machine,
      settings: this.settings,
      hasher: this.host.world.hasher,
      step: (input) => this.step(input),
      get leader() {
        return leader();
      },
    });
  }

  get state(): GroupReader {
    return this.holdings.state;
  }

  /** The state, for snapshots. */
  get applied(): GroupState {
    return this.holdings.state;
  }

  get appliedIndex(): LogIndex {
    return this.holdings.state.applied;
  }

  get leader(): MemberId | undefined {
    return this.knownLeader;
  }

  get takesPart(): boolean {
    return this.leading.takesPart;
  }

  get hasRoom(): boolean {
    return this.leading.hasRoom;
  }

  /** The committed configuration, as far as known here. */
  get config(): Configuration {
    return this.raft?.status().config ?? makeConfiguration([]);
  }

  /** True if there are other voters. */
  get hasOthers(): boolean {
    return this.config.voters.length > 1;
  }

  get level(): number {
    return this.raft?.level ?? 0;
  }

  get isLeading(): boolean {
    return this.raft?.isEstablished === true;
  }

  private get raft() {
    return this.isClosed ? undefined : this.host.node.group(this.id);
  }

  /** The prefix that the state does not have now. */
  get otherNumber(): number {
    return this.holdings.otherNumber;
  }

  private get raftSettings(): RaftSettings {
    return { ...DEFAULT_SETTINGS, ...DEFAULT_GROUP_SETTINGS.raft, ...this.settings.raft };
  }

  // ---- Beginning

  /**
   * A log whose end was lost is cut there, and the replica is suspect until it has refetched it. If
   * more was lost than that, all of it is given up and learned anew. With nobody to learn from
   * nothing is touched: what is left may still be read by other means.
   */
  private mend(lost: string | undefined): void {
    const { holdings } = this;
    const { log, hard, damagedAt } = holdings;
    const at = damagedAt ?? log.lastIndex() + 1;
    const why = lost ?? `the log is damaged at entry ${at}`;
    if (!holdings.hasTeachers(log.base().config)) {
      this.fail(`${why}; there is no other replica to learn from`);
      return;
    }
    this.log.error("replica is damaged", { why, at, applied: this.appliedIndex });
    this.standing = "rebuilding";
    this.standingMessage = why;
    const isLost = lost !== undefined || at <= this.appliedIndex;
    holdings.suspect(isLost ? 0 : Math.min(hard.commit, log.lastIndex()));
    if (damagedAt !== undefined) holdings.cut();
    if (isLost) holdings.giveUp(false);
    this.startCore();
  }

  private startCore(): void {
    this.run += 1;
    this.host.node.open(this.id, {
      view: this.holdings.log,
      hard: this.holdings.hard,
      applied: this.holdings.state.applied,
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
    const isLease = mode === "lease" && this.raftSettings.leaseReads;
    const id = this.requests.addRead(isLease ? (ready) => this.readByLease(ready, done) : done);
    this.step({ kind: "read", id, mode: isLease ? "lease" : "quorum" });
    this.host.schedule();
  }

  /** The core grants a lease by the time of the last tick: after a stall it is over by now. */
  private readByLease(ready: ReadReady, done: (outcome: ReadReady) => void): void {
    if (ready.kind === "ready" && ready.stillHolds?.() === false) this.read("quorum", done);
    else done(ready);
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
      state: this.holdings.state,
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
    this.log.info("replica removed", { applied: this.holdings.state.applied });
    const { holdings } = this;
    const numbers = [holdings.state.number, holdings.otherNumber];
    this.endCore("closed");
    this.isClosed = true;
    holdings.suspect(0);
    holdings.giveUp(true);
    for (const number of numbers) this.host.sweep(number);
    this.host.closed(this);
  }

  /** The leader has said so. */
  letGo(): void {
    this.leading.letGo();
    this.changed();
  }

  /** What a snapshot of the stored state must be labelled with. */
  baseAt(applied: LogIndex): LogBase {
    const { raft } = this;
    assert(raft !== undefined, "a snapshot is taken of a group that is open");
    // A state that nothing was applied to is that of the log's beginning.
    return raft.baseAt(Math.max(applied, this.holdings.log.base().index));
  }

  /** True while it leads in this term. */
  leadsTerm(term: Term): boolean {
    const { raft } = this;
    return raft?.isLeader === true && raft.status().term === term;
  }

  /** Entries that are committed and not applied here yet. */
  get applyLag(): number {
    return Math.max(0, (this.raft?.commitIndex ?? 0) - this.holdings.state.applied);
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
      this.isRestoring = true;
      this.applier.drop();
    }
    return this.holdings.writesOf(persist, place);
  }

  /** Tells the writes of this time of the core from those of an earlier. */
  get runOfWrites(): number {
    return this.run;
  }

  /** The write is durable. */
  wrote(persist: Persist, run: number): void {
    if (run !== this.run || this.isClosed) return;
    this.holdings.log.wrote(persist);
    if (persist.snapshot === undefined) return;
    this.isRestoring = false;
    this.host.sweep(this.holdings.takeOver());
    const { index } = persist.snapshot.base;
    this.log.info("snapshot taken over", { index, bytes: this.applied.bytes });
    this.options.onApplied?.(index);
    this.requests.passedOver(index);
  }

  /** What follows from a turn for this group. */
  take(effects: Effects): void {
    if (effects.role !== undefined) this.roleChanged(effects.role);
    for (const outcome of effects.proposals) this.requests.proposed(outcome);
    if (effects.apply.length > 0) {
      this.applier.add(effects.apply);
      this.host.hasEntries(this);
    }
    for (const outcome of effects.reads) this.requests.answered(outcome);
    for (const trace of effects.traces) this.note(trace);
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

  /** Applies some of what is committed; false if nothing is left. */
  applySome(isOver: () => boolean): boolean {
    if (this.applier.hasWork) this.apply(isOver);
    return this.applier.hasWork;
  }

  private apply(isOver: () => boolean): void {
    try {
      this.applier.apply(isOver);
    } catch (cause: unknown) {
      // What was applied of it goes nowhere: the state is replaced, or never used again.
      if (isDamage(cause)) this.rebuild(`the state is damaged: ${errorMessage(cause)}`);
      else this.fail(`cannot apply: ${errorMessage(cause)}`);
      return;
    }
    this.options.onApplied?.(this.appliedIndex);
    this.applier.compactIfDue();
  }

  private note(trace: Trace): void {
    logTrace(this.log, trace);
    if (trace.kind !== "config") return;
    this.leading.configChanged();
    this.host.configChanged();
    this.host.unsettled(this);
    this.options.onChange?.();
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
    const { holdings } = this;
    if (!holdings.hasTeachers(this.raft?.status().config ?? holdings.log.base().config)) {
      this.fail(`${why}; there is no other replica to learn from`);
      return;
    }
    this.log.error("replica is rebuilt", { why });
    this.endCore("not-leader");
    this.standing = "rebuilding";
    this.standingMessage = why;
    holdings.suspect(0);
    holdings.giveUp(false);
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
    this.applier.reset();
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
