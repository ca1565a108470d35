// All Raft groups of one member: one clock, one write per turn for all of them, one frame per peer.
// A turn begins when something has happened to a group and ends when everything that follows is on
// its way: to the store, to the peers, into the states, to who asked.
import { assert } from "#api/base/index.ts";
import type {
  GroupId,
  GroupMessage,
  MemberId,
  NodeEffects,
  NodePersist,
  Outbox,
  RequestId,
} from "#workloads/core/raft/index.ts";
import {
  decodeFrame,
  DEFAULT_SETTINGS,
  encodeFrame,
  LAG_MS_MAX,
  membersOf,
  RaftNode,
} from "#workloads/core/raft/index.ts";
import type { StoreWrite } from "#workloads/core/store/index.ts";

import { PeerBoard } from "./board.ts";
import type { DiskRoom, HostMessage, PeerNote } from "./frames.ts";
import { decodeAnswer, decodeMessage, encodeAnswer, encodeMessage, partsOf } from "./frames.ts";
import { GoneLogs } from "./gone-logs.ts";
import type { Group, GroupOptions } from "./group.ts";
import { copyOf } from "./keys.ts";
import type { StatePlace } from "./log.ts";
import type { GroupCommitMember, GroupWorld, Lane, StopTimer } from "./ports.ts";
import { Replica } from "./replica.ts";
import type { ReplicaHost } from "./replica-host.ts";
import { SnapshotReceiver } from "./snapshot-in.ts";
import { SnapshotSender } from "./snapshot-out.ts";
import type { HostStats } from "./stats.ts";
import { statsOf } from "./stats.ts";
import { Sweeper } from "./sweeper.ts";

const { tickMs } = DEFAULT_SETTINGS;
/** A message of the core is lost if it was not answered by then. */
const ANSWER_MS = 2_000;
/** A turn hands over to the event loop after this, whatever is left to do. */
const TURN_MS = 8;
/** Entries are applied for so long, one per group at least, before others have their turn. */
const APPLY_MS = 1;
/** Ticks between two looks at what groups shall become. */
const STEER_TICKS = 4;
/** Ticks between two samples of how far groups have got. */
const SAMPLE_TICKS = 20;
/** Ticks between two questions of a replica that nobody seems to need. */
const ADRIFT_TICKS = 40;

/** In the commit: logs have no records of their own to seal, and who waits has asked for that. */
const LOG_MEMBER: GroupCommitMember = { sealBatch: () => [], batchDurable: () => undefined };

/** See the top of the file. One per store. */
export class GroupHost implements ReplicaHost<Replica> {
  /** The incarnation of this member's store. */
  readonly self: MemberId;
  readonly world: GroupWorld;
  readonly node: RaftNode;
  readonly board = new PeerBoard();
  readonly gone: GoneLogs;
  /**
   * The store has lost acknowledged writes, in words: a replica that is opened gives up what is
   * left, learns everything anew from the others, and does not vote before. Undefined: it has not.
   */
  damage: string | undefined;
  private readonly replicas = new Map<GroupId, Replica>();
  private readonly restless = new Set<Replica>();
  private readonly talkative = new Set<Replica>();
  private readonly applying = new Set<Replica>();
  private readonly sweeper: Sweeper;
  private readonly sender: SnapshotSender;
  private readonly receiver: SnapshotReceiver;
  private readonly stopTicking: StopTimer;
  private lastRequest: RequestId = 0;
  private isScheduled = false;
  private isApplyingSoon = false;
  private isRunning = false;
  private isClosed = false;
  private arePeersStale = false;
  private tickedAtMs: number;
  private ticks = 0;
  private resignedUntilMs = 0;
  private diskHere: DiskRoom = "room";

  constructor(self: MemberId, world: GroupWorld) {
    this.self = self;
    this.world = world;
    const { rng, timers, clock } = world;
    this.node = new RaftNode({ self, settings: DEFAULT_SETTINGS, rng, lagMsMax: LAG_MS_MAX });
    this.gone = new GoneLogs(world);
    this.sweeper = new Sweeper(world, LOG_MEMBER);
    this.receiver = new SnapshotReceiver(world, this.sweeper);
    this.sender = new SnapshotSender({
      self,
      world,
      ask: (to, message) => this.ask(to, "bulk", message),
      replica: (group) => this.replicas.get(group),
      sent: (group, report) => {
        this.node.step(group, { kind: "snapshot-sent", ...report });
        this.schedule();
      },
    });
    this.tickedAtMs = clock.monotonicMs();
    this.stopTicking = timers.every(tickMs, () => this.tick());
  }

