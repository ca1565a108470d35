// A group of up to five members in one process, with a network that loses, repeats, reorders and
// cuts, disks that lag behind, crashes that keep some of the unfinished writes, damaged logs, and
// clocks that tick unevenly. Every step is checked against the promises of Raft; a broken promise
// throws. What happens is decided by the caller's numbers alone.
import type { Rng } from "#api/base/index.ts";
import { assert } from "#api/base/index.ts";

import type {
  ConfigChange,
  Effects,
  Entry,
  LogIndex,
  MemberChange,
  MemberId,
  Message,
  Persist,
  ProposalOutcome,
  RaftSettings,
  RequestId,
  SnapshotHandle,
} from "../index.ts";
import {
  DEFAULT_SETTINGS,
  foundingBase,
  joiningBase,
  makeConfiguration,
  MemoryLog,
  RaftGroup,
  snapshotMessage,
} from "../index.ts";
import { checkLogMatching, Promises } from "./promises.ts";
import { stateAfter } from "./state.ts";
import type { AppliedState } from "./state.ts";

/** Who asks the members for something, and what they hear of it. Numbers of requests are unique. */
export interface ClusterClients {
  /** Data of the proposal `id`, which a member is about to make. */
  command(id: RequestId, member: MemberId, nowMs: number): Uint8Array;
  proposed(outcome: ProposalOutcome, appliedIndex: LogIndex): void;
  /** An entry is applied for the first time. */
  chosen(entry: Entry): void;
  /** The member's state is that after `index`. */
  applied(member: MemberId, index: LogIndex): void;
  /** The member is about to read. */
  reads(id: RequestId, member: MemberId): void;
  /** It read the state after `index`; without one it did not. */
  read(id: RequestId, index: LogIndex | undefined): void;
  /** The member forgot everything that it had not written. */
  crashed(member: MemberId): void;
}

/** What a cluster may be given beside its members. */
export interface ClusterOptions {
  readonly settings?: Partial<RaftSettings>;
  readonly clients?: ClusterClients;
  /** Hears of everything that happens, as lines. */
  readonly trace?: (line: string) => void;
}

interface Node {
  readonly id: MemberId;
  /** Monotonic clocks of two machines have nothing to do with each other. */
  readonly clockOffsetMs: number;
  log: MemoryLog;
  raft: RaftGroup | undefined;
  writes: Persist[];
  applies: (readonly Entry[])[];
  state: AppliedState;
  /** What a restart begins with. */
  checkpoint: AppliedState;
  tickedAtMs: number;
  /** Its event loop stands still so long. */
  stalledUntilMs: number;
  reads: Map<number, LogIndex>;
}

interface Flight {
  readonly message: Message;
  /** Who must hear what became of the snapshot in this message. */
  readonly report: MemberId | undefined;
}

const TICK_MS = 10;
const STALL_MS_MAX = 250;
/** The clock of member n is ahead by so much times n. */
const CLOCK_STEP_MS = 1_000;
const SETTINGS: RaftSettings = {
  ...DEFAULT_SETTINGS,
  tickMs: TICK_MS,
  electionTicks: 6,
  heartbeatTicks: 2,
  leaseReads: true,
  leaseDriftMs: 5,
  appendBytesMax: 64,
  inflightMessagesMax: 4,
  applyBytesMax: 64,
  quiesceTicks: 12,
};
const UNIVERSE = ["n1", "n2", "n3", "n4", "n5"] as MemberId[];
const START: AppliedState = { index: 1, digest: 1 };

/** See the top of the file. */
export class Cluster {
  private readonly nodes = new Map<MemberId, Node>();
  private flights: Flight[] = [];
  private readonly cuts = new Set<string>();
  private readonly rng: Rng;
  private nowMs = 0;
  private nextId = 1;
  private readonly snapshots = new Map<SnapshotHandle, AppliedState>();
  private readonly promises = new Promises();
  private readonly settings: RaftSettings;
  private readonly clients: ClusterClients | undefined;
  private readonly trace: ((line: string) => void) | undefined;
  /** Highest index that anybody applied: what a client may have been told. */
  acknowledged = 1;
  /** Counts of what happened, so that a test can see that it did. */
  readonly seen = {
    elections: 0,
    applied: 0,
    reads: 0,
    leaseReads: 0,
    snapshots: 0,
    changes: 0,
    healed: 0,
  };

