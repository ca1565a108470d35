// What the Raft core itself costs: three members in one process, instant disks, frames encoded and
// decoded, no waiting for anything. One JSON line per figure; seconds are CPU seconds of all three
// members together, so that a busy machine changes little.
//   npm run bench -- raft [--seconds 2] [--bytes 100]
// A real group adds its disk and its network; these figures say what is left when they are free.
import { parseArgs } from "node:util";

import type {
  GroupId,
  GroupMessage,
  MemberId,
  NodeEffects,
  Outbox,
} from "#workloads/core/raft/index.ts";
import {
  decodeFrame,
  DEFAULT_SETTINGS,
  encodeFrame,
  foundingBase,
  LAG_MS_MAX,
  makeConfiguration,
  MemoryLog,
  RaftNode,
} from "#workloads/core/raft/index.ts";

const MEMBERS = ["n1", "n2", "n3"] as MemberId[];
const [LEADER] = MEMBERS as [MemberId];
/** Entries after which every member compacts. */
const KEEP_ENTRIES = 5000;

/** Three nodes with the same groups; n1 leads all of them. */
class Trio {
  readonly nodes = new Map<MemberId, RaftNode>();
  private readonly logs = new Map<MemberId, Map<GroupId, MemoryLog>>();
  applied = 0;
  readsReady = 0;
  frames = 0;
  frameBytes = 0;
  private readonly usesBytes: boolean;

  constructor(
    groupCount: number,
    options: { readonly usesBytes: boolean; readonly sleeps?: boolean },
  ) {
    this.usesBytes = options.usesBytes;
    const settings = { ...DEFAULT_SETTINGS, quiesceTicks: options.sleeps === true ? 6 : 0 };
    const rng = { next: Math.random, bytes: (count: number) => new Uint8Array(count) };
    for (const self of MEMBERS) {
      const node = new RaftNode({ self, settings, rng, lagMsMax: LAG_MS_MAX });
      const logs = new Map<GroupId, MemoryLog>();
      for (let group = 0; group < groupCount; group += 1) {
        const view = new MemoryLog(foundingBase(makeConfiguration(MEMBERS)));
        logs.set(group as GroupId, view);
        node.open(group as GroupId, { view, hard: view.hard, applied: 0 });
      }
      node.tick(0);
      this.nodes.set(self, node);
      this.logs.set(self, logs);
    }
    for (let group = 0; group < groupCount; group += 1) {
      this.node(LEADER).step(group as GroupId, { kind: "campaign" });
    }
    this.settle();
  }