  /** Starts a replica. Throws STORE_DAMAGED or STORE_SUSPECT if the store cannot be read. */
  open(options: GroupOptions): Group {
    assert(!this.replicas.has(options.group), `group ${options.group} is open already`);
    const replica = new Replica(this, options);
    this.replicas.set(options.group, replica);
    this.configChanged();
    this.schedule();
    return replica;
  }

  /** True if the store holds a replica of this group, open or not. Throws STORE_DAMAGED. */
  holds(id: GroupId): boolean {
    return this.replicas.has(id) || this.gone.isThere(id);
  }

  /** The replica of this group, if it is open. */
  group(id: GroupId): Group | undefined {
    return this.replicas.get(id);
  }

  closed(replica: Replica): void {
    this.replicas.delete(replica.id);
    this.restless.delete(replica);
    this.talkative.delete(replica);
    this.applying.delete(replica);
    this.receiver.drop(replica.id);
    this.configChanged();
  }

  /** Gives leadership away and takes none for so long; 0 ends that. */
  resign(forMs: number): void {
    this.resignedUntilMs = this.world.clock.monotonicMs() + forMs;
    this.reconsider();
  }

  /** What its disk can take now: who is full leads only what nobody else can lead. */
  setDisk(disk: DiskRoom): void {
    if (disk === this.diskHere) return;
    this.diskHere = disk;
    this.reconsider();
  }

  /** Something has changed about which groups this member shall lead. */
  private reconsider(): void {
    for (const replica of this.replicas.values()) {
      replica.leading.prefer();
      this.restless.add(replica);
    }
    this.steer();
    this.schedule();
  }

  /** True while it takes no leadership. */
  get isResigned(): boolean {
    return this.world.clock.monotonicMs() < this.resignedUntilMs;
  }

  get disk(): DiskRoom {
    return this.diskHere;
  }

  /** Ends all groups and timers; what is on its way to the disk still gets there. */
  close(): void {
    this.isClosed = true;
    this.stopTicking();
    for (const replica of [...this.replicas.values()]) replica.close();
  }

  /** For metrics. */
  stats(): HostStats {
    return statsOf(this.replicas.values(), { awake: this.node.awakeCount, board: this.board });
  }

  // ---- For its replicas

  nowMs(): number {
    return this.world.clock.monotonicMs();
  }

  nextRequest(): RequestId {
    this.lastRequest += 1;
    return this.lastRequest;
  }

  schedule(): void {
    if (this.isScheduled || this.isRunning || this.isClosed) return;
    this.isScheduled = true;
    this.world.timers.endOfTurn(() => {
      this.isScheduled = false;
      this.turn();
    });
  }

  hasCommands(replica: Replica): void {
    this.talkative.add(replica);
    this.schedule();
  }

  /**
   * Entries are applied in a turn of their own: what was written and sent meanwhile is on its way.
   */
  hasEntries(replica: Replica): void {
    this.applying.add(replica);
    if (this.isApplyingSoon || this.isClosed) return;
    this.isApplyingSoon = true;
    this.world.timers.endOfTurn(() => {
      this.isApplyingSoon = false;
      this.applyTurn();
    });
  }

  configChanged(): void {
    this.arePeersStale = true;
  }

  unsettled(replica: Replica): void {
    this.restless.add(replica);
  }

  commit(writes: readonly StoreWrite[]): void {
    this.world.committer.add(LOG_MEMBER, writes);
  }

  sweep(number: number): void {
    this.sweeper.sweep(number);
  }

  // ---- A turn

  private turn(): void {
    if (this.isClosed) return;
    this.isRunning = true;
    const { clock } = this.world;
    const startedAtMs = clock.monotonicMs();
    for (const replica of this.talkative) replica.flushQueue();
    this.talkative.clear();
    while (this.node.hasEffects && clock.monotonicMs() - startedAtMs < TURN_MS) {
      this.follow(this.node.take());
    }
    if (this.arePeersStale) this.refreshPeers();
    this.isRunning = false;
    // Commands that were proposed while the turn told somebody of others are of the next one.
    if (this.node.hasEffects || this.talkative.size > 0) this.schedule();
  }

