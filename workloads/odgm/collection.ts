// One collection as this member serves it: the generation in force, which member owns which
// partition, and the shards that are here.
import type { Hasher, Logger } from "#api/base/index.ts";
import { assert } from "#api/base/index.ts";
import type {
  CollectionFunction,
  CollectionMember,
  CollectionSpec,
} from "#api/gen/oaas-admin_pb.ts";
import { SlotMoveState } from "#api/gen/oaas-admin_pb.ts";
import { PARTITIONS_MAX } from "#workloads/core/meta/index.ts";
import type { SlotSpan } from "#workloads/core/moves/index.ts";
import { slotSet } from "#workloads/core/moves/index.ts";
import type { GroupId } from "#workloads/core/raft/index.ts";
import type { SlotTable } from "#workloads/core/slots/index.ts";
import { makeSlotTable, slotOf } from "#workloads/core/slots/index.ts";
import type { Store } from "#workloads/core/store/index.ts";
import type { GrpcFailure } from "#workloads/platform/index.ts";

import type { Committer } from "./committer.ts";
import { refuse } from "./errors.ts";
import type { GroupHost } from "./raft/host.ts";
import { replicaGroup, replicasOf } from "./replicas.ts";
import type { Peers } from "./peers.ts";
import { BasicShard } from "./shards/basic.ts";
import { MstShard } from "./shards/mst.ts";
import { mstSettings } from "./shards/mst-settings.ts";
import type { RaftShard } from "./shards/raft.ts";
import { openRaftShard, raftSettings } from "./shards/raft-settings.ts";
import type { Shard } from "./shards/shard.ts";
import { refusalOfMark, stillMoving } from "./shards/slots.ts";
import { contentDigest } from "./spec.ts";

/** Who answers for a partition. */
export type Owner =
  | { readonly kind: "local"; readonly shard: Shard }
  | {
      readonly kind: "remote";
      /** Who is asked first. */
      readonly member: CollectionMember;
      /** Replicas that answer if the first cannot be reached. */
      readonly others: readonly CollectionMember[];
      readonly partition: number;
    };

/** What a collection runs on. */
export interface CollectionHost {
  readonly store: Store;
  readonly committer: Committer;
  readonly hasher: Hasher;
  /** Ordinal of this member; undefined = standalone, every partition is here. */
  readonly ordinal: number | undefined;
  /** Incarnation of the store. */
  readonly incarnation: string;
  readonly peers: Peers;
  readonly log: Logger;
  /** The Raft groups of this member. */
  readonly groups: GroupHost;
  /** A shard has another leader or standing. */
  readonly onChange: () => void;
}

/** One collection. Generations only go forward. */
export class ServedCollection {
  readonly #host: CollectionHost;
  /** Position among the collections of the store; part of shard numbers. */
  readonly #position: number;
  readonly #shards = new Map<number, Shard>();
  readonly #raftShards = new Map<number, RaftShard>();
  #spec: CollectionSpec;
  #digest: string;
  #owners: readonly Owner[] = [];
  #slots: SlotTable | undefined;
  /** Slots on their way: where they come to, by slot. */
  #moving: ReadonlyMap<number, number> = new Map();
  #unslotted: ReadonlySet<number> = new Set();
  #functions: ReadonlyMap<string, CollectionFunction> = new Map();

  constructor(host: CollectionHost, position: number, spec: CollectionSpec) {
    this.#host = host;
    this.#position = position;
    this.#spec = spec;
    this.#digest = "";
    this.apply(spec);
  }

  get spec(): CollectionSpec {
    return this.#spec;
  }

  /** Digest of the content in force. */
  get digest(): string {
    return this.#digest;
  }

  get name(): string {
    return this.#spec.collection;
  }

  get isHashed(): boolean {
    return this.#slots !== undefined;
  }

