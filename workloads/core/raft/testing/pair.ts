// The same trace on two clusters of three: ours, and one of the published port of etcd's core. Links
// are queues that are emptied as a whole, so that the two may differ in how many messages they need.
// Everything is done at once: writes, applies, changes of members. What is compared after each step
// is what the protocol is about: role, term, vote, leader, commit index, configuration and log.

import type * as loggerTypes from "@coaty/consensus.raft/ported/logger.js";
import type * as nodeTypes from "@coaty/consensus.raft/ported/node.js";
import type * as pbTypes from "@coaty/consensus.raft/ported/raftpb/raft.pb.js";
import type * as raftTypes from "@coaty/consensus.raft/ported/raft.js";
import type * as rawNodeTypes from "@coaty/consensus.raft/ported/rawnode.js";
import type * as storageTypes from "@coaty/consensus.raft/ported/storage.js";

import { assert } from "#api/base/index.ts";

import type { Effects, Input, MemberId, Message, SnapshotHandle } from "../index.ts";
import {
  DEFAULT_SETTINGS,
  foundingBase,
  makeConfiguration,
  MemoryLog,
  RaftGroup,
  snapshotMessage,
} from "../index.ts";

// Loaded by Node itself: the port comes with a messaging framework, which takes a test runner many
// seconds to go through, and none of it is used.
const { createRequire } = process.getBuiltinModule("node:module");
const require = createRequire(import.meta.url);
const load = (name: string): unknown => require(`@coaty/consensus.raft/ported/${name}`);
const loggerModule = load("logger") as typeof loggerTypes;
const nodeModule = load("node") as typeof nodeTypes;
const pbModule = load("raftpb/raft.pb") as typeof pbTypes;
const raftModule = load("raft") as typeof raftTypes;
const rawNodeModule = load("rawnode") as typeof rawNodeTypes;
const storageModule = load("storage") as typeof storageTypes;

const { RaftConfig, ReadOnlyOption } = raftModule;
const { RawNode } = rawNodeModule;
const { MemoryStorage } = storageModule;
const { ConfChange, ConfChangeType, ConfState, Entry, EntryType, MessageType, Snapshot } = pbModule;

type TheirMessage = InstanceType<typeof pbModule.Message>;

/** What is compared. */
export interface Seen {
  readonly role: string;
  readonly term: number;
  readonly vote: string;
  readonly leader: string;
  readonly commit: number;
  readonly voters: string;
  readonly log: string;
}

/** The members of both. */
export const MEMBERS = ["n1", "n2", "n3"] as MemberId[];
const ELECTION_TICKS = 5;
const HEARTBEAT_TICKS = 1;

/** One of the two clusters. */
export interface Side {
  tick(id: MemberId): void;
  campaign(id: MemberId): void;
  propose(id: MemberId, data: string): void;
  transfer(id: MemberId, to: MemberId): void;
  changeLearner(id: MemberId, member: MemberId, add: boolean): void;
  compact(id: MemberId): void;
  /** Delivers all that is on its way from one to the other. */
  deliver(from: MemberId, to: MemberId): void;
  drop(from: MemberId, to: MemberId): void;
  seen(id: MemberId): Seen;
}

/** The options both are made with. */
export interface PairOptions {
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
}

class Links<M> {
  private readonly queues = new Map<string, M[]>();

  push(from: string, to: string, message: M): void {
    const key = `${from}>${to}`;
    this.queues.set(key, [...(this.queues.get(key) ?? []), message]);
  }

  take(from: string, to: string): readonly M[] {
    const key = `${from}>${to}`;
    const all = this.queues.get(key) ?? [];
    this.queues.delete(key);
    return all;
  }
}

/** Our cluster. */
export class OurSide implements Side {
  private readonly links = new Links<Message>();
  private readonly groups = new Map<MemberId, RaftGroup>();
  private readonly logs = new Map<MemberId, MemoryLog>();
  private readonly tellsNewerTerm: boolean;
  private nextId = 1;

  constructor(options: PairOptions) {
    this.tellsNewerTerm = options.preVote || options.checkQuorum;
    for (const self of MEMBERS) {
      const log = new MemoryLog(foundingBase(makeConfiguration(MEMBERS)));
      const settings = {
        ...DEFAULT_SETTINGS,
        ...options,
        electionTicks: ELECTION_TICKS,
        heartbeatTicks: HEARTBEAT_TICKS,
        // Levels are ours alone.
        supports: 1,
        forwardProposals: false,
      };
      const rng = { next: () => 0, bytes: (count: number) => new Uint8Array(count) };
      const start = { self, settings, rng, view: log, hard: log.hard, applied: 0 };
      this.groups.set(self, new RaftGroup(start));
      this.logs.set(self, log);
    }
  }

  private group(id: MemberId): RaftGroup {
    const group = this.groups.get(id);
    assert(group !== undefined, `no member ${id}`);
    return group;
  }

  private log(id: MemberId): MemoryLog {
    const log = this.logs.get(id);
    assert(log !== undefined, `no member ${id}`);
    return log;
  }

