// What a replica does for the shape of its group: while it leads, one step after the other towards
// the members and the leader that are wanted; otherwise, how soon it would lead, and whether it
// still belongs.
import type { Logger } from "#api/base/index.ts";
import { assertNever } from "#api/base/index.ts";
import type {
  Configuration,
  LogIndex,
  MemberId,
  RaftNode,
  RequestId,
} from "#workloads/core/raft/index.ts";
import { isQuorum, membersOf } from "#workloads/core/raft/index.ts";

import type { PeerBoard } from "./board.ts";
import type { DiskRoom } from "./frames.ts";
import type { GroupView, ReadReady, WantedGroup } from "./group.ts";
import { isReached, nextStep } from "./steering.ts";

/** A leader that is not preferred campaigns so many ticks later ... */
const DELAY_TICKS = 4;
/** ... one whose disk is full so many ... */
const FULL_TICKS = 12;
/** ... and one that has resigned so many. */
const RESIGNED_TICKS = 24;
/** Leadership is not handed on sooner after it was won, nor more often. */
const TRANSFER_MS = 3_000;

/** The replica, as far as it matters here. */
export interface LeadingReplica {
  readonly log: Logger;
  readonly isLeading: boolean;
  readonly leader: MemberId | undefined;
  /** The committed one, as far as known here; empty if nothing is. */
  readonly config: Configuration;
  view(): GroupView;
  read(mode: "quorum", done: (outcome: ReadReady) => void): void;
  step(input: Parameters<RaftNode["step"]>[1]): void;
  /** The number of a proposal that nobody waits for. */
  silentProposal(): RequestId;
  changed(): void;
}

/** The host, as far as it matters here. */
export interface LeadingHost {
  readonly self: MemberId;
  readonly isResigned: boolean;
  readonly disk: DiskRoom;
  readonly board: Pick<PeerBoard, "diskOf" | "isAnyFull" | "isDown" | "isResigned">;
  nowMs(): number;
}

/** See the top of the file. */
export class Leading {
  private readonly replica: LeadingReplica;
  private readonly host: LeadingHost;
  wanted: WantedGroup;
  /** A majority knows the configuration: an election needs nobody who has left. */
  isConfigKnown = false;
  /** The leader has said that the group is without this member. */
  private isLetGo = false;
  private transferredAtMs = 0;
  /** Commit index at the last two samples, a second apart. */
  private samples: readonly [LogIndex, LogIndex] = [0, 0];

  constructor(replica: LeadingReplica, host: LeadingHost, wanted: WantedGroup) {
    this.replica = replica;
    this.host = host;
    this.wanted = wanted;
  }

  get isWanted(): boolean {
    return this.wanted.members.includes(this.host.self);
  }

  /** False once the group, as far as known here, is without this member. */
  get takesPart(): boolean {
    if (this.isLetGo) return false;
    const members = membersOf(this.replica.config);
    return members.length === 0 ? this.isWanted : members.includes(this.host.self);
  }

  /** True if it should ask whether the group has let go of it: it may have missed that. */
  get isAdrift(): boolean {
    return !this.isWanted && this.replica.leader === undefined && this.takesPart;
  }

  /** The leader has said so. */
  letGo(): void {
    this.isLetGo = true;
  }

  /** Tells whether the group, which is led here, has no part for this member. */
  hasLetGoOf(member: MemberId, done: (isSo: boolean) => void): void {
    const { replica } = this;
    if (!replica.isLeading) {
      done(false);
      return;
    }
    // Only who still leads may say so.
    replica.read("quorum", (outcome) => {
      done(outcome.kind === "ready" && !membersOf(replica.config).includes(member));
    });
  }

  /** Who has this has caught up: it was committed a second ago. */
  get caughtUpAt(): LogIndex {
    return this.samples[0];
  }

  /** About once a second. */
  sample(commitIndex: LogIndex): void {
    this.samples = [this.samples[1], commitIndex];
  }

  /** Another leader or term: what the last one knew is worth nothing. */
  roleChanged(): void {
    this.isConfigKnown = false;
    this.transferredAtMs = this.host.nowMs();
  }

  configChanged(): void {
    this.isConfigKnown = false;
  }

  /** Election timeouts by who shall lead. */
  prefer(): void {
    this.replica.step({ kind: "election-delay", ticks: this.delayTicks });
  }

  private get delayTicks(): number {
    const { isResigned, disk, self } = this.host;
    if (isResigned) return RESIGNED_TICKS;
    if (disk !== "room") return FULL_TICKS;
    return this.wanted.members[0] === self ? 0 : DELAY_TICKS;
  }

  /**
   * False at a leader where no majority of the voters is there and has room: what it commits would
   * wait for a disk that is full, and deletes behind it. Nor may data grow while a voter that takes
   * everything in is overfull.
   */
  get hasRoom(): boolean {
    const { host, replica } = this;
    const { board, self } = host;
    if (host.disk === "room" && !board.isAnyFull) return true;
    if (!replica.isLeading) return true;
    const { config } = replica;
    const voters = [...config.voters, ...config.outgoing];
    if (!voters.some((member) => this.isFull(member))) return true;
    const isThere = (member: MemberId): boolean => member === self || !board.isDown(member);
    if (voters.some((member) => isThere(member) && this.diskOf(member) === "overfull"))
      return false;
    return isQuorum(config, (member) => isThere(member) && !this.isFull(member));
  }

  private isFull(member: MemberId): boolean {
    return this.diskOf(member) !== "room";
  }

  private diskOf(member: MemberId): DiskRoom {
    return member === this.host.self ? this.host.disk : this.host.board.diskOf(member);
  }

  /** Takes one step towards what is wanted; false if there is nothing left to do. */
  steer(): boolean {
    const { replica, host } = this;
    // Who was just elected has its turn once something of its term is committed.
    if (!replica.isLeading) return replica.leader === host.self;
    const next = nextStep(replica.view(), this.wanted.members, {
      isResigned: (member) =>
        member === host.self ? host.isResigned : host.board.isResigned(member),
      isFull: (member) => this.isFull(member),
    });
    switch (next.kind) {
      case "settled":
        // Who is full looks again: somebody with room may catch up.
        if (this.isConfigKnown) return host.disk !== "room";
        this.makeKnown();
        return true;
      case "wait":
        return true;
      case "change":
        // What becomes of it is seen in the configuration.
        replica.step({ kind: "change", id: replica.silentProposal(), change: next.change });
        return true;
      case "transfer":
        this.transfer(next.target);
        return true;
      default:
        return assertNever(next);
    }
  }

  private transfer(target: MemberId): void {
    const nowMs = this.host.nowMs();
    if (!this.host.isResigned && nowMs - this.transferredAtMs < TRANSFER_MS) return;
    this.transferredAtMs = nowMs;
    this.replica.log.info("hands on leadership", { to: target });
    this.replica.step({ kind: "transfer", target });
  }

  /** Whoever answers a round of heartbeats has learned from it what is committed. */
  private makeKnown(): void {
    this.replica.read("quorum", (outcome) => {
      const { config } = this.replica.view();
      if (outcome.kind === "refused" || !isReached(config, this.wanted.members)) return;
      this.isConfigKnown = true;
      this.replica.changed();
    });
  }
}
