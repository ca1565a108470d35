// A replica as others see it.
import type { GroupStatus, LogIndex, MemberId } from "#workloads/core/raft/index.ts";
import { makeConfiguration } from "#workloads/core/raft/index.ts";

import type { GroupMemberView, GroupStanding, GroupView, WantedGroup } from "./group.ts";
import type { GroupState } from "./state.ts";
import { isReached } from "./steering.ts";

/** What a view is made of. */
export interface Seen {
  readonly self: MemberId;
  /** Undefined while the core does not run. */
  readonly status: GroupStatus | undefined;
  readonly state: Pick<GroupState, "applied" | "durableIndex" | "bytes">;
  readonly standing: GroupStanding;
  readonly message: string;
  readonly wanted: WantedGroup;
  readonly isConfigKnown: boolean;
  /** Who has this has caught up. */
  readonly caughtUpAt: LogIndex;
  isDown(member: MemberId): boolean;
}

/** See {@link GroupView}. */
export function viewOf(seen: Seen): GroupView {
  const { self, status, state, wanted } = seen;
  const config = status?.config ?? makeConfiguration([]);
  const isLeader = status?.role === "leader";
  const reached = isLeader && seen.isConfigKnown && isReached(config, wanted.members);
  return {
    self,
    role: status?.role ?? "follower",
    term: status?.term ?? 0,
    leader: status?.leader,
    config,
    commitIndex: status?.committed ?? 0,
    appliedIndex: Math.max(state.applied, status?.applied ?? 0),
    durableIndex: state.durableIndex,
    firstIndex: status?.first ?? 0,
    level: status?.level ?? 0,
    standing: seen.standing,
    message: seen.message,
    stateBytes: state.bytes,
    members: isLeader ? membersSeen(status, seen) : [],
    reachedGeneration: reached ? wanted.generation : 0n,
  };
}

function membersSeen(status: GroupStatus, seen: Seen): readonly GroupMemberView[] {
  const others = status.members.filter(({ member }) => member !== seen.self);
  return others.map(({ member, isLearner, match, state }) => {
    const isActive = !seen.isDown(member);
    return {
      member,
      isLearner,
      lagEntries: Math.max(0, status.committed - match),
      isActive,
      isCaughtUp: isActive && state === "replicate" && match >= seen.caughtUpAt,
      isInSnapshot: state === "snapshot",
    };
  });
}
