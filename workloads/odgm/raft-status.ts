// A replica of a Raft group as the operator hears of it.
import { create } from "@bufbuild/protobuf";

import type { RaftStatus } from "#api/gen/oaas-admin_pb.ts";
import { RaftRole, RaftStatusSchema } from "#api/gen/oaas-admin_pb.ts";

import type { GroupView } from "./raft/group.ts";

/** See {@link RaftStatus}. */
export function raftStatusOf(view: GroupView): RaftStatus {
  const { config, members, leader } = view;
  return create(RaftStatusSchema, {
    role: roleOf(view),
    term: BigInt(view.term),
    leader: leader ?? "",
    voters: [...config.voters],
    learners: [...config.learners],
    outgoing: [...config.outgoing],
    commitIndex: BigInt(view.commitIndex),
    members: members.map((other) => ({
      incarnation: other.member,
      lagEntries: BigInt(other.lagEntries),
      active: other.isActive,
      caughtUp: other.isCaughtUp,
      snapshot: other.isInSnapshot,
    })),
    reachedGeneration: view.reachedGeneration,
  });
}

function roleOf({ role, config, self }: GroupView): RaftRole {
  if (role === "leader") return RaftRole.LEADER;
  return config.learners.includes(self) ? RaftRole.LEARNER : RaftRole.FOLLOWER;
}
