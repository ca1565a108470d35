// What is left of replicas that were removed just now. Until the disk says so, too, the store still
// shows the log and the state that they had, and nobody may begin with those again.
import type { GroupId } from "#workloads/core/raft/index.ts";

import type { FoundLog, LogStore } from "./log.ts";
import { GroupLog } from "./log.ts";
import type { GroupCommitter } from "./ports.ts";

/** See the top of the file. One per host. */
export class GoneLogs {
  private readonly world: {
    readonly store: LogStore;
    readonly committer: Pick<GroupCommitter, "whenDurable">;
  };
  private readonly gone = new Map<GroupId, FoundLog>();

  constructor(world: GoneLogs["world"]) {
    this.world = world;
  }

  /** The replica's end was handed to the commit; `left` is what it has promised, and no more. */
  add(group: GroupId, left: FoundLog): void {
    this.gone.set(group, left);
    this.world.committer.whenDurable(() => {
      if (this.gone.get(group) === left) this.gone.delete(group);
    });
  }

  /** True if the store holds a replica of the group and will go on to. Throws STORE_DAMAGED. */
  isThere(group: GroupId): boolean {
    return !this.gone.has(group) && GroupLog.isThere(this.world.store, group);
  }

  /** What a replica that is opened now begins with; undefined: nothing was ever held. */
  take(group: GroupId): FoundLog | undefined {
    const left = this.gone.get(group);
    this.gone.delete(group);
    return left ?? GroupLog.find(this.world.store, group);
  }
}
