// Plays a written scenario on groups in memory and tells, line by line, what they did. A scenario
// is a text: lines that begin with "> " are commands, the lines below each are what followed.
// `testdata/README.md` explains the commands. Nothing happens that no command asked for.
import type { Rng } from "#api/base/index.ts";
import { assert, utf8Decode, utf8Encode } from "#api/base/index.ts";

import { decodeConfigChange, decodeLevel } from "../entry-data.ts";
import type {
  ConfigChange,
  Effects,
  Input,
  MemberChange,
  Message,
  Persist,
  RaftSettings,
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
import type { Configuration, Entry, HardState, LogIndex, MemberId } from "../types.ts";

interface Node {
  readonly id: MemberId;
  group: RaftGroup;
  readonly log: MemoryLog;
  readonly settings: RaftSettings;
  readonly writes: Persist[];
  readonly applies: (readonly Entry[])[];
  async: boolean;
  written: HardState;
}

/** The lowest election timeout always: scenarios name every tick. */
const NO_RANDOMNESS: Rng = { next: () => 0, bytes: (count) => new Uint8Array(count) };

/** Plays a whole scenario: its text with what was seen instead of what was expected. */
export function playScenario(text: string): string {
  const play = new Interaction();
  const out: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("#") || line.trim() === "") out.push(line);
    if (!line.startsWith("> ")) continue;
    out.push(line);
    const seen = play.run(line.slice(2).trim().split(/\s+/));
    out.push(...seen.map((each) => `  ${each}`));
  }
  return `${out.join("\n").trimEnd()}\n`;
}

/** The groups of one scenario. */
class Interaction {
  private readonly nodes = new Map<MemberId, Node>();
  private readonly network: Message[] = [];
  private out: string[] = [];
  private isQuiet = false;
  private nextId = 1;

  run(words: readonly string[]): readonly string[] {
    this.out = [];
    const [command = "", ...args] = words;
    const run = this.commands[command];
    assert(run !== undefined, `no such command: ${command}`);
    run(args);
    if (command === "quiet" || command === "loud") this.isQuiet = command === "quiet";
    return this.isQuiet ? [] : this.out;
  }

  private readonly commands: Readonly<Record<string, (args: readonly string[]) => void>> = {
    quiet: () => undefined,
    loud: () => undefined,
    group: (args) => this.createGroup(args),
    join: (args) => this.createJoining(args),
    tick: ([id, count]) => {
      for (let n = 0; n < Number(count ?? 1); n += 1) {
        this.step(id, { kind: "tick", nowMs: 0 });
        this.take(id);
      }
    },
    campaign: ([id]) => this.stepAndTake(id, { kind: "campaign" }),
    propose: ([id, ...datas]) => {
      for (const data of datas) {
        this.step(id, { kind: "propose", id: this.id(), data: utf8Encode(data) });
      }
      this.take(id);
    },
    change: ([id, ...words]) => {
      this.stepAndTake(id, { kind: "change", id: this.id(), change: parseChange(words) });
    },
    read: ([id, mode]) => {
      this.stepAndTake(id, {
        kind: "read",
        id: this.id(),
        mode: mode === "lease" ? "lease" : "quorum",
      });
    },
    transfer: ([id, to]) => {
      this.stepAndTake(id, { kind: "transfer", target: member(to) });
    },
    unreachable: ([id, peer]) => {
      this.stepAndTake(id, { kind: "unreachable", member: member(peer) });
    },
    "peer-down": ([id, peer]) => {
      this.stepAndTake(id, { kind: "peer-down", member: member(peer) });
    },
    "peer-up": ([id, peer]) => this.stepAndTake(id, { kind: "peer-up", member: member(peer) }),
    compact: ([id, index]) => this.stepAndTake(id, { kind: "compact", index: Number(index) }),
    snapshot: ([id, to]) => this.sendSnapshot(member(id), member(to)),
    report: ([id, to, index, fate]) => {
      const report = { to: member(to), index: Number(index), delivered: fate === "delivered" };
      this.stepAndTake(id, { kind: "snapshot-sent", ...report });
    },
    async: ([id]) => {
      this.node(id).async = true;
    },
    disk: ([id]) => this.finishWrite(this.node(id)),
    apply: ([id]) => this.finishApply(this.node(id)),
    deliver: ([id, from, count]) => this.deliver(member(id), from, count),
    drop: ([id, from]) => this.drop(member(id), from),
    settle: (ids) => this.settle(ids),
    seed: ([id, ...terms]) => this.seed(this.node(id), terms.map(Number)),
    restart: ([id, how]) => this.restart(this.node(id), how),
    status: ([id]) => this.tellStatus(this.node(id)),
    log: ([id]) => this.tellLog(this.node(id)),
  };

