// A member with many groups: one write and one frame per turn, groups that sleep, one clock.
import { describe, expect, it } from "@jest/globals";

import { seededRng } from "#api/base/testing/seeded-rng.ts";

import type { GroupId, MemberId, NodeEffects, RaftSettings } from "./index.ts";
import {
  DEFAULT_SETTINGS,
  foundingBase,
  LAG_MS_MAX,
  makeConfiguration,
  MemoryLog,
  RaftNode,
} from "./index.ts";

const MEMBERS = ["n1", "n2", "n3"] as MemberId[];
const [A] = MEMBERS as [MemberId];
const TICK_MS = 50;

/** Three nodes, with instant disks and a network that delivers everything between two turns. */
class Nodes {
  readonly nodes = new Map<MemberId, RaftNode>();
  readonly logs = new Map<string, MemoryLog>();
  readonly groups: readonly GroupId[];
  readonly deaf = new Set<MemberId>();
  frames = 0;
  nowMs = 0;

  constructor(groupCount: number, settings: Partial<RaftSettings> = {}) {
    this.groups = Array.from({ length: groupCount }, (_, at) => at as GroupId);
    const whole = { ...DEFAULT_SETTINGS, ...settings };
    for (const [seed, self] of MEMBERS.entries()) {
      const rng = seededRng(seed + 1);
      const node = new RaftNode({ self, settings: whole, rng, lagMsMax: LAG_MS_MAX });
      this.nodes.set(self, node);
      for (const group of this.groups) {
        const log = new MemoryLog(foundingBase(makeConfiguration(MEMBERS)));
        this.logs.set(`${self}/${group}`, log);
        node.open(group, { view: log, hard: log.hard, applied: 0 });
      }
      node.tick(0);
    }
  }