  private applyTurn(): void {
    if (this.isClosed) return;
    this.isRunning = true;
    const { clock } = this.world;
    const startedAtMs = clock.monotonicMs();
    const isOver = (): boolean => clock.monotonicMs() - startedAtMs >= APPLY_MS;
    const replicas = [...this.applying];
    this.applying.clear();
    for (const replica of replicas) if (replica.applySome(isOver)) this.hasEntries(replica);
    this.isRunning = false;
    if (this.node.hasEffects || this.talkative.size > 0) this.schedule();
  }

  private follow(effects: NodeEffects): void {
    this.send(effects.send);
    if (effects.persist !== undefined) this.persist(effects.persist);
    for (const { group, effects: own } of effects.groups) {
      const replica = this.replicas.get(group);
      if (replica === undefined) continue;
      replica.take(own);
      for (const request of own.snapshots) this.sender.start(group, request);
      for (const handle of own.discard) this.receiver.discard(group, handle);
    }
  }

  private persist(persist: NodePersist): void {
    const written: { readonly replica: Replica; readonly run: number; readonly at: number }[] = [];
    for (const [at, record] of persist.records.entries()) {
      const replica = this.replicas.get(record.group);
      if (replica === undefined) continue;
      const writes = replica.writesOf(record.persist, this.placeOf(replica, record));
      if (writes.length > 0) this.commit(writes);
      written.push({ replica, run: replica.runOfWrites, at });
    }
    this.world.committer.whenDurable(() => {
      if (this.isClosed) return;
      for (const { replica, run, at } of written) {
        const record = persist.records[at];
        if (record !== undefined) replica.wrote(record.persist, run);
      }
      this.send(persist.then);
      this.node.persisted(persist.id);
      this.schedule();
    });
  }

  /** Where the state will be, if the write takes over a snapshot. */
  private placeOf(
    replica: Replica,
    { persist }: NodePersist["records"][number],
  ): StatePlace | undefined {
    if (persist.snapshot === undefined) return undefined;
    return this.receiver.take(replica.id, persist.snapshot.handle);
  }

  // ---- Peers

  private send(outbox: Outbox): void {
    for (const [to, messages] of outbox) {
      if (!this.board.mayTake(to)) {
        this.unreachable(to, messages);
        continue;
      }
      for (const part of partsOf(messages)) {
        const frame = encodeFrame({ from: this.self, to, messages: part });
        this.speak(to, "control", { kind: "frame", frame }, (answer) => {
          if (answer === undefined) this.unreachable(to, part);
        });
      }
    }
  }

  /** Appends among these are probably lost; what else is, the core asks for again by itself. */
  private unreachable(to: MemberId, messages: readonly GroupMessage[]): void {
    for (const { group, message } of messages) {
      if (message.kind !== "append") continue;
      this.node.step(group, { kind: "unreachable", member: to });
      this.schedule();
    }
  }

  private speak(
    to: MemberId,
    lane: Lane,
    message: HostMessage,
    answered: (isTaken: boolean | undefined) => void,
  ): void {
    const { links, clock } = this.world;
    const payload = encodeMessage(message, this.note);
    const saidAtMs = clock.monotonicMs();
    this.board.spoke(to, payload.byteLength, saidAtMs);
    links.send(to, { lane, payload, timeoutMs: ANSWER_MS }, (bytes) => {
      if (this.isClosed) return;
      const nowMs = clock.monotonicMs();
      this.board.spoke(to, -payload.byteLength, nowMs);
      const answer = bytes === undefined ? undefined : decodeAnswer(bytes);
      if (answer !== undefined) this.heard(to, answer.note);
      else if (this.board.lost(to, saidAtMs, nowMs)) this.ping(to);
      answered(answer?.isTaken);
    });
  }

  private ask(to: MemberId, lane: Lane, message: HostMessage): Promise<boolean> {
    return new Promise((resolve) => {
      this.speak(to, lane, message, (isTaken) => resolve(isTaken === true));
    });
  }

  private get note(): PeerNote {
    return { isResigned: this.isResigned, disk: this.disk };
  }