  private id(): number {
    this.nextId += 1;
    return this.nextId - 1;
  }

  private node(id: string | undefined): Node {
    const node = this.nodes.get(member(id));
    assert(node !== undefined, `no member ${id}`);
    return node;
  }

  private createGroup(args: readonly string[]): void {
    const options = parseOptions(args);
    const voters = list(options["voters"]);
    const learners = list(options["learners"]);
    const config = makeConfiguration(voters, learners);
    const settings = parseSettings(options);
    for (const id of [...voters, ...learners]) {
      if (list(options["absent"]).includes(id)) continue;
      this.create(id, settings, new MemoryLog(foundingBase(config)));
    }
  }

  private createJoining(args: readonly string[]): void {
    const [id, ...rest] = args;
    this.create(member(id), parseSettings(parseOptions(rest)), new MemoryLog(joiningBase()));
  }

  private create(id: MemberId, settings: RaftSettings, log: MemoryLog): void {
    const start = { self: id, settings, rng: NO_RANDOMNESS, view: log };
    const group = new RaftGroup({ ...start, hard: log.hard, applied: 0 });
    const node = { id, group, log, settings, writes: [], applies: [], async: false };
    this.nodes.set(id, { ...node, written: log.hard });
  }

  /** Gives a member a durable log of entries with these terms, as if it had lived before. */
  private seed(node: Node, terms: readonly number[]): void {
    const first = node.log.base().index + 1;
    const entries = terms.map((term, at): Entry => {
      const data = utf8Encode(`${term}.${first + at}`);
      return { index: first + at, term, kind: "command", data };
    });
    const hard = { ...node.log.hard, term: terms.at(-1) ?? 0, commit: node.log.base().index };
    const none = { snapshot: undefined, base: undefined, sync: true, then: [] };
    node.log.write({ id: 0, hard, entries, ...none });
    node.written = hard;
    this.restart(node, undefined);
  }

  private restart(node: Node, how: string | undefined): void {
    const damaged = how?.startsWith("damaged@") ?? false;
    if (damaged) node.log.cut(Number(how?.slice("damaged@".length)));
    node.writes.length = 0;
    node.applies.length = 0;
    const { id: self, settings, log: view } = node;
    const start = { self, settings, rng: NO_RANDOMNESS, view, hard: view.hard, applied: 0 };
    node.group = new RaftGroup({ ...start, damaged });
    this.take(node.id);
  }

  private step(id: string | undefined, input: Input): void {
    this.node(id).group.step(input);
  }

  private stepAndTake(id: string | undefined, input: Input): void {
    this.step(id, input);
    this.take(id);
  }

  /** Takes and does everything, again and again unless writes and applies are to be asked for. */
  private take(id: string | undefined): void {
    const node = this.node(id);
    for (;;) {
      const effects = node.group.take();
      this.tell(node, effects);
      this.network.push(...effects.send);
      for (const request of effects.snapshots) this.sendSnapshot(node.id, request.to);
      if (effects.persist !== undefined) node.writes.push(effects.persist);
      if (effects.apply.length > 0) node.applies.push(effects.apply);
      if (node.async) return;
      if (effects.persist === undefined && effects.apply.length === 0) return;
      while (node.writes.length > 0) this.completeWrite(node);
      while (node.applies.length > 0) this.completeApply(node);
    }
  }

  private completeWrite(node: Node): void {
    const write = node.writes.shift();
    if (write === undefined) return;
    node.log.write(write);
    this.network.push(...write.then);
    node.group.step({ kind: "persisted", id: write.id });
  }

  private completeApply(node: Node): void {
    const index = node.applies.shift()?.at(-1)?.index ?? 0;
    node.group.step({ kind: "applied", index });
  }