  node(id: MemberId): RaftNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no member ${id}`);
    return node;
  }

  settle(): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const id of MEMBERS) {
        if (!this.node(id).hasEffects) continue;
        this.turn(id);
        moved = true;
      }
    }
  }

  private turn(id: MemberId): void {
    const node = this.node(id);
    const effects = node.take();
    this.send(id, effects.send);
    this.apply(id, effects);
    if (effects.persist === undefined) return;
    for (const { group, persist } of effects.persist.records) {
      this.logs.get(id)?.get(group)?.write(persist);
    }
    this.send(id, effects.persist.then);
    node.persisted(effects.persist.id);
  }

  private apply(id: MemberId, effects: NodeEffects): void {
    const node = this.node(id);
    for (const { group, effects: own } of effects.groups) {
      this.readsReady += own.reads.length;
      const last = own.apply.at(-1);
      if (last === undefined) continue;
      if (id === LEADER) this.applied += own.apply.length;
      node.step(group, { kind: "applied", index: last.index });
      const first = this.logs.get(id)?.get(group)?.base().index ?? 0;
      if (last.index - first > 2 * KEEP_ENTRIES) {
        node.step(group, { kind: "compact", index: last.index - KEEP_ENTRIES });
      }
    }
  }

  private send(from: MemberId, outbox: Outbox): void {
    for (const [to, messages] of outbox) {
      this.frames += 1;
      for (const item of this.carry(from, to, messages)) this.node(to).receive(item);
    }
  }

  private carry(
    from: MemberId,
    to: MemberId,
    messages: readonly GroupMessage[],
  ): readonly GroupMessage[] {
    if (!this.usesBytes) return messages;
    const bytes = encodeFrame({ from, to, messages });
    this.frameBytes += bytes.byteLength;
    const decoded = decodeFrame(bytes);
    if (decoded.kind === "reject") throw new Error(`a frame was rejected: ${decoded.reason}`);
    return decoded.value.messages;
  }
}

/** CPU seconds this process has used. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function tell(figure: Readonly<Record<string, string | number>>): void {
  console.log(JSON.stringify(figure));
}

/** Proposals in turns of `batch`, spread over the groups, until the time is over. */
function proposals(
  options: { readonly groups: number; readonly batch: number; readonly usesBytes: boolean },
  limits: { readonly seconds: number; readonly entryBytes: number },
): void {
  const trio = new Trio(options.groups, options);
  const data = new Uint8Array(limits.entryBytes);
  trio.applied = 0;
  const started = cpuSeconds();
  let id = 0;
  // The clock of the CPU costs microseconds itself.
  for (let turn = 0; turn % 64 !== 0 || cpuSeconds() - started < limits.seconds; turn += 1) {
    for (let at = 0; at < options.batch; at += 1) {
      id += 1;
      trio.node(LEADER).step((id % options.groups) as GroupId, { kind: "propose", id, data });
    }
    trio.settle();
  }
  const seconds = cpuSeconds() - started;
  tell({
    figure: "proposals",
    ...options,
    usesBytes: String(options.usesBytes),
    entriesPerCpuSecond: Math.round(trio.applied / seconds),
    framesPerEntry: Number((trio.frames / trio.applied).toFixed(3)),
  });
}

/** Linearizable reads, all of a turn confirmed by one round. */
function reads(batch: number, seconds: number): void {
  const trio = new Trio(1, { usesBytes: true });
  const started = cpuSeconds();
  let id = 0;
  for (let turn = 0; turn % 64 !== 0 || cpuSeconds() - started < seconds; turn += 1) {
    for (let at = 0; at < batch; at += 1) {
      id += 1;
      trio.node(LEADER).step(0 as GroupId, { kind: "read", id, mode: "quorum" });
    }
    trio.settle();
  }
  const elapsed = cpuSeconds() - started;
  tell({ figure: "reads", batch, readsPerCpuSecond: Math.round(trio.readsReady / elapsed) });
}

/** What groups cost that have nothing to do: time per second of their clock, for all members. */
function idle(groups: number, sleeps: boolean): void {
  const trio = new Trio(groups, { usesBytes: true, sleeps });
  let nowMs = 0;
  const pass = (ticks: number): void => {
    for (let at = 0; at < ticks; at += 1) {
      nowMs += DEFAULT_SETTINGS.tickMs;
      for (const id of MEMBERS) trio.node(id).tick(nowMs);
      trio.settle();
    }
  };
  pass(40);
  trio.frames = 0;
  trio.frameBytes = 0;
  const ticksPerSecond = 1000 / DEFAULT_SETTINGS.tickMs;
  const started = cpuSeconds();
  pass(3 * ticksPerSecond);
  tell({
    figure: "idle",
    groups,
    sleeps: String(sleeps),
    cpuMsPerSecondPerMember: Number((((cpuSeconds() - started) * 1000) / 3 / 3).toFixed(2)),
    framesPerSecond: Math.round(trio.frames / 3),
    bytesPerSecond: Math.round(trio.frameBytes / 3),
  });
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    bytes: { type: "string", default: "100" },
  },
});
const limits = { seconds: Number(values.seconds), entryBytes: Number(values.bytes) };
for (const batch of [1, 16, 64, 256]) proposals({ groups: 1, batch, usesBytes: true }, limits);
proposals({ groups: 1, batch: 64, usesBytes: false }, limits);
proposals({ groups: 64, batch: 64, usesBytes: true }, limits);
for (const batch of [1, 64]) reads(batch, limits.seconds);
for (const sleeps of [false, true]) idle(1000, sleeps);