  private heard(member: MemberId, note: PeerNote): void {
    const { wasDown, isNews } = this.board.heard(member, note, this.world.clock.monotonicMs());
    if (isNews) for (const replica of this.replicas.values()) this.restless.add(replica);
    if (!wasDown) return;
    this.world.log.info("member is there", { member });
    this.node.peerUp(member);
    this.schedule();
  }

  /**
   * A message of another member's host. The transport has authenticated that `from` is a member of
   * the collection.
   */
  receive(from: MemberId, payload: Uint8Array, answer: (payload: Uint8Array) => void): void {
    const decoded = decodeMessage(payload);
    if (decoded === undefined || this.isClosed) {
      answer(encodeAnswer(this.note, false));
      return;
    }
    this.heard(from, decoded.note);
    const done = (isTaken: boolean): void => answer(encodeAnswer(this.note, isTaken));
    const { message } = decoded;
    switch (message.kind) {
      case "ping":
        done(true);
        return;
      case "frame":
        done(this.receiveFrame(from, message.frame));
        return;
      case "removed": {
        const replica = this.replicas.get(message.group);
        if (replica === undefined) done(false);
        else replica.leading.hasLetGoOf(from, done);
        return;
      }
      case "begin":
      case "chunk":
        this.receiver.receive(this.replicas.get(message.group), message, done);
        return;
      case "end": {
        const frame = copyOf(message.frame);
        this.receiver.receive(this.replicas.get(message.group), message, (isTaken) => {
          if (isTaken) this.receiveFrame(from, frame);
          done(isTaken);
        });
        return;
      }
    }
  }

  private receiveFrame(from: MemberId, bytes: Uint8Array): boolean {
    // Entries live as long as the log; the bytes of the message belong to the link.
    const frame = decodeFrame(copyOf(bytes));
    if (frame.kind === "reject" || frame.value.from !== from || frame.value.to !== this.self) {
      this.world.log.warn("frame refused", { from, ...frame });
      return false;
    }
    for (const item of frame.value.messages) this.node.receive(item);
    this.schedule();
    return true;
  }

  private refreshPeers(): void {
    this.arePeersStale = false;
    const members = new Set<MemberId>();
    for (const { id } of this.replicas.values()) {
      const raft = this.node.group(id);
      if (raft === undefined) continue;
      for (const member of membersOf(raft.status().config)) members.add(member);
      if (raft.leader !== undefined) members.add(raft.leader);
    }
    members.delete(this.self);
    this.board.setPeers(members, this.world.clock.monotonicMs());
  }

  // ---- Time

  private tick(): void {
    const nowMs = this.world.clock.monotonicMs();
    const gapMs = nowMs - this.tickedAtMs;
    this.tickedAtMs = nowMs;
    this.ticks += 1;
    this.world.observer.loopLag(Math.max(0, gapMs - tickMs));
    if (this.arePeersStale) this.refreshPeers();
    this.lookAround(nowMs, Math.max(0, gapMs - tickMs));
    this.node.tick(nowMs);
    for (const replica of this.replicas.values()) if (replica.lingers) replica.tick();
    if (this.ticks % SAMPLE_TICKS === 0) {
      for (const replica of this.replicas.values()) if (replica.isLeading) replica.sample();
    }
    if (this.ticks % STEER_TICKS === 0) this.steer();
    if (this.ticks % ADRIFT_TICKS === 0) this.askForTheAdrift();
    this.schedule();
  }

  private steer(): void {
    for (const replica of this.restless) if (!replica.steer()) this.restless.delete(replica);
  }

  private askForTheAdrift(): void {
    for (const replica of this.replicas.values()) {
      if (!replica.leading.isAdrift) continue;
      for (const member of replica.leading.wanted.members) {
        this.speak(member, "control", { kind: "removed", group: replica.id }, (isSo) => {
          if (isSo === true) replica.letGo();
        });
      }
    }
  }

  private lookAround(nowMs: number, lateMs: number): void {
    const { down, toPing } = this.board.look(nowMs, lateMs);
    for (const member of down) {
      this.world.log.warn("member is not heard", { member });
      this.node.peerDown(member);
    }
    for (const member of toPing) this.ping(member);
  }

  private ping(member: MemberId): void {
    this.speak(member, "control", { kind: "ping" }, () => undefined);
  }
}