  private finishWrite(node: Node): void {
    this.say(`${node.id} disk finishes write ${node.writes[0]?.id ?? "none"}`);
    for (const message of node.writes[0]?.then ?? []) this.say(`  sends ${describe(message)}`);
    this.completeWrite(node);
    this.take(node.id);
  }

  private finishApply(node: Node): void {
    this.say(`${node.id} applied up to ${node.applies[0]?.at(-1)?.index ?? "nothing"}`);
    this.completeApply(node);
    this.take(node.id);
  }

  private sendSnapshot(from: MemberId, to: MemberId): void {
    const { group } = this.node(from);
    const status = group.status();
    const base = group.baseAt(status.applied);
    const handle = `state@${base.index}` as SnapshotHandle;
    const request = { to, term: status.term, minIndex: 0 };
    const message = snapshotMessage(from, request, { base, handle });
    this.say(`${from} streams ${describe(message)}`);
    this.network.push(message);
  }

  private deliver(to: MemberId, from?: string, count?: string): void {
    let left = Number(count ?? Number.POSITIVE_INFINITY);
    const take = (message: Message): boolean =>
      message.to === to && (from === undefined || message.from === member(from)) && left-- > 0;
    const messages = this.pull(take);
    if (messages.length === 0) this.say(`nothing for ${to}`);
    for (const message of messages) {
      this.say(`${to} receives ${describe(message)}`);
      this.step(to, { kind: "receive", message });
    }
    this.take(to);
  }

  private drop(to: MemberId, from?: string): void {
    const take = (message: Message): boolean =>
      message.to === to && (from === undefined || message.from === member(from));
    for (const message of this.pull(take)) this.say(`lost: ${describe(message)}`);
  }

  private pull(take: (message: Message) => boolean): readonly Message[] {
    const pulled: Message[] = [];
    const left = this.network.filter((message) => {
      if (!take(message)) return true;
      pulled.push(message);
      return false;
    });
    this.network.splice(0, this.network.length, ...left);
    return pulled;
  }

  /** Delivers, writes and applies among these members until nothing moves. */
  private settle(ids: readonly string[]): void {
    const members = ids.length === 0 ? [...this.nodes.keys()] : ids.map(member);
    for (let moved = true; moved;) {
      moved = false;
      for (const id of members) moved = this.settleOne(id) || moved;
    }
  }

  private settleOne(id: MemberId): boolean {
    const node = this.nodes.get(id);
    if (node === undefined) return false;
    if (node.writes.length > 0) this.finishWrite(node);
    else if (node.applies.length > 0) this.finishApply(node);
    else if (this.network.some((message) => message.to === id)) this.deliver(id);
    else return false;
    return true;
  }

  private say(line: string): void {
    this.out.push(line);
  }

  private tell(node: Node, effects: Effects): void {
    const { id } = node;
    if (effects.role !== undefined) {
      const { role, term, leader } = effects.role;
      this.say(
        `${id} is ${role} in term ${term}${leader === undefined ? "" : `, leader ${leader}`}`,
      );
    }
    for (const trace of effects.traces) {
      if (trace.kind === "ignored") {
        this.say(`${id} ignores ${trace.message} from ${trace.from}: ${trace.reason}`);
      } else if (trace.kind === "config") {
        this.say(`${id} config at ${trace.index}: ${describeConfig(trace.config)}`);
      } else if (trace.kind === "stepped-down") {
        this.say(`${id} steps down: ${trace.reason}`);
      } else if (trace.kind === "level") this.say(`${id} level ${trace.level}`);
      else if (trace.kind === "suspect") this.say(`${id} suspect ${trace.suspect}`);
      else this.say(`${id} ${trace.kind}`);
    }
    for (const outcome of effects.proposals) {
      if (outcome.kind === "appended")
        this.say(`${id} proposal ${outcome.id} is ${outcome.index}@${outcome.term}`);
      else if (outcome.kind === "unknown") this.say(`${id} proposal ${outcome.id} unknown`);
      else this.say(`${id} proposal ${outcome.id} refused: ${outcome.reason}`);
    }
    this.tellPersist(node, effects.persist);
    for (const message of effects.send) this.say(`${id} sends ${describe(message)}`);
    for (const read of effects.reads) {
      this.say(
        `${id} read ${read.id} ${read.kind === "ready" ? `ready at ${read.index}` : `refused: ${read.reason}`}`,
      );
    }
    if (effects.apply.length > 0)
      this.say(`${id} applies ${effects.apply.map(describeEntry).join(" ")}`);
    if (effects.halted !== undefined) this.say(`${id} halted: ${effects.halted}`);
  }

