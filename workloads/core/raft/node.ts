// One member with all its groups: one clock, one write per turn for all of them, one frame per peer
// and turn. Groups that sleep cost nothing: a tick visits the awake ones, `take` those that
// something happened to.
//
// The driver's turn:  receive / propose / read / tick ..., then take():
//   1. hand `persist.records` to the store as one write; when it is durable send `persist.then` and
//      call `persisted(persist.id)`;
//   2. send `send` at once;
//   3. for each group: apply in order, answer reads, ask for snapshots, tell proposals.
import type { Rng } from "#api/base/index.ts";
import { assert } from "#api/base/index.ts";

import type { GroupMessage } from "./codec.ts";
import type { Effects, Input, Persist, PersistId } from "./effects.ts";
import type { GroupStart } from "./group.ts";
import { RaftGroup } from "./group.ts";
import type { RaftSettings } from "./settings.ts";
import type { GroupId, MemberId } from "./types.ts";

/** Messages by the peer they go to, in order. */
export type Outbox = ReadonlyMap<MemberId, readonly GroupMessage[]>;

/** One write for all groups that have something to write; see {@link Persist} for each. */
export interface NodePersist {
  readonly id: PersistId;
  /** At most one per group. Their `then` are collected below. */
  readonly records: readonly { readonly group: GroupId; readonly persist: Persist }[];
  /** False if none of the records needs an fsync. */
  readonly sync: boolean;
  /** To be sent once all records, and all writes before, are durable. */
  readonly then: Outbox;
}

/** What follows for one group; its `persist` and `send` are in the node's. */
export interface GroupEffects {
  readonly group: GroupId;
  readonly effects: Effects;
}

/** What follows from a turn. */
export interface NodeEffects {
  readonly persist: NodePersist | undefined;
  readonly send: Outbox;
  readonly groups: readonly GroupEffects[];
}

/** How a member is made. */
export interface NodeStart {
  readonly self: MemberId;
  readonly settings: RaftSettings;
  readonly rng: Rng;
  /** A tick that comes later than this after it was due voids all leases. */
  readonly lagMsMax: number;
}

/** Default of {@link NodeStart.lagMsMax}. */
export const LAG_MS_MAX = 100;

interface Part {
  readonly group: GroupId;
  readonly raft: RaftGroup;
  readonly id: PersistId;
}

interface Write {
  readonly id: PersistId;
  readonly parts: readonly Part[];
}

/** See the top of the file. One instance belongs to one driver; nothing is re-entrant. */
export class RaftNode {
  private readonly start: NodeStart;
  private readonly groups = new Map<GroupId, RaftGroup>();
  private readonly awake = new Map<GroupId, RaftGroup>();
  private readonly dirty = new Map<GroupId, RaftGroup>();
  private readonly down = new Set<MemberId>();
  private readonly writes: Write[] = [];
  private nextPersistId: PersistId = 1;
  private tickedAtMs: number | undefined = undefined;
  private tickCount = 0;

  constructor(start: NodeStart) {
    this.start = start;
  }

  /** Starts a replica; `settings` may differ from the node's in all but `tickMs`. */
  open(
    group: GroupId,
    start: Pick<GroupStart, "view" | "hard" | "applied" | "damaged"> & {
      readonly settings?: RaftSettings;
    },
  ): void {
    assert(!this.groups.has(group), `group ${group} is open already`);
    const { self, rng, settings } = this.start;
    const raft = new RaftGroup({ self, rng, settings, ...start });
    this.groups.set(group, raft);
    this.touch(group, raft);
    for (const member of this.down) raft.step({ kind: "peer-down", member });
  }

  /** Ends a replica; nothing of it follows any more, writes under way end unnoticed. */
  close(group: GroupId): void {
    this.groups.delete(group);
    this.awake.delete(group);
    this.dirty.delete(group);
  }

  /** The replica, to look at: its status, base and whether it leads. Inputs go through the node. */
  group(group: GroupId): RaftGroup | undefined {
    return this.groups.get(group);
  }

  /** Groups that are open. */
  get groupCount(): number {
    return this.groups.size;
  }

  /** Groups that ticks visit. */
  get awakeCount(): number {
    return this.awake.size;
  }

  /** Gives an input to one group; false if there is no such group. */
  step(group: GroupId, input: Exclude<Input, { kind: "tick" | "persisted" }>): boolean {
    const raft = this.groups.get(group);
    if (raft === undefined) return false;
    raft.step(input);
    this.touch(group, raft);
    return true;
  }