  constructor(rng: Rng, voterCount: number, learnerCount = 0, options: ClusterOptions = {}) {
    this.rng = rng;
    this.settings = { ...SETTINGS, ...options.settings };
    this.clients = options.clients;
    this.trace = options.trace;
    const voters = UNIVERSE.slice(0, voterCount);
    const learners = UNIVERSE.slice(voterCount, voterCount + learnerCount);
    const founding = foundingBase(makeConfiguration(voters, learners));
    for (const [at, id] of UNIVERSE.entries()) {
      const isFounder = voters.includes(id) || learners.includes(id);
      const log = new MemoryLog(isFounder ? founding : joiningBase());
      const state = isFounder ? START : { index: 0, digest: 0 };
      this.nodes.set(id, {
        id,
        clockOffsetMs: CLOCK_STEP_MS * at,
        log,
        raft: undefined,
        writes: [],
        applies: [],
        state,
        checkpoint: state,
        tickedAtMs: 0,
        stalledUntilMs: 0,
        reads: new Map(),
      });
      this.boot(this.node(id), false);
    }
  }

  private node(id: MemberId): Node {
    const node = this.nodes.get(id);
    assert(node !== undefined, `no member ${id}`);
    return node;
  }

  private boot(node: Node, damaged: boolean): void {
    const { id: self, log } = node;
    const hard = log.hard;
    const applied = node.checkpoint.index;
    node.state = node.checkpoint;
    node.raft = new RaftGroup({
      self,
      settings: this.settings,
      rng: this.rng,
      view: log,
      hard,
      applied,
      damaged,
    });
    node.tickedAtMs = this.nowMs;
    this.work(node);
  }

  /** One action, chosen and aimed by three numbers; what is impossible does nothing. Its name. */
  act(what: number, a: number, b: number): string {
    const node = this.node(pick(UNIVERSE, a));
    const kinds: readonly [number, string, () => void][] = [
      [40, "deliver", () => this.deliver(a * 7 + b)],
      [14, "time", () => this.passTime(1 + (b % 12))],
      [12, "written", () => this.finishWrite(this.oneOf(a, (at) => at.writes.length > 0) ?? node)],
      [10, "apply", () => this.finishApply(this.oneOf(a, (at) => at.applies.length > 0) ?? node)],
      [8, "propose", () => this.propose(this.likelyLeader(a, b))],
      [4, "read", () => this.read(this.likelyLeader(a, b), b % 2 === 0 ? "lease" : "quorum")],
      [4, "lose", () => this.lose(a * 7 + b)],
      [3, "repeat", () => this.repeat(a * 7 + b)],
      [2, "crash", () => this.crash(node, b)],
      [2, "restart", () => this.restart(node)],
      [2, "cut", () => this.cutOff(node.id, pick(UNIVERSE, b))],
      [3, "heal", () => this.cuts.clear()],
      [2, "change", () => this.change(this.likelyLeader(a, b >> 7), b)],
      [2, "compact", () => this.compact(this.likelyLeader(a, b))],
      [1, "transfer", () => this.transfer(this.likelyLeader(a, b >> 9), pick(UNIVERSE, b))],
      [1, "damage", () => this.damage(node, b)],
      [1, "link-down", () => this.linkDown(node, pick(UNIVERSE, b))],
      [1, "stall", () => this.stall(node, b)],
    ];
    let left = what % 112;
    const [, name, action] = kinds.find(([weight]) => (left -= weight) < 0) ?? [];
    if (name === undefined || action === undefined) return "none";
    this.trace?.(`${this.nowMs} ${name} ${node.id}`);
    action();
    this.work(node);
    return name;
  }

  private transfer(node: Node, target: MemberId): void {
    node.raft?.step({ kind: "transfer", target });
  }

  /** Its event loop stands still: no tick, no message, no end of a write until it is over. */
  private stall(node: Node, b: number): void {
    node.stalledUntilMs = this.nowMs + (b % STALL_MS_MAX);
  }

  private isStalled(node: Node): boolean {
    return node.stalledUntilMs > this.nowMs;
  }

  private oneOf(a: number, isFit: (node: Node) => boolean): Node | undefined {
    const fit = [...this.nodes.values()].filter(isFit);
    return fit[a % Math.max(1, fit.length)];
  }

  /** Two times out of three somebody who leads, if there is one. */
  private likelyLeader(a: number, b: number): Node {
    const leader = this.oneOf(a, ({ raft }) => raft?.isLeader === true);
    return leader !== undefined && b % 3 > 0 ? leader : this.node(pick(UNIVERSE, a));
  }