  private step(id: MemberId, input: Input): void {
    this.group(id).step(input);
    while (this.work(id));
  }

  private work(id: MemberId): boolean {
    const group = this.group(id);
    const effects = group.take();
    this.sendAll(effects.send);
    this.sendSnapshots(id, effects);
    if (effects.persist !== undefined) {
      this.log(id).write(effects.persist);
      this.sendAll(effects.persist.then);
      group.step({ kind: "persisted", id: effects.persist.id });
    }
    const last = effects.apply.at(-1);
    if (last !== undefined) group.step({ kind: "applied", index: last.index });
    return effects.persist !== undefined || last !== undefined;
  }

  private sendAll(messages: readonly Message[]): void {
    for (const message of messages) this.links.push(message.from, message.to, message);
  }

  private sendSnapshots(id: MemberId, effects: Effects): void {
    for (const request of effects.snapshots) {
      // The port sends the snapshot it last compacted at.
      const base = this.log(id).base();
      const message = snapshotMessage(id, request, { base, handle: "s" as SnapshotHandle });
      this.sendAll([message]);
    }
  }

  tick(id: MemberId): void {
    this.step(id, { kind: "tick", nowMs: 0 });
  }

  campaign(id: MemberId): void {
    this.step(id, { kind: "campaign" });
  }

  propose(id: MemberId, data: string): void {
    this.step(id, { kind: "propose", id: this.nextId, data: new TextEncoder().encode(data) });
    this.nextId += 1;
  }

  transfer(id: MemberId, target: MemberId): void {
    if (this.group(id).isLeader) this.step(id, { kind: "transfer", target });
  }

  changeLearner(id: MemberId, member: MemberId, add: boolean): void {
    const changes = [{ kind: add ? "add-learner" : "remove", member } as const];
    const change = { transition: "auto", changes } as const;
    this.step(id, { kind: "change", id: this.nextId, change });
    this.nextId += 1;
  }

  compact(id: MemberId): void {
    this.step(id, { kind: "compact", index: this.group(id).status().applied });
  }

  deliver(from: MemberId, to: MemberId): void {
    for (const message of this.links.take(from, to)) {
      // Difference: an old leader is told of a newer term whatever the options are.
      if (message.kind === "newer-term" && !this.tellsNewerTerm) continue;
      // Difference: our votes tell what is committed. Left out here, to compare the rest.
      const isReply = message.kind === "vote-reply" || message.kind === "pre-vote-reply";
      const plain = isReply ? { ...message, commitTerm: 0 } : message;
      this.step(to, { kind: "receive", message: plain });
      if (message.kind !== "snapshot") continue;
      const { index } = message.base;
      this.step(from, { kind: "snapshot-sent", to, index, delivered: true });
    }
  }

  drop(from: MemberId, to: MemberId): void {
    this.links.take(from, to);
  }

  /** True if a change of members would be taken by both: ours asks for more. */
  mayChange(id: MemberId): boolean {
    const { role, committed, last, term, transferee } = this.group(id).status();
    const isQuiet = role === "leader" && committed === last && transferee === undefined;
    return isQuiet && this.log(id).term(committed) === term;
  }

  isLeader(id: MemberId): boolean {
    return this.group(id).isLeader;
  }

  seen(id: MemberId): Seen {
    const { role, term, vote, leader, committed, config } = this.group(id).status();
    const log = this.log(id);
    const first = log.base().index + 1;
    const entries = log.entries(first, log.lastIndex(), Number.MAX_SAFE_INTEGER) ?? [];
    return {
      role,
      term,
      vote: vote ?? "",
      leader: leader ?? "",
      commit: committed,
      voters: `${config.voters.join(" ")} | ${config.learners.join(" ")}`,
      log: entries
        .map(({ index, term: at, kind, data }) =>
          describe(index, at, kind === "command" ? new TextDecoder().decode(data) : kind),
        )
        .join(" "),
    };
  }
}

/** The cluster of the published port. */
export class TheirSide implements Side {
  private readonly links = new Links<TheirMessage>();
  private readonly nodes = new Map<MemberId, InstanceType<typeof RawNode>>();
  private readonly storages = new Map<MemberId, InstanceType<typeof MemoryStorage>>();
  private readonly confStates = new Map<MemberId, InstanceType<typeof ConfState>>();

  constructor(options: PairOptions) {
    for (const id of MEMBERS) {
      const confState = new ConfState({ voters: [...MEMBERS] });
      const storage = new MemoryStorage({
        snapshot: new Snapshot({ metadata: { index: 1, term: 0, confState } }),
        ents: [new Entry({ index: 1, term: 0 })],
      });
      const config = new RaftConfig({
        id,
        electionTick: ELECTION_TICKS,
        heartbeatTick: HEARTBEAT_TICKS,
        storage,
        maxSizePerMsg: DEFAULT_SETTINGS.appendBytesMax,
        maxInflightMsgs: DEFAULT_SETTINGS.inflightMessagesMax,
        readOnlyOption: ReadOnlyOption.ReadOnlySafe,
        disableProposalForwarding: true,
        logger: loggerModule.discardLogger,
        ...options,
      });
      loggerModule.setLogger(loggerModule.discardLogger);
      this.storages.set(id, storage);
      this.confStates.set(id, confState);
      this.nodes.set(id, RawNode.NewRawNode(config));
      this.fixTimeout(id);
    }
  }

