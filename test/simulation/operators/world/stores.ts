// The members' stores: what odgm keeps on its volume, as far as its admin service shows it. A store
// belongs to a PersistentVolume and outlives pods. Rules as in workloads/odgm/member.ts. What several
// members do together is in groups.ts.
import { clone, create, equals } from "@bufbuild/protobuf";

import type {
  CollectionSpec,
  MemberStatus,
  RaftStatus,
  ShardStatus,
} from "#api/gen/oaas-admin_pb.ts";
import {
  CollectionSpecSchema,
  MemberStatusSchema,
  RaftRole,
  ShardState,
  ShardStatusSchema,
  StoreState,
} from "#api/gen/oaas-admin_pb.ts";

/** How a store was formatted. */
export interface StoreFormat {
  readonly collection: string;
  readonly ordinal: number;
  readonly identity: string;
  readonly incarnation: string;
}

/** A call that the member refuses. */
export class MemberError extends Error {
  override readonly name = "MemberError";
}

/** One store. */
export class MemberStore {
  readonly volume: string;
  format: StoreFormat | undefined;
  served: CollectionSpec | undefined;
  committed: CollectionSpec | undefined;
  /** Of the process, not of the disk: ends when its pod does. */
  resigned = false;

  constructor(volume: string) {
    this.volume = volume;
  }

  /** As the admin service answers; `raftOf` tells of its replicas of Raft groups. */
  status(raftOf: (group: number | "meta") => RaftStatus | undefined): MemberStatus {
    if (this.format === undefined) {
      return create(MemberStatusSchema, { storeState: StoreState.EMPTY });
    }
    const { format, served, committed, resigned } = this;
    const meta = raftOf("meta");
    return create(MemberStatusSchema, {
      ...format,
      storeState: StoreState.READY,
      generation: served?.generation ?? 0n,
      metaGeneration: committed?.generation ?? 0n,
      shards: served?.shardType === "Raft" ? raftShards(served, raftOf) : this.#plainShards(),
      resigned,
      ...(committed === undefined ? {} : { committed: clone(CollectionSpecSchema, committed) }),
      ...(meta === undefined ? {} : { meta }),
    });
  }

  #plainShards(): ShardStatus[] {
    const { format, served } = this;
    const id = served?.members.find((member) => member.incarnation === format?.incarnation)?.id;
    return (served?.partitions ?? [])
      .filter(({ members }) => id !== undefined && members.includes(id))
      .map(({ partition }) =>
        create(ShardStatusSchema, { partition, state: ShardState.READY, leader: true }),
      );
  }

  /** True if the store was empty and is formatted now; false if it already was this one. */
  doFormat(wanted: StoreFormat): boolean {
    const { format } = this;
    if (format === undefined) {
      this.format = wanted;
      return true;
    }
    const same =
      format.collection === wanted.collection &&
      format.ordinal === wanted.ordinal &&
      format.identity === wanted.identity;
    if (!same) throw new MemberError("formatted for another collection");
    return false;
  }

  /** True if a new generation was committed. It leads the meta group, or founds it. */
  doPropose(expected: bigint, wanted: CollectionSpec): boolean {
    const { committed } = this;
    const current = committed?.generation ?? 0n;
    const content = (spec: CollectionSpec): CollectionSpec =>
      create(CollectionSpecSchema, { ...spec, generation: 0n });
    if (
      committed !== undefined &&
      equals(CollectionSpecSchema, content(committed), content(wanted))
    ) {
      return false;
    }
    if (expected !== current) throw new MemberError(`GENERATION_CONFLICT ${current}`);
    this.committed = create(CollectionSpecSchema, { ...wanted, generation: current + 1n });
    return true;
  }

  /** True if an empty log took this generation. */
  doAdopt(spec: CollectionSpec): boolean {
    const { committed } = this;
    if (committed !== undefined && equals(CollectionSpecSchema, committed, spec)) return false;
    if (committed !== undefined) throw new MemberError("GENERATION_CONFLICT");
    this.committed = clone(CollectionSpecSchema, spec);
    return true;
  }

  /** True if it serves this generation only now. */
  doApply(spec: CollectionSpec): boolean {
    const { format, served } = this;
    if (format === undefined) throw new MemberError("STORE_EMPTY");
    if (spec.generation < (served?.generation ?? 0n)) return false;
    if (served !== undefined && spec.generation === served.generation) {
      if (equals(CollectionSpecSchema, served, spec)) return false;
      throw new MemberError("GENERATION_CONFLICT");
    }
    const me = spec.members.find((member) => member.ordinal === format.ordinal);
    if (me?.incarnation !== format.incarnation) throw new MemberError("FOREIGN_INCARNATION");
    this.served = clone(CollectionSpecSchema, spec);
    return true;
  }

  /** The disk was replaced. */
  wipe(): void {
    this.format = undefined;
    this.served = undefined;
    this.committed = undefined;
  }
}

/** Replicas that this member has, wanted or not yet let go of. */
function raftShards(
  { partitions }: CollectionSpec,
  raftOf: (group: number) => RaftStatus | undefined,
): ShardStatus[] {
  return partitions.flatMap(({ partition }) => {
    const raft = raftOf(partition);
    if (raft === undefined) return [];
    const isReady = raft.leader !== "" && raft.role !== RaftRole.LEARNER;
    const state = isReady ? ShardState.READY : ShardState.STARTING;
    const leader = raft.role === RaftRole.LEADER;
    return [create(ShardStatusSchema, { partition, state, leader, raft })];
  });
}