  private passTime(ms: number): void {
    this.nowMs += ms;
    for (const node of this.nodes.values()) {
      if (node.raft === undefined || this.nowMs - node.tickedAtMs < TICK_MS) continue;
      if (this.isStalled(node)) continue;
      // Some ticks come late, and then count once.
      if (this.rng.next() < 0.2) continue;
      node.tickedAtMs = this.nowMs;
      node.raft.step({ kind: "tick", nowMs: this.nowMs + node.clockOffsetMs });
      this.work(node);
    }
  }

  private deliver(at: number): void {
    const flight = this.flights.splice(at % Math.max(1, this.flights.length), 1)[0];
    if (flight === undefined) return;
    const { message } = flight;
    const to = this.nodes.get(message.to);
    const isCut = this.cuts.has(`${message.from}>${message.to}`);
    if (to !== undefined && this.isStalled(to)) {
      this.flights.push(flight);
      return;
    }
    if (to?.raft === undefined || isCut) {
      this.report(flight, false);
      return;
    }
    this.trace?.(`  ${message.from} > ${message.to} ${message.kind} term ${message.term}`);
    to.raft.step({ kind: "receive", message });
    this.report(flight, true);
    this.work(to);
  }

  private report(flight: Flight, delivered: boolean): void {
    const { message, report } = flight;
    if (report === undefined || message.kind !== "snapshot") return;
    const node = this.node(report);
    node.raft?.step({
      kind: "snapshot-sent",
      to: message.to,
      index: message.base.index,
      delivered,
    });
    this.work(node);
  }

  private lose(at: number): void {
    const flight = this.flights.splice(at % Math.max(1, this.flights.length), 1)[0];
    if (flight !== undefined) this.report(flight, false);
  }

  private repeat(at: number): void {
    const flight = this.flights[at % Math.max(1, this.flights.length)];
    if (flight !== undefined) this.flights.push({ message: flight.message, report: undefined });
  }

  private cutOff(from: MemberId, to: MemberId): void {
    this.cuts.add(`${from}>${to}`);
  }

  private linkDown(node: Node, peer: MemberId): void {
    node.raft?.step({ kind: "unreachable", member: peer });
    node.raft?.step({ kind: "peer-down", member: peer });
    node.raft?.step({ kind: "peer-up", member: peer });
  }

  private propose(node: Node): void {
    const id = this.nextId;
    this.nextId += 1;
    if (node.raft === undefined) return;
    const data = this.clients?.command(id, node.id, this.nowMs);
    node.raft.step({ kind: "propose", id, data: data ?? new Uint8Array([id & 255, id >> 8]) });
  }

  /** Tells the clients what a member has applied, as if it were a read; deliberately wrong. */
  readLocally(a: number): void {
    const node = this.node(pick(UNIVERSE, a));
    if (node.raft === undefined) return;
    const id = this.nextId;
    this.nextId += 1;
    this.clients?.reads(id, node.id);
    this.clients?.read(id, node.state.index);
  }

  private read(node: Node, mode: "lease" | "quorum"): void {
    const id = this.nextId;
    this.nextId += 1;
    if (node.raft === undefined) return;
    node.reads.set(id, this.acknowledged);
    this.clients?.reads(id, node.id);
    node.raft.step({ kind: "read", id, mode });
  }

  /** A change that somebody has in its log and somebody else does not know to be committed. */
  private isChangeUnderWay(voters: readonly MemberId[]): boolean {
    const nodes = voters.map((id) => this.node(id));
    const known = Math.min(...nodes.map(({ log }) => log.hard.commit));
    return nodes.some(({ log, writes }) => {
      const whole = log.copy();
      for (const write of writes) whole.write(write);
      const from = Math.max(known, whole.base().index) + 1;
      const entries = whole.entries(from, whole.lastIndex(), Number.MAX_SAFE_INTEGER) ?? [];
      return entries.some((entry) => entry.kind === "config");
    });
  }

  private isAnyoneSuspect(): boolean {
    return [...this.nodes.values()].some(({ log }) => log.hard.suspect);
  }

  private change(node: Node, b: number): void {
    if (this.isAnyoneSuspect()) return;
    const kinds = ["add-voter", "add-voter", "add-learner", "remove"] as const;
    const one: MemberChange = { kind: pick(kinds, b), member: pick(UNIVERSE, b >> 2) };
    const two: MemberChange = { kind: pick(kinds, b >> 3), member: pick(UNIVERSE, b >> 5) };
    const transitions = ["auto", "auto", "joint", "joint-explicit"] as const;
    const transition = pick(transitions, b >> 1);
    const isLeave = node.raft?.status().config.autoLeave === false && b % 3 === 0;
    const changes = isLeave ? [] : b % 5 === 0 ? [one, two] : [one];
    const change: ConfigChange = { transition, changes };
    node.raft?.step({ kind: "change", id: this.nextId, change });
    this.nextId += 1;
  }