  private tellPersist(node: Node, persist: Persist | undefined): void {
    if (persist === undefined) return;
    const { id, hard, entries, snapshot, base, then } = persist;
    const parts: string[] = [];
    if (snapshot !== undefined) parts.push(`snapshot ${snapshot.base.index}@${snapshot.base.term}`);
    if (entries.length > 0) parts.push(`entries ${entries.map(describeEntry).join(" ")}`);
    if (hard !== undefined) parts.push(describeHard(hard, node.written));
    if (base !== undefined) parts.push(`base ${base.index}@${base.term}`);
    if (hard !== undefined) node.written = hard;
    this.say(`${node.id} writes #${id} ${parts.join(", ")}`.trimEnd());
    for (const message of then) this.say(`  then ${describe(message)}`);
  }

  private tellStatus(node: Node): void {
    const status = node.group.status();
    this.say(
      `${node.id} ${status.role} term ${status.term} log ${status.first}..${status.last} ` +
        `committed ${status.committed} applied ${status.applied} ${describeConfig(status.config)}` +
        (status.stable < status.last ? ` durable to ${status.stable}` : "") +
        (status.suspect ? " suspect" : "") +
        (status.quiesced ? " quiesced" : ""),
    );
    for (const peer of status.members) {
      if (peer.member === node.id) continue;
      this.say(
        `  ${peer.member} ${peer.state} match ${peer.match} next ${peer.next}` +
          (peer.inflight > 0 ? ` inflight ${peer.inflight}` : "") +
          (peer.isPaused ? " paused" : "") +
          (peer.isActive ? "" : " inactive"),
      );
    }
  }

  private tellLog(node: Node): void {
    const { log } = node;
    const entries = log.entries(log.base().index + 1, log.lastIndex(), 1 << 30) ?? [];
    const base = log.base();
    this.say(`${node.id} ${base.index}@${base.term} | ${entries.map(describeEntry).join(" ")}`);
  }
}

function member(id: string | undefined): MemberId {
  assert(id !== undefined, "a member is named");
  return (/^\d+$/.test(id) ? `n${id}` : id) as MemberId;
}

function list(value: string | undefined): readonly MemberId[] {
  return value === undefined || value === "" ? [] : value.split(",").map(member);
}

function parseOptions(args: readonly string[]): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(args.map((arg) => arg.split("=", 2)));
}

function parseSettings(options: Readonly<Record<string, string | undefined>>): RaftSettings {
  const flag = (name: string): boolean => options[name] === "yes";
  const number = (name: string, otherwise: number): number => Number(options[name] ?? otherwise);
  return {
    ...DEFAULT_SETTINGS,
    electionTicks: number("election", 3),
    heartbeatTicks: 1,
    preVote: flag("prevote"),
    checkQuorum: flag("checkquorum"),
    leaseReads: flag("lease"),
    leaseDriftMs: 0,
    forwardProposals: options["forward"] !== "no",
    supports: number("supports", 1),
    quiesceTicks: number("quiesce", 0),
    inflightMessagesMax: number("inflight", 64),
    appendBytesMax: number("append", 1 << 20),
  };
}

function parseChange(words: readonly string[]): ConfigChange {
  const [transition, ...changes] = words;
  assert(
    transition === "auto" || transition === "joint" || transition === "joint-explicit",
    `no such transition: ${transition}`,
  );
  const kinds: Readonly<Record<string, MemberChange["kind"]>> = {
    "+": "add-voter",
    "~": "add-learner",
    "-": "remove",
  };
  return {
    transition,
    changes: changes.map((word) => {
      const kind = kinds[word[0] ?? ""];
      assert(kind !== undefined, `no such change: ${word}`);
      return { kind, member: member(word.slice(1)) };
    }),
  };
}