  /** Takes a message of a peer that the transport has authenticated; false as in `step`. */
  receive(item: GroupMessage): boolean {
    return this.step(item.group, { kind: "receive", message: item.message });
  }

  /**
   * To be called about every `tickMs`, with the monotonic clock. However late a call is, it counts
   * as one tick, because a loop that stood still has heard nobody; one that is early counts as
   * none. The first call only starts the clock. True if a tick was counted.
   */
  tick(nowMs: number): boolean {
    const { settings, lagMsMax } = this.start;
    const elapsedMs = nowMs - (this.tickedAtMs ?? nowMs);
    if (this.tickedAtMs !== undefined && elapsedMs < settings.tickMs) return false;
    const isLate = elapsedMs > settings.tickMs + lagMsMax;
    const isFirst = this.tickedAtMs === undefined;
    this.tickedAtMs = nowMs;
    if (isFirst) return false;
    this.tickCount += 1;
    const isBeat = this.tickCount % settings.heartbeatTicks === 0;
    for (const [group, raft] of this.awake) {
      if (isLate) raft.step({ kind: "lag" });
      raft.step({ kind: "tick", nowMs, isBeat });
      this.dirty.set(group, raft);
    }
    return true;
  }

  /** Node-level liveness, from the links: wakes the groups that this member leads. */
  peerDown(member: MemberId): void {
    if (this.down.has(member)) return;
    this.down.add(member);
    this.stepAll({ kind: "peer-down", member });
  }

  /** The member is heard again. */
  peerUp(member: MemberId): void {
    if (this.down.delete(member)) this.stepAll({ kind: "peer-up", member });
  }

  private stepAll(input: Input): void {
    for (const [group, raft] of this.groups) {
      raft.step(input);
      this.touch(group, raft);
    }
  }

  private touch(group: GroupId, raft: RaftGroup): void {
    this.dirty.set(group, raft);
    if (!raft.isQuiesced) this.awake.set(group, raft);
  }

  /** The write `id` and all before it are durable, and the groups' views show them. */
  persisted(id: PersistId): void {
    while (this.writes.length > 0 && (this.writes[0]?.id ?? 0) <= id) {
      for (const { group, raft, id: part } of this.writes.shift()?.parts ?? []) {
        // The group may have been closed, or opened again, while it was written.
        if (this.groups.get(group) !== raft) continue;
        raft.step({ kind: "persisted", id: part });
        this.touch(group, raft);
      }
    }
  }

  /** True if there is something to take. */
  get hasEffects(): boolean {
    return this.dirty.size > 0;
  }

  /** Everything that follows from the inputs since the last call. */
  take(): NodeEffects {
    const records: { group: GroupId; persist: Persist }[] = [];
    const then = new Map<MemberId, GroupMessage[]>();
    const send = new Map<MemberId, GroupMessage[]>();
    const groups: GroupEffects[] = [];
    const parts: Part[] = [];
    let sync = false;
    for (const [group, raft] of this.dirty) {
      const effects = raft.take();
      if (raft.isQuiesced) this.awake.delete(group);
      collect(send, group, effects);
      if (effects.persist !== undefined) {
        records.push({ group, persist: effects.persist });
        parts.push({ group, raft, id: effects.persist.id });
        collect(then, group, { send: effects.persist.then });
        sync ||= effects.persist.sync;
      }
      if (hasOwnEffects(effects)) groups.push({ group, effects });
    }
    this.dirty.clear();
    return { persist: this.notePersist(records, parts, { sync, then }), send, groups };
  }

  private notePersist(
    records: NodePersist["records"],
    parts: Write["parts"],
    duties: Pick<NodePersist, "sync" | "then">,
  ): NodePersist | undefined {
    if (records.length === 0) return undefined;
    const id = this.nextPersistId;
    this.nextPersistId += 1;
    this.writes.push({ id, parts });
    return { id, records, ...duties };
  }
}

function collect(
  outbox: Map<MemberId, GroupMessage[]>,
  group: GroupId,
  effects: Pick<Effects, "send">,
): void {
  for (const message of effects.send) {
    const list = outbox.get(message.to);
    if (list === undefined) outbox.set(message.to, [{ group, message }]);
    else list.push({ group, message });
  }
}

function hasOwnEffects(effects: Effects): boolean {
  return (
    effects.apply.length > 0 ||
    effects.proposals.length > 0 ||
    effects.reads.length > 0 ||
    effects.snapshots.length > 0 ||
    effects.discard.length > 0 ||
    effects.role !== undefined ||
    effects.diverged !== undefined ||
    effects.halted !== undefined ||
    effects.traces.length > 0
  );
}
