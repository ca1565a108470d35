// One replica of one Raft group, without clock, network, disk or threads: inputs are stepped, the
// effects of a turn are taken together.
//
// Why not effects from every step: a turn of the event loop brings many proposals, answers and
// reads for one group. Taken together they cost one write, one append per member and one heartbeat
// round, and the outcome does not depend on how inputs were cut into turns.
//
// The driver's loop:  step(...)*, take() -> write persist, send `send`; when the write is durable
// send `persist.then`, step `persisted`; apply in order, step `applied`; and so on. Writes and
// applies may be in flight while further inputs are stepped.
import type { Rng } from "#api/base/index.ts";
import { assert, assertNever } from "#api/base/index.ts";

import { commitTo } from "./commit.ts";
import { GroupCore } from "./core.ts";
import { noteOwnDigest, takeDigests } from "./digests.ts";
import type {
  Effects,
  HaltReason,
  Input,
  Persist,
  PersistId,
  RoleChange,
  SnapshotRequest,
} from "./effects.ts";
import { campaign, isPromotable, recordVote } from "./election.ts";
import { healIfWhole } from "./follower.ts";
import {
  handleSnapshotSent,
  handleUnreachable,
  noteOwnStable,
  startTransfer,
  tickLeader,
} from "./leader.ts";
import type { LogView } from "./log.ts";
import { RaftLog } from "./log.ts";
import type { Message } from "./messages.ts";
import { flushForwards, propose, proposeChange } from "./proposals.ts";
import { maybeQuiesce, notePeerDown, notePeerUp, wake } from "./quiesce.ts";
import { askRead, flushReads } from "./reading.ts";
import { receive } from "./receive.ts";
import { flushAll } from "./replicate.ts";
import type { RaftSettings } from "./settings.ts";
import { assertSettings } from "./settings.ts";
import type { GroupStatus } from "./status.ts";
import { statusOf } from "./status.ts";
import type { Entry, HardState, LogBase, LogIndex, MemberId, Snapshot } from "./types.ts";

/** What a replica starts from. */
export interface GroupStart {
  readonly self: MemberId;
  readonly settings: RaftSettings;
  readonly rng: Rng;
  /** The durable log; stays the group's to read for its whole life. */
  readonly view: LogView;
  /** As last persisted; EMPTY_HARD_STATE for a new replica. */
  readonly hard: HardState;
  /** Everything up to here is in the applied state already; 0 if nothing. */
  readonly applied: LogIndex;
  /**
   * Part of the log was lost (damage before the last synced mark) and what follows was cut off,
   * while term and vote are known to be intact. The replica is suspect until it has refetched.
   * If term and vote may be gone too, it must come back as another member instead.
   */
  readonly damaged?: boolean;
}

const NOTHING: Effects = {
  persist: undefined,
  send: [],
  apply: [],
  proposals: [],
  reads: [],
  snapshots: [],
  discard: [],
  role: undefined,
  diverged: undefined,
  halted: undefined,
  traces: [],
};

const SCAN_BYTES = 1 << 20;

/** See the top of the file. One instance belongs to one driver; nothing is re-entrant. */
export class RaftGroup {
  private readonly core: GroupCore;
  private written: HardState;
  private told: RoleChange;
  private toldHalt: HaltReason | undefined = undefined;
  private nextPersistId: PersistId = 1;
  private pendingWrites = 0;
  private isTouched = true;

  constructor(start: GroupStart) {
    assertSettings(start.settings);
    const { hard, view, applied } = start;
    const base = view.base();
    assert(base.level <= start.settings.supports, "the group's level is beyond this release");
    const isDamaged = start.damaged === true;
    // A write is all or nothing, so a commit index beyond the log means that entries are missing.
    const commit = isDamaged ? Math.min(hard.commit, view.lastIndex()) : hard.commit;
    const log = new RaftLog(view, { commit, applied });
    this.core = new GroupCore({ ...start, log, base });
    this.written = hard;
    this.told = { role: "follower", term: hard.term, leader: undefined };
    this.replaySpecial(view);
    if (isDamaged) {
      this.core.logEpoch += 1;
      this.core.suspect = true;
      this.core.trace({ kind: "suspect", suspect: true, epoch: this.core.logEpoch });
    }
  }

  /** Brings configuration and level to the commit index. */
  private replaySpecial(view: LogView): void {
    const { core } = this;
    const committed = core.log.committed;
    core.log.committed = view.base().index;
    let from = view.base().index + 1;
    while (from <= view.lastIndex()) {
      const entries = view.entries(from, view.lastIndex(), SCAN_BYTES);
      assert(entries !== undefined && entries.length > 0, `the log cannot be read at ${from}`);
      core.noteAppended(entries);
      from += entries.length;
    }
    commitTo(core, committed);
    core.traces = [];
    core.commitMatters = false;
  }