  private compact(node: Node): void {
    if (node.raft === undefined) return;
    const { applied, stable } = node.raft.status();
    if (node.applies.length > 0 || stable < applied) return;
    node.checkpoint = node.state;
    node.raft.step({ kind: "compact", index: node.state.index });
  }

  /** Everything in memory is gone; of the writes under way the first few may have been done. */
  private crash(node: Node, b: number): void {
    if (node.raft === undefined) return;
    for (const write of node.writes.slice(0, b % 4)) this.write(node, write);
    node.raft = undefined;
    node.stalledUntilMs = 0;
    node.writes = [];
    node.applies = [];
    node.reads.clear();
    this.clients?.crashed(node.id);
  }

  private restart(node: Node): void {
    if (node.raft === undefined) this.boot(node, false);
  }

  /** The end of the log of one member is lost, unless another is still without its own. */
  private damage(node: Node, b: number): void {
    const { config } = this.config();
    const isSmall = config.voters.length < 3 || config.outgoing.length > 0;
    // A member that does not know of a change yet may need exactly the vote that is now missing.
    const isKnown = config.voters.every(
      (id) => JSON.stringify(this.node(id).raft?.status().config) === JSON.stringify(config),
    );
    if (this.isAnyoneSuspect() || isSmall || !isKnown || this.isChangeUnderWay(config.voters))
      return;
    this.crash(node, 0);
    const from = Math.max(node.checkpoint.index + 1, node.log.lastIndex() - (b % 6));
    node.log.cut(from);
    // The mark is durable before anything else happens, as a driver must make it. The loop that
    // stood still ended with the process.
    node.stalledUntilMs = 0;
    this.boot(node, true);
    while (node.writes.length > 0) this.finishWrite(node);
  }

  /** The configuration of whoever knows the latest. */
  private config(): ReturnType<RaftGroup["status"]> {
    let best: ReturnType<RaftGroup["status"]> | undefined;
    for (const { raft } of this.nodes.values()) {
      const status = raft?.status();
      if (status !== undefined && (best === undefined || status.committed > best.committed))
        best = status;
    }
    return best ?? this.emptyStatus();
  }

  private emptyStatus(): ReturnType<RaftGroup["status"]> {
    const node = this.node(pick(UNIVERSE, 0));
    this.boot(node, false);
    assert(node.raft !== undefined, "it was just booted");
    return node.raft.status();
  }

  private write(node: Node, write: Persist): void {
    node.log.write(write);
    const { snapshot } = write;
    if (snapshot === undefined) return;
    const state = this.snapshots.get(snapshot.handle);
    assert(state !== undefined, "a snapshot that was taken");
    node.checkpoint = state;
    this.seen.snapshots += 1;
  }

  private finishWrite(node: Node): void {
    if (this.isStalled(node)) return;
    const write = node.writes.shift();
    if (write === undefined || node.raft === undefined) return;
    this.write(node, write);
    if (write.snapshot !== undefined) {
      node.state = node.checkpoint;
      node.applies = [];
      this.clients?.applied(node.id, node.state.index);
    }
    for (const message of write.then) this.flights.push({ message, report: undefined });
    node.raft.step({ kind: "persisted", id: write.id });
    this.work(node);
  }

  private finishApply(node: Node): void {
    const entries = node.applies.shift();
    if (entries === undefined || node.raft === undefined) return;
    for (const entry of entries) this.applyOne(node, entry);
    this.clients?.applied(node.id, node.state.index);
    node.raft.step({ kind: "applied", index: node.state.index });
    this.work(node);
  }

  private applyOne(node: Node, entry: Entry): void {
    assert(entry.index === node.state.index + 1, `${node.id} applies out of order`);
    if (this.promises.applies(node.id, entry)) this.clients?.chosen(entry);
    node.state = stateAfter(node.state, entry);
    this.acknowledged = Math.max(this.acknowledged, entry.index);
    this.seen.applied += 1;
    this.trace?.(`  ${node.id} applies ${entry.index}@${entry.term}: ${node.state.digest}`);
  }

