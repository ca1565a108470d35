// Whether a member has said something that matters now, or only counts that can wait.
import { equals } from "@bufbuild/protobuf";

import type { MemberStatus } from "#api/gen/oaas-admin_pb.ts";
import { MemberStatusSchema } from "#api/gen/oaas-admin_pb.ts";
import type { MemberView } from "#controllers/odgm-collection/port.ts";

/** True unless the two views differ in nothing but counts of objects, bytes and applied entries. */
export function isOtherThanCounts(before: MemberView, after: MemberView): boolean {
  if (before.kind !== "known" || after.kind !== "known") return true;
  return !equals(MemberStatusSchema, withoutCounts(before.status), withoutCounts(after.status));
}

function withoutCounts(status: MemberStatus): MemberStatus {
  return {
    ...status,
    usedBytes: 0n,
    capacityBytes: 0n,
    shards: status.shards.map((shard) => ({
      ...shard,
      objects: 0n,
      bytes: 0n,
      appliedIndex: 0n,
    })),
  };
}