  private node(id: MemberId): InstanceType<typeof RawNode> {
    const node = this.nodes.get(id);
    assert(node !== undefined, `no member ${id}`);
    return node;
  }

  private storage(id: MemberId): InstanceType<typeof MemoryStorage> {
    const storage = this.storages.get(id);
    assert(storage !== undefined, `no member ${id}`);
    return storage;
  }

  /** Its timeouts come from Math.random; ours are always the shortest here. */
  private fixTimeout(id: MemberId): void {
    this.node(id).raft.randomizedElectionTimeout = ELECTION_TICKS;
  }

  private work(id: MemberId): void {
    const node = this.node(id);
    const storage = this.storage(id);
    while (node.hasReady()) {
      const ready = node.ready();
      if (!ready.hardState.isEmptyHardState()) storage.SetHardState(ready.hardState);
      if (!ready.snapshot.isEmptySnap()) {
        storage.ApplySnapshot(ready.snapshot);
        this.confStates.set(id, ready.snapshot.metadata.confState);
      }
      storage.Append(ready.entries);
      for (const message of ready.messages) this.send(id, message);
      for (const entry of ready.committedEntries) {
        if (entry.type !== EntryType.EntryConfChange) continue;
        const change: unknown = JSON.parse(String(entry.data));
        this.confStates.set(id, node.applyConfChange(new ConfChange(change as object)));
      }
      node.advance(ready);
    }
    this.fixTimeout(id);
  }

  private send(id: MemberId, message: TheirMessage): void {
    // A copy, because its messages share what is changed later: the snapshot of the storage.
    const copy = new pbModule.Message(message);
    if (message.type === MessageType.MsgSnap) {
      const { index, term, confState } = message.snapshot.metadata;
      copy.snapshot = new Snapshot({ metadata: { index, term, confState } });
    }
    this.links.push(id, message.to, copy);
  }

  tick(id: MemberId): void {
    this.node(id).tick();
    this.work(id);
  }

  campaign(id: MemberId): void {
    this.node(id).campaign();
    this.work(id);
  }

  propose(id: MemberId, data: string): void {
    this.node(id).propose(data);
    this.work(id);
  }

  transfer(id: MemberId, target: MemberId): void {
    if (this.node(id).raft.lead === id) this.node(id).transferLeader(target);
    this.work(id);
  }

  changeLearner(id: MemberId, member: MemberId, add: boolean): void {
    const type = add
      ? ConfChangeType.ConfChangeAddLearnerNode
      : ConfChangeType.ConfChangeRemoveNode;
    const change = new ConfChange({ type, nodeId: member });
    const entry = new Entry({ type: EntryType.EntryConfChange, data: JSON.stringify(change) });
    const message = new pbModule.Message({ type: MessageType.MsgProp, from: id, entries: [entry] });
    this.node(id).raft.Step(message);
    this.work(id);
  }

  compact(id: MemberId): void {
    const { applied } = this.node(id).raft.raftLog;
    const storage = this.storage(id);
    if (applied <= storage.snapshot.metadata.index) return;
    storage.CreateSnapshot(applied, this.confStates.get(id) ?? null, "");
    storage.Compact(applied);
  }

  deliver(from: MemberId, to: MemberId): void {
    for (const message of this.links.take(from, to)) {
      this.node(to).step(message);
      this.work(to);
      if (message.type !== MessageType.MsgSnap) continue;
      this.node(from).reportSnapshot(to, nodeModule.SnapshotStatus.SnapshotFinish);
      this.work(from);
    }
  }

  drop(from: MemberId, to: MemberId): void {
    this.links.take(from, to);
  }

  seen(id: MemberId): Seen {
    const { raft } = this.node(id);
    const roles = ["follower", "candidate", "leader", "pre-candidate"];
    const conf = this.confStates.get(id);
    return {
      role: roles[raft.state] ?? "?",
      term: raft.term,
      vote: raft.vote,
      leader: raft.lead,
      commit: raft.raftLog.committed,
      voters: `${[...(conf?.voters ?? [])].sort().join(" ")} | ${[...(conf?.learners ?? [])].sort().join(" ")}`,
      log: this.storage(id)
        .ents.slice(1)
        .map(({ index, term, type, data }) => {
          const isConfig = type === EntryType.EntryConfChange;
          return describe(
            index,
            term,
            isConfig ? "config" : data === null ? "empty" : String(data),
          );
        })
        .join(" "),
    };
  }
}

function describe(index: number, term: number, what: string): string {
  return `${index}@${term}${what}`;
}
