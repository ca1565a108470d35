// The host as its replicas see it.
import type { MemberId, RaftNode, RequestId } from "#workloads/core/raft/index.ts";
import type { StoreWrite } from "#workloads/core/store/index.ts";

import type { PeerBoard } from "./board.ts";
import type { DiskRoom } from "./frames.ts";
import type { GoneLogs } from "./gone-logs.ts";
import type { GroupWorld } from "./ports.ts";

/** What a replica `R` needs of its host. */
export interface ReplicaHost<R> {
  readonly self: MemberId;
  /** The store has lost acknowledged writes, in words; undefined: it has not. */
  readonly damage: string | undefined;
  readonly world: GroupWorld;
  readonly node: RaftNode;
  readonly board: PeerBoard;
  readonly gone: GoneLogs;
  readonly isResigned: boolean;
  readonly disk: DiskRoom;
  nowMs(): number;
  nextRequest(): RequestId;
  /** Something was stepped outside of a turn. */
  schedule(): void;
  /** It has commands that are not proposed yet. */
  hasCommands(replica: R): void;
  /** It has committed entries to apply. */
  hasEntries(replica: R): void;
  /** It was closed by its user. */
  closed(replica: R): void;
  /** Its peers may be others. */
  configChanged(): void;
  /** It may have something to do for the configuration or the leadership. */
  unsettled(replica: R): void;
  /** Writes that no batch of a state holds; they are part of the open batch. */
  commit(writes: readonly StoreWrite[]): void;
  /** Removes everything with this prefix, in the background. */
  sweep(number: number): void;
}