  /** Shards on this member, by partition. */
  get shards(): readonly Shard[] {
    return [...this.#shards.values()].sort((a, b) => a.partition - b.partition);
  }

  /** Shards that this member answers for. */
  get ownShards(): readonly Shard[] {
    return this.#owners.flatMap((owner) => (owner.kind === "local" ? [owner.shard] : []));
  }

  /** Other members of the generation. */
  get members(): readonly CollectionMember[] {
    const { ordinal } = this.#host;
    return this.#spec.members.filter((member) => member.ordinal !== ordinal);
  }

  /** Other members that hold a partition. */
  get peers(): readonly CollectionMember[] {
    const holding = new Set(this.#spec.partitions.flatMap(({ members }) => members));
    const { ordinal } = this.#host;
    return this.#spec.members.filter(
      (member) => holding.has(member.id) && ordinal !== undefined && member.ordinal !== ordinal,
    );
  }

  /** Ends what runs by itself. */
  close(): void {
    for (const shard of this.#shards.values()) shard.close();
  }

  /** Serves this generation from now on; it has been checked and is newer. */
  apply(spec: CollectionSpec): void {
    const slots = slotTableOf(spec);
    this.#spec = spec;
    this.#digest = contentDigest(spec);
    this.#slots = slots;
    this.#moving = movingSlots(spec);
    this.#unslotted = new Set(
      spec.partitions.filter((entry) => entry.unslotted).map(({ partition }) => partition),
    );
    this.#functions = new Map(spec.functions.map((fn) => [fn.name, fn]));
    this.#host.peers.learn(spec.members);
    const owners: Owner[] = [];
    for (const { partition } of spec.partitions) {
      owners[partition] = this.#ownerFor(partition);
    }
    this.#owners = owners;
  }

  /** The binding of that name. Throws NO_FUNCTION. */
  functionOf(name: string): CollectionFunction {
    const found = this.#functions.get(name);
    if (found !== undefined) return found;
    throw refuse("NO_FUNCTION", `class ${this.name} has no function "${name}"`);
  }

  /** Who owns this partition. Throws NO_PARTITION. */
  ownerOf(partition: number): Owner {
    const owner = this.#owners[partition];
    if (owner !== undefined) return owner;
    const last = this.#owners.length - 1;
    throw refuse("NO_PARTITION", `not found shard: ${this.name} has partitions 0 to ${last}`);
  }

  /** Every owner, by partition. */
  get owners(): readonly Owner[] {
    return this.#owners;
  }

  /**
   * The partition of this (checked) object id. Hashed: by slot; a given partition other than 0 must
   * agree, or be the one that the slot is on its way to. Throws WRONG_PARTITION.
   */
  partitionOf(id: string, given: number): number {
    if (this.#slots === undefined) return given;
    const slot = slotOf(this.#host.hasher, id);
    const right = this.#slots[slot];
    assert(right !== undefined, "every slot has a partition");
    if (right === given || given === 0) return right;
    if (this.#moving.get(slot) === given) return given;
    throw this.wrongPartition(`object "${id}" is in partition ${right}, not ${given}`, right);
  }

  /** Whether slots are on their way, as far as this generation knows. */
  get isRebalancing(): boolean {
    return this.#moving.size > 0;
  }

  /** Whether the slot of the object is on its way, as far as this generation knows. */
  isMoving(id: string): boolean {
    return this.#moving.size > 0 && this.#moving.has(slotOf(this.#host.hasher, id));
  }

  /** Why this shard does not serve the object; undefined if it does, as far as known here. */
  refusalAt(shard: Shard, id: string): GrpcFailure | undefined {
    const mark = shard.slots?.markOf(id);
    if (mark === undefined) return undefined;
    const { partition } = shard;
    if (mark.kind === "plain") {
      return this.#unslotted.has(partition) ? stillMoving(partition) : undefined;
    }
    return refusalOfMark(mark, partition);
  }

  /** Why this shard does not serve all of these slots; undefined if it does. */
  refusalOfSpans(shard: Shard, spans: readonly SlotSpan[]): GrpcFailure | undefined {
    const ledger = shard.slots?.ledger;
    const { partition } = shard;
    const isUnslotted = this.#unslotted.has(partition);
    if (ledger === undefined || (ledger.isPlain && !isUnslotted)) return undefined;
    for (const { first, last } of spans) {
      for (let slot = first; slot <= last; slot += 1) {
        const mark = ledger.markOf(slot);
        const refusal =
          mark.kind === "plain" && isUnslotted
            ? stillMoving(partition)
            : refusalOfMark(mark, partition);
        if (refusal !== undefined) return refusal;
      }
    }
    return undefined;
  }

  /** Which objects of a shard are in these slots; undefined: all that it lists. */
  filterOf(shard: Shard, spans: readonly SlotSpan[]): ((id: string) => boolean) | undefined {
    const isAll = this.#spec.moves.length === 0 && shard.slots?.ledger.isPlain !== false;
    if (isAll) return undefined;
    const isIn = slotSet(spans);
    return (id) => isIn(slotOf(this.#host.hasher, id));
  }

  /** The slots of each partition, as this generation says; undefined: callers choose partitions. */
  get slotSpans(): readonly (readonly SlotSpan[])[] | undefined {
    if (this.#slots === undefined) return undefined;
    const spans: SlotSpan[][] = this.#owners.map(() => []);
    for (const { first, last, partition } of this.#spec.slots) {
      spans[partition]?.push({ first, last });
    }
    return spans;
  }

  /** The refusal that names the partition which owns an id. */
  wrongPartition(message: string, rightPartition: number): GrpcFailure {
    const generation = this.#spec.generation;
    return refuse("WRONG_PARTITION", message, { rightPartition, generation });
  }

  #ownerFor(partition: number): Owner {
    const [member, ...others] = replicasOf(this.#spec, partition);
    assert(member !== undefined, "a served generation has been checked");
    const { ordinal } = this.#host;
    const isHere =
      ordinal === undefined || [member, ...others].some((replica) => replica.ordinal === ordinal);
    if (this.#spec.shardType === "Raft") {
      const shard = this.#raftShardFor(partition, isHere);
      if (shard !== undefined) return { kind: "local", shard };
    } else if (isHere) {
      return { kind: "local", shard: this.#shardFor(partition) };
    }
    return { kind: "remote", member, others, partition };
  }

  /**
   * A replica that is here although the generation names others stays until its group has let go of
   * it: it may be the one that leads them there.
   */
  #raftShardFor(partition: number, isHere: boolean): RaftShard | undefined {
    const { groups, incarnation, hasher, ordinal } = this.#host;
    const known = this.#raftShards.get(partition);
    const self = ordinal === undefined ? incarnation : undefined;
    const settings = raftSettings(this.#spec, partition, self);
    if (known !== undefined) {
      known.configure(settings);
      if (isHere || known.takesPart) return known;
      this.#raftShards.delete(partition);
      this.#shards.delete(partition);
      known.remove();
      return undefined;
    }
    const number = this.#position * PARTITIONS_MAX + partition;
    if (!isHere && !groups.holds(number as GroupId)) return undefined;
    const shard = openRaftShard(groups, {
      name: `${this.name}/${partition}`,
      partition,
      number,
      settings,
      hasher,
      onChange: () => this.#raftChanged(partition),
    });
    this.#raftShards.set(partition, shard);
    this.#shards.set(partition, shard);
    return shard;
  }

  #raftChanged(partition: number): void {
    const owner = this.#owners[partition];
    const shard = this.#raftShards.get(partition);
    // The group of a partition that is not this member's any more has let go of it.
    const isOver = owner?.kind === "local" && shard?.takesPart === false;
    if (isOver) {
      // Not while the group is telling of it.
      setImmediate(() => {
        this.#owners = this.#owners.with(partition, this.#ownerFor(partition));
        this.#host.onChange();
      });
    }
    this.#host.onChange();
  }

  /** A shard, made when first needed; one that is there learns of the generation. */
  #shardFor(partition: number): Shard {
    const known = this.#shards.get(partition);
    const { store, committer, incarnation, log, peers } = this.#host;
    const number = this.#position * PARTITIONS_MAX + partition;
    if (this.#spec.shardType !== "Mst") {
      const shard = known ?? new BasicShard({ partition, number, incarnation, store, committer });
      this.#shards.set(partition, shard);
      return shard;
    }
    const group = replicaGroup(peers, this.#spec, { partition, self: incarnation });
    const settings = mstSettings(this.#spec);
    if (known instanceof MstShard) {
      known.configure(settings, group);
      return known;
    }
    const parts = { partition, number, store, committer, log, settings, group };
    const shard = new MstShard({ ...parts, node: incarnation });
    this.#shards.set(partition, shard);
    return shard;
  }
}

/** A slot that callers still look for at its old place. */
function movingSlots({ moves }: CollectionSpec): ReadonlyMap<number, number> {
  const slots = new Map<number, number>();
  for (const { to, slots: spans, state } of moves) {
    if (state === SlotMoveState.ACTIVATED) continue;
    for (const { first, last } of spans) {
      for (let slot = first; slot <= last; slot += 1) slots.set(slot, to);
    }
  }
  return slots;
}

function slotTableOf(spec: CollectionSpec): SlotTable | undefined {
  if (spec.partitioning !== "Hashed") return undefined;
  const made = makeSlotTable(spec.slots, spec.partitions.length);
  assert(made.kind === "ok", "a served generation has been checked");
  return made.table;
}