  /** Takes one input. What follows from it is in the next {@link take}. */
  step(input: Input): void {
    const { core } = this;
    if (core.halted !== undefined) return;
    if (input.kind === "tick") {
      this.tick(input.nowMs, input.isBeat);
      return;
    }
    this.isTouched = true;
    switch (input.kind) {
      case "lag":
        core.lease.void();
        return;
      case "receive":
        receive(core, input.message);
        return;
      case "persisted":
        this.persisted(input.id);
        return;
      case "applied":
        core.log.appliedTo(input.index);
        return;
      case "peer-down":
        notePeerDown(core, input.member);
        return;
      case "peer-up":
        notePeerUp(core, input.member);
        return;
      case "compact":
        this.compact(input.index);
        return;
      case "election-delay":
        core.electionDelay = input.ticks;
        core.randomizeTimeout();
        return;
      case "digest":
        noteOwnDigest(core, input.index, input.digest);
        return;
      case "propose":
      case "change":
      case "read":
      case "transfer":
      case "campaign":
      case "snapshot-sent":
      case "unreachable":
        wake(core);
        this.request(input);
        return;
      default:
        assertNever(input);
    }
  }

  private request(
    input: Extract<
      Input,
      {
        kind:
          "propose" | "change" | "read" | "transfer" | "campaign" | "snapshot-sent" | "unreachable";
      }
    >,
  ): void {
    const { core } = this;
    switch (input.kind) {
      case "propose": {
        const { id, data, entryKind } = input;
        propose(core, { id, data, kind: entryKind ?? "command" });
        return;
      }
      case "change":
        proposeChange(core, input.id, input.change);
        return;
      case "read":
        askRead(core, input);
        return;
      case "transfer":
        if (core.role === "leader") startTransfer(core, input.target);
        else if (core.lead !== undefined) {
          core.post(core.lead, { kind: "transfer", target: input.target });
        }
        return;
      case "campaign":
        campaign(core);
        return;
      case "snapshot-sent":
        handleSnapshotSent(core, input);
        return;
      case "unreachable":
        handleUnreachable(core, input.member);
        return;
      default:
        assertNever(input);
    }
  }

  private tick(nowMs: number, isBeat: boolean | undefined): void {
    const { core } = this;
    core.nowMs = nowMs;
    if (core.quiesced) return;
    this.isTouched = true;
    core.sinceLeader += 1;
    if (core.role === "leader") {
      core.tellsCommit = true;
      maybeQuiesce(core);
      if (!core.quiesced) tickLeader(core, isBeat);
      return;
    }
    const { electionTicks } = core.settings;
    for (const id of core.forwards.tick(electionTicks)) {
      core.proposalOutcomes.push({ kind: "unknown", id });
    }
    core.abortReads(core.reads.tick(electionTicks));
    core.electionElapsed += 1;
    if (core.electionElapsed < core.electionTimeout || !isPromotable(core)) return;
    core.electionElapsed = 0;
    campaign(core);
  }

  private persisted(id: PersistId): void {
    const { core } = this;
    const pending = this.nextPersistId - 1 - id;
    assert(pending >= 0 && pending < this.pendingWrites, `write ${id} is not under way`);
    this.pendingWrites = pending;
    core.log.persisted(id);
    const { selfVote } = core;
    if (selfVote?.persistId !== undefined && selfVote.persistId <= id) {
      core.selfVote = undefined;
      if (core.role === "candidate" && selfVote.term === core.term) {
        recordVote(core, core.self, true);
      }
    }
    if (core.role === "leader") noteOwnStable(core);
    healIfWhole(core);
  }

  private compact(index: LogIndex): void {
    const { core } = this;
    assert(index <= core.log.applied, `entry ${index} is not applied and cannot be removed`);
    if (index < core.log.first || core.log.isRestoring || index > core.log.stable) return;
    const point = core.pointAt(index);
    core.newBase = this.baseAt(index);
    core.history = core.history.filter((each) => each === point || each.index > index);
  }

  /**
   * What a snapshot of the state after `index` must be labelled with. `index` is applied and not
   * below the log's base.
   */
  baseAt(index: LogIndex): LogBase {
    const { core } = this;
    const term = core.log.term(index);
    assert(term !== undefined && index <= core.log.applied, `no state was ever at ${index}`);
    const { config, level } = core.pointAt(index);
    return { index, term, config, level };
  }