function describeConfig(config: Configuration): string {
  const outgoing = config.outgoing.length === 0 ? "" : ` and (${config.outgoing.join(" ")})`;
  const learners = config.learners.length === 0 ? "" : ` learners (${config.learners.join(" ")})`;
  const next =
    config.learnersNext.length === 0 ? "" : ` learners next (${config.learnersNext.join(" ")})`;
  return `(${config.voters.join(" ")})${outgoing}${learners}${next}${config.autoLeave ? " auto" : ""}`;
}

function describeEntry(entry: Entry): string {
  return `${entry.index}@${entry.term}${describeData(entry)}`;
}

function describeData(entry: Entry): string {
  if (entry.kind === "empty") return "";
  if (entry.kind === "command") return `"${utf8Decode(entry.data) ?? "?"}"`;
  if (entry.kind === "level") return `{level ${decodeLevel(entry.data)}}`;
  const change = entry.kind === "config" ? decodeConfigChange(entry.data) : undefined;
  if (change === undefined) return `{${entry.kind}}`;
  if (change.changes.length === 0) return "{leave}";
  const signs = { "add-voter": "+", "add-learner": "~", remove: "-" };
  const changes = change.changes.map(({ kind, member: id }) => `${signs[kind]}${id}`);
  return `{${change.transition} ${changes.join(" ")}}`;
}

function describeHard(hard: HardState, before: HardState): string {
  const parts: string[] = [];
  if (hard.term !== before.term) parts.push(`term ${hard.term}`);
  if (hard.vote !== before.vote) parts.push(`vote ${hard.vote ?? "nobody"}`);
  if (hard.commit !== before.commit) parts.push(`commit ${hard.commit}`);
  if (hard.logEpoch !== before.logEpoch) parts.push(`epoch ${hard.logEpoch}`);
  if (hard.suspect !== before.suspect) parts.push(`suspect ${hard.suspect}`);
  return parts.join(" ");
}

function describe(message: Message): string {
  return `${message.from}>${message.to} ${message.kind} term ${message.term}${describeBody(message)}`;
}

function describeBody(message: Message): string {
  switch (message.kind) {
    case "append": {
      const { prevIndex, prevTerm, entries, commit } = message;
      const list = entries.length === 0 ? "" : ` ${entries.map(describeEntry).join(" ")}`;
      return ` after ${prevIndex}@${prevTerm}${list}, commit ${commit}${describeRefetch(message)}`;
    }
    case "append-ack":
      return ` ${message.index}${describeEpoch(message.logEpoch)}`;
    case "append-reject":
      return ` ${message.prevIndex}, try ${hint(message.hintIndex, message.hintTerm)}${describeEpoch(message.logEpoch)}`;
    case "heartbeat":
      return ` round ${message.round} commit ${message.commit}${describeRefetch(message)}`;
    case "heartbeat-ack":
      return ` round ${message.round}${describeEpoch(message.logEpoch)}`;
    case "vote":
      return ` with ${message.lastIndex}@${message.lastTerm}${message.transfer ? " transfer" : ""}`;
    case "pre-vote":
      return ` with ${message.lastIndex}@${message.lastTerm}`;
    case "vote-reply":
    case "pre-vote-reply":
      return message.granted ? " yes" : " no";
    case "snapshot":
      return ` ${message.base.index}@${message.base.term} ${describeConfig(message.base.config)}`;
    case "transfer":
      return ` to ${message.target}`;
    case "propose":
      return ` ${message.proposals.map(({ id, data }) => `${id}:"${utf8Decode(data) ?? "?"}"`).join(" ")}`;
    case "propose-reply":
      return ` ${message.outcomes.map(({ id, index, refused }) => `${id}:${refused ?? index}`).join(" ")}`;
    case "read":
      return ` batch ${message.batch}`;
    case "read-reply":
      return ` batch ${message.batch} index ${message.index}`;
    case "quiesce":
      return ` at ${message.commit}`;
    case "timeout-now":
    case "newer-term":
      return "";
  }
}

function hint(index: LogIndex, term: number): string {
  return term === 0 ? `${index}` : `${index}@${term}`;
}

function describeRefetch(message: { readonly refetch: { target: number } | undefined }): string {
  return message.refetch === undefined ? "" : `, refetch to ${message.refetch.target}`;
}

function describeEpoch(epoch: number): string {
  return epoch === 0 ? "" : ` epoch ${epoch}`;
}
