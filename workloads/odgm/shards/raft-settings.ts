// What a generation says about its Raft shards, and how one is opened in the host of its member.
import type { Hasher } from "#api/base/index.ts";
import { assert } from "#api/base/index.ts";
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import type { GroupId, MemberId } from "#workloads/core/raft/index.ts";

import { DEFAULT_GROUP_SETTINGS } from "../raft/group.ts";
import type { GroupHost } from "../raft/host.ts";
import { replicasOf } from "../replicas.ts";
import type { RaftShardSettings } from "./raft.ts";
import { historyOf, RaftShard } from "./raft.ts";

/** Options of a collection that its Raft shards know. */
export const RAFT_OPTIONS = {
  /** "true": reads trust the leader's clock. Counts from the next start of a member on. */
  leaseReads: "leaseReads",
  /** Entries after which the log is cut. */
  logEntriesMax: "logEntriesMax",
} as const;

/** What a generation says about one partition. */
export interface RaftPartition extends RaftShardSettings {
  readonly founders: readonly MemberId[];
  readonly logEntriesMax: number;
}

/** Of a checked generation. `alone` is the one member of a program without others. */
export function raftSettings(
  spec: CollectionSpec,
  partition: number,
  alone: string | undefined,
): RaftPartition {
  const assigned = spec.partitions.find((entry) => entry.partition === partition);
  assert(assigned !== undefined, "a served generation has been checked");
  const incarnations = replicasOf(spec, partition).map(({ incarnation }) => incarnation);
  const members = alone === undefined ? incarnations : [alone];
  const founders = alone === undefined ? assigned.founders : [alone];
  const entries = Number(spec.options[RAFT_OPTIONS.logEntriesMax] ?? "");
  return {
    // Incarnations name members.
    wanted: { generation: spec.generation, members: members as MemberId[] },
    founders: founders as MemberId[],
    leaseReads: spec.options[RAFT_OPTIONS.leaseReads] === "true",
    logEntriesMax: entries > 0 ? entries : DEFAULT_GROUP_SETTINGS.logEntriesMax,
  };
}

/** Opens the replica of a partition. */
export function openRaftShard(
  host: GroupHost,
  parts: {
    readonly name: string;
    readonly partition: number;
    readonly number: number;
    readonly settings: RaftPartition;
    readonly hasher: Hasher;
    readonly onChange: () => void;
  },
): RaftShard {
  const { name, partition, number, settings, hasher, onChange } = parts;
  const { founders, leaseReads, logEntriesMax } = settings;
  const raft = { ...DEFAULT_GROUP_SETTINGS.raft, leaseReads };
  return new RaftShard({
    ...{ partition, number, settings, onChange },
    self: host.self,
    history: historyOf(founders, hasher),
    timers: host.world.timers,
    // The number of a shard is the prefix of its keys, and that of its group.
    open: (more) =>
      host.open({
        ...more,
        group: number as GroupId,
        name,
        founders,
        settings: { raft, logEntriesMax },
      }),
  });
}