  /** What follows from all inputs since the last call; the same empty value if nothing does. */
  take(): Effects {
    if (!this.isTouched) return NOTHING;
    this.isTouched = false;
    const { core } = this;
    if (this.toldHalt !== undefined) return NOTHING;
    this.flush();
    const persist = this.takePersist();
    const send = core.send;
    core.send = [];
    const effects: Effects = {
      persist,
      send,
      apply: this.takeApply(),
      proposals: core.proposalOutcomes,
      reads: [...core.readOutcomes, ...core.reads.takeReady(core.log.applied)],
      snapshots: core.snapshotRequests,
      discard: core.discards,
      role: this.takeRole(),
      diverged: core.diverged,
      halted: core.halted,
      traces: core.traces,
    };
    this.toldHalt = core.halted;
    core.proposalOutcomes = [];
    core.readOutcomes = [];
    core.snapshotRequests = [];
    core.discards = [];
    core.traces = [];
    core.diverged = undefined;
    return effects;
  }

  private flush(): void {
    const { core } = this;
    if (core.role === "leader") {
      flushReads(core);
      flushAll(core);
    } else {
      flushReads(core);
      flushForwards(core);
    }
  }

  private takePersist(): Persist | undefined {
    const { core } = this;
    const hard = core.hardState();
    const isHardDue = isDifferent(hard, this.written) || core.commitMatters;
    const mustSync = isHardDue || core.log.hasUnwritten;
    const then = core.sendAfter;
    core.sendAfter = [];
    // Nothing to write: what is promised holds as soon as the writes on their way are durable.
    const mustWait = then.length > 0 && this.pendingWrites > 0;
    if (!mustSync && !mustWait && core.newBase === undefined) {
      core.send.push(...then);
      return undefined;
    }
    const id = this.nextPersistId;
    this.nextPersistId += 1;
    this.pendingWrites += 1;
    const { entries, snapshot } = core.log.takeUnwritten(id);
    if (core.selfVote !== undefined) core.selfVote.persistId ??= id;
    // The commit index goes along: a member that holds a change of members must know, after a
    // restart too, that the change before it is committed.
    const isHard = isHardDue || (mustSync && hard.commit !== this.written.commit);
    core.commitMatters = false;
    const base = core.newBase;
    core.newBase = undefined;
    if (isHard) this.written = hard;
    return { id, hard: isHard ? hard : undefined, entries, snapshot, base, sync: mustSync, then };
  }

  private takeApply(): readonly Entry[] {
    const { core } = this;
    const entries = core.log.takeApplyable(core.settings.applyBytesMax);
    if (entries === undefined) {
      core.halted = "damaged";
      return [];
    }
    if (entries.length === 0) return entries;
    takeDigests(core, entries);
    if (core.role !== "leader") return entries;
    let bytes = 0;
    for (const entry of entries) if (entry.term === core.term) bytes += entry.data.byteLength;
    core.uncommittedBytes = Math.max(0, core.uncommittedBytes - bytes);
    return entries;
  }

  private takeRole(): RoleChange | undefined {
    const { role, term, lead } = this.core;
    const { told } = this;
    if (role === told.role && term === told.term && lead === told.leader) return undefined;
    this.told = { role, term, leader: lead };
    return this.told;
  }

  /** True while ticks change nothing: the node leaves the group out. */
  get isQuiesced(): boolean {
    return this.core.quiesced;
  }

  /** The leader as far as known here. */
  get leader(): MemberId | undefined {
    return this.core.lead;
  }

  get isLeader(): boolean {
    return this.core.role === "leader";
  }

  /**
   * Leads and has committed an entry of its own term: it knows everything that was acknowledged.
   */
  get isEstablished(): boolean {
    return this.isLeader && this.core.committedInTerm;
  }

  /** Feature level that every member has, as far as committed entries are known here. */
  get level(): number {
    return this.core.level;
  }

  /** Everything up to here is committed, as far as known here. */
  get commitIndex(): LogIndex {
    return this.core.log.committed;
  }

  /** For status, metrics and tests; a copy. */
  status(): GroupStatus {
    return statusOf(this.core);
  }
}

/** True if the difference must not be forgotten; the commit index may be. */
function isDifferent(hard: HardState, written: HardState): boolean {
  return (
    hard.term !== written.term ||
    hard.vote !== written.vote ||
    hard.logEpoch !== written.logEpoch ||
    hard.suspect !== written.suspect
  );
}

/** What the leader's driver delivers to the peer once the snapshot's bytes are there. */
export function snapshotMessage(
  from: MemberId,
  request: SnapshotRequest,
  snapshot: Snapshot,
): Message {
  return { kind: "snapshot", from, to: request.to, term: request.term, ...snapshot };
}
