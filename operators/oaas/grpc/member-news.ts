// Whether a member has said something that matters now, or only counts that can wait.
import { equals } from "@bufbuild/protobuf";

import type { MemberStatus, RaftStatus } from "#api/gen/oaas-admin_pb.ts";
import { MemberStatusSchema } from "#api/gen/oaas-admin_pb.ts";
import type { MemberView } from "#controllers/odgm-collection/port.ts";

/** True unless the two views differ in nothing but counts: objects, bytes, entries, lag. */
export function isOtherThanCounts(before: MemberView, after: MemberView): boolean {
  if (before.kind !== "known" || after.kind !== "known") return true;
  return !equals(MemberStatusSchema, withoutCounts(before.status), withoutCounts(after.status));
}

function withoutCounts(status: MemberStatus): MemberStatus {
  return {
    ...status,
    usedBytes: 0n,
    capacityBytes: 0n,
    ...(status.meta === undefined ? {} : { meta: withoutIndexes(status.meta) }),
    shards: status.shards.map((shard) => ({
      ...shard,
      objects: 0n,
      bytes: 0n,
      appliedIndex: 0n,
      lagMs: 0n,
      ...(shard.raft === undefined ? {} : { raft: withoutIndexes(shard.raft) }),
    })),
  };
}

function withoutIndexes(raft: RaftStatus): RaftStatus {
  const members = raft.members.map((member) => ({ ...member, lagEntries: 0n }));
  return { ...raft, commitIndex: 0n, members };
}