  node(id: MemberId): RaftNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no ${id}`);
    return node;
  }

  /** Does what one turn of a node asks for. */
  turn(id: MemberId): NodeEffects {
    const node = this.node(id);
    const effects = node.take();
    this.deliver(effects.send);
    for (const { group, effects: own } of effects.groups) {
      const last = own.apply.at(-1);
      if (last !== undefined) node.step(group, { kind: "applied", index: last.index });
    }
    const { persist } = effects;
    if (persist === undefined) return effects;
    for (const { group, persist: part } of persist.records) this.log(id, group).write(part);
    this.deliver(persist.then);
    node.persisted(persist.id);
    return effects;
  }

  log(id: MemberId, group: GroupId): MemoryLog {
    const log = this.logs.get(`${id}/${group}`);
    if (log === undefined) throw new Error(`no log of ${group} at ${id}`);
    return log;
  }

  private deliver(outbox: NodeEffects["send"]): void {
    for (const [to, items] of outbox) {
      this.frames += 1;
      if (!this.deaf.has(to)) for (const item of items) this.node(to).receive(item);
    }
  }

  settle(): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const id of MEMBERS) {
        if (this.deaf.has(id) || !this.node(id).hasEffects) continue;
        this.turn(id);
        moved = true;
      }
    }
  }

  tick(count: number): void {
    for (let at = 0; at < count; at += 1) {
      this.nowMs += TICK_MS;
      for (const id of MEMBERS) if (!this.deaf.has(id)) this.node(id).tick(this.nowMs);
      this.settle();
    }
  }

  leadAll(): void {
    for (const group of this.groups) this.node(A).step(group, { kind: "campaign" });
    this.settle();
    for (const group of this.groups) expect(this.node(A).group(group)?.isLeader).toBe(true);
  }
}

describe("a node", () => {
  it("does one write and sends one frame per peer for all groups of a turn", () => {
    const nodes = new Nodes(20);
    nodes.leadAll();
    for (const group of nodes.groups) {
      nodes.node(A).step(group, { kind: "propose", id: 1, data: new Uint8Array(3) });
    }
    nodes.frames = 0;
    const { persist, send } = nodes.turn(A);
    expect(persist?.records).toHaveLength(20);
    expect(persist?.sync).toBe(true);
    expect([...send].map(([to, items]) => [to, items.length])).toEqual([
      ["n2", 20],
      ["n3", 20],
    ]);
    expect(nodes.frames).toBe(2);
    nodes.settle();
    for (const group of nodes.groups) {
      for (const id of MEMBERS) expect(nodes.node(id).group(group)?.status().applied).toBe(3);
    }
  });

  it("heartbeats for all groups on the same tick, in one frame per peer", () => {
    const nodes = new Nodes(20);
    // Leaders of different ages.
    for (const group of nodes.groups) {
      nodes.node(A).step(group, { kind: "campaign" });
      nodes.settle();
      if (group % 5 === 0) nodes.tick(1);
    }
    const perTick: number[] = [];
    for (let at = 0; at < 6; at += 1) {
      nodes.nowMs += TICK_MS;
      nodes.node(A).tick(nodes.nowMs);
      const items = nodes.turn(A).send.get("n2" as MemberId) ?? [];
      perTick.push(items.filter(({ message }) => message.kind === "heartbeat").length);
      nodes.settle();
    }
    expect(perTick.sort((a, b) => a - b)).toEqual([0, 0, 0, 0, 20, 20]);
  });

  it("puts groups without work to sleep; ticks then cost and say nothing", () => {
    const nodes = new Nodes(50, { quiesceTicks: 6 });
    nodes.leadAll();
    nodes.tick(16);
    expect(MEMBERS.map((id) => nodes.node(id).awakeCount)).toEqual([0, 0, 0]);
    nodes.frames = 0;
    nodes.tick(100);
    expect(nodes.frames).toBe(0);
    // Behind the entry that opened the term and the one that raised the level.
    const group = nodes.groups[7] ?? (0 as GroupId);
    nodes.node(A).step(group, { kind: "propose", id: 1, data: new Uint8Array(1) });
    nodes.settle();
    expect(MEMBERS.map((id) => nodes.node(id).awakeCount)).toEqual([1, 1, 1]);
    expect(
      nodes
        .node("n3" as MemberId)
        .group(group)
        ?.status().applied,
    ).toBe(4);
  });

  it("elects new leaders for sleeping groups when the links lose the leader's node", () => {
    const nodes = new Nodes(10, { quiesceTicks: 6 });
    nodes.leadAll();
    nodes.tick(16);
    nodes.deaf.add(A);
    nodes.tick(100);
    const others = MEMBERS.slice(1);
    for (const id of others) nodes.node(id).peerDown(A);
    nodes.settle();
    nodes.tick(2 * DEFAULT_SETTINGS.electionTicks);
    for (const group of nodes.groups) {
      const leaders = others.filter((id) => nodes.node(id).group(group)?.isLeader);
      expect(leaders).toHaveLength(1);
    }
  });

  it("counts a late tick once, an early one not at all, and voids leases after standing still", () => {
    const nodes = new Nodes(1, { leaseReads: true });
    nodes.tick(3 * DEFAULT_SETTINGS.electionTicks);
    const group = 0 as GroupId;
    const isLeader = (id: MemberId): boolean => nodes.node(id).group(group)?.isLeader ?? false;
    const node = nodes.node(MEMBERS.find(isLeader) ?? A);
    const lease = (id: number): number | undefined => {
      node.step(group, { kind: "read", id, mode: "lease" });
      const reads = node.take().groups.flatMap(({ effects }) => effects.reads);
      const [read] = reads;
      return read?.kind === "ready" ? read.leaseUntilMs : undefined;
    };
    expect(lease(1)).toBeGreaterThan(nodes.nowMs);
    expect(node.tick(nodes.nowMs + TICK_MS - 1)).toBe(false);
    const other = nodes.node(MEMBERS.find((id) => !isLeader(id)) ?? A);
    const before = nodes.nowMs;
    // Twenty seconds are one tick: no election follows, and late enough ends a lease.
    expect(other.tick(before + 20_000)).toBe(true);
    expect(other.group(group)?.status().role).toBe("follower");
    expect(node.tick(before + TICK_MS + LAG_MS_MAX + 1)).toBe(true);
    expect(lease(2)).toBeUndefined();
  });

  it("forgets a group that was closed, also what is being written for it", () => {
    const nodes = new Nodes(2);
    const node = nodes.node(A);
    node.step(0 as GroupId, { kind: "campaign" });
    const { persist } = node.take();
    node.close(0 as GroupId);
    const log = new MemoryLog(foundingBase(makeConfiguration([A])));
    node.open(0 as GroupId, { view: log, hard: log.hard, applied: 0 });
    if (persist !== undefined) node.persisted(persist.id);
    expect(node.group(0 as GroupId)?.status()).toMatchObject({ role: "follower", term: 0 });
    node.close(0 as GroupId);
    expect(node.step(0 as GroupId, { kind: "campaign" })).toBe(false);
    expect(node.groupCount).toBe(1);
  });
});