  /** Takes what follows and checks it. */
  private work(node: Node): void {
    const { raft } = node;
    if (raft === undefined) return;
    const effects = raft.take();
    for (const message of effects.send) this.flights.push({ message, report: undefined });
    if (effects.persist !== undefined) node.writes.push(effects.persist);
    if (effects.apply.length > 0) node.applies.push(effects.apply);
    for (const request of effects.snapshots) {
      const handle = `${node.id}@${node.state.index}#${this.nextId}` as SnapshotHandle;
      this.nextId += 1;
      this.snapshots.set(handle, node.state);
      const base = raft.baseAt(node.state.index);
      const message = snapshotMessage(node.id, request, { base, handle });
      this.flights.push({ message, report: node.id });
    }
    for (const outcome of effects.proposals) this.clients?.proposed(outcome, node.state.index);
    this.checkReads(node, effects);
    this.checkLeader(node, effects);
    for (const trace of effects.traces) {
      if (trace.kind === "config") this.seen.changes += 1;
      if (trace.kind === "suspect" && !trace.suspect) this.seen.healed += 1;
    }
    assert(effects.halted === undefined, `${node.id} halted: ${effects.halted}`);
    assert(this.flights.length < 20_000, "the network fills up");
  }

  private checkReads(node: Node, effects: Effects): void {
    for (const read of effects.reads) {
      const least = node.reads.get(read.id);
      node.reads.delete(read.id);
      const isLate =
        read.kind === "ready" &&
        (read.leaseUntilMs ?? Number.POSITIVE_INFINITY) <= this.nowMs + node.clockOffsetMs;
      if (read.kind === "refused" || least === undefined || isLate) {
        this.clients?.read(read.id, undefined);
        continue;
      }
      this.clients?.read(read.id, node.state.index);
      const how = read.leaseUntilMs === undefined ? "" : " by lease";
      assert(
        node.state.index >= least,
        `linearizable reads: ${node.id} reads${how} at ${node.state.index}, ${least} was acknowledged`,
      );
      this.seen.reads += 1;
      if (read.leaseUntilMs !== undefined) this.seen.leaseReads += 1;
    }
  }

  private checkLeader(node: Node, effects: Effects): void {
    if (effects.role?.role !== "leader") return;
    const { term } = effects.role;
    this.seen.elections += 1;
    const log = node.log.copy();
    for (const write of node.writes) log.write(write);
    this.promises.leads({ id: node.id, log }, term);
    this.trace?.(`  ${node.id} leads term ${term}`);
  }

  /** Log matching, of all members now. */
  checkLogs(): void {
    checkLogMatching([...this.nodes.values()]);
  }

  /**
   * Everything works again: a leader is found, a new entry is applied by every member, nothing that
   * was ever applied is missing, and a suspect member has healed.
   */
  recover(): void {
    this.cuts.clear();
    for (const node of this.nodes.values()) {
      node.stalledUntilMs = 0;
      this.restart(node);
    }
    const goal = (): boolean => {
      const { config } = this.config();
      const members = [...new Set([...config.voters, ...config.outgoing, ...config.learners])];
      const states = members.map((id) => this.node(id));
      const leader = states.find(({ raft }) => raft?.isLeader);
      const first = states[0];
      if (leader === undefined || first === undefined) return false;
      return (
        config.outgoing.length === 0 &&
        states.every(
          ({ state, log }) =>
            state.index === first.state.index &&
            state.digest === first.state.digest &&
            !log.hard.suspect,
        ) &&
        first.state.index >= this.acknowledged &&
        leader.raft?.status().last === first.state.index
      );
    };
    for (let round = 0; round < 600; round += 1) {
      if (round > 40 && goal()) return;
      this.fairRound(round);
    }
    const told = [...this.nodes.values()].map(({ raft }) => JSON.stringify(raft?.status()));
    assert(false, `no recovery:\n${told.join("\n")}`);
  }

  private fairRound(round: number): void {
    this.passTime(TICK_MS);
    for (let count = this.flights.length; count > 0; count -= 1) this.deliver(0);
    for (const node of this.nodes.values()) {
      while (node.writes.length > 0) this.finishWrite(node);
      while (node.applies.length > 0) this.finishApply(node);
      const status = node.raft?.status();
      if (status?.role !== "leader") continue;
      const isStuck = status.config.outgoing.length > 0 && !status.config.autoLeave;
      const change: ConfigChange = { transition: "auto", changes: [] };
      if (isStuck) node.raft?.step({ kind: "change", id: this.nextId++, change });
      if (round === 20) this.propose(node);
      this.work(node);
    }
  }
}

function pick<T>(list: readonly T[], at: number): T {
  const item = list[at % list.length];
  assert(item !== undefined, "lists to pick from are not empty");
  return item;
}
