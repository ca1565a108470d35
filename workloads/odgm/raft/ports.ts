// What the driver of Raft groups asks of the world. The program gives it timers, links and its
// store; a simulation gives it its own.
import type { Clock, Hasher, Logger, Rng } from "#api/base/index.ts";
import type { MemberId } from "#workloads/core/raft/index.ts";
import type { Store, StoreWrite } from "#workloads/core/store/index.ts";

/** Ends a timer; may be called again. */
export type StopTimer = () => void;

/** Time that passes. Callbacks never run inside the call that asked for them. */
export interface Timers {
  /** About every `ms`. */
  every(ms: number, run: () => void): StopTimer;
  /** Once, in about `ms`. */
  after(ms: number, run: () => void): StopTimer;
  /** Once, when the turn that is going on has taken in all that had arrived. */
  endOfTurn(run: () => void): void;
}

/** Which stream to a peer: snapshots must not stand in the way of heartbeats. */
export type Lane = "control" | "bulk";

/** Messages to other members. They may be lost, repeated and late; frames are at most 256 KiB. */
export interface GroupLinks {
  /**
   * Calls back once: with the peer's answer, or with undefined if there will be none. The message
   * may have arrived all the same.
   */
  send(
    to: MemberId,
    message: { readonly lane: Lane; readonly payload: Uint8Array; readonly timeoutMs: number },
    answered: (payload: Uint8Array | undefined) => void,
  ): void;
}

/** What takes part in a commit; see {@link GroupCommitter}. */
export interface GroupCommitMember {
  /** Its own records, asked for once just before its batch is committed. */
  sealBatch(batch: number): readonly StoreWrite[];
  /**
   * The batch is durable, or can be read if nobody wanted it synced. Called before whoever waits
   * for the batch.
   */
  batchDurable(batch: number): void;
}

/** The group commit of the store: what is added in one turn becomes durable together. */
export interface GroupCommitter {
  /** The number of the batch that the next write joins. */
  readonly openBatch: number;
  /**
   * Writes that stay together; later writes of a key replace earlier ones. With `sync: false` they
   * need not wait for the disk: after a crash such writes are there as a prefix of what was added.
   */
  add(
    member: GroupCommitMember,
    writes: readonly StoreWrite[],
    options?: { readonly sync: boolean },
  ): void;
  /** Calls back once everything added so far is durable; at once if it is. */
  whenDurable(callback: () => void): void;
}

/** Counts what happens, for metrics. */
export interface GroupObserver {
  /** So many commands were proposed by this member in one entry. */
  proposed(commands: number, bytes: number): void;
  /** A command of this member was applied so long after it was asked for. */
  commandApplied(milliseconds: number): void;
  /** A group here knows another leader than before, or none. */
  leaderChanged(): void;
  /** A tick came so much later than it should have. */
  loopLag(milliseconds: number): void;
  /** A snapshot was delivered to or taken from another member. */
  snapshot(direction: "sent" | "received", bytes: number): void;
}

/** The world of a {@link GroupHost}. */
export interface GroupWorld {
  readonly store: Pick<Store, "get" | "scan">;
  readonly committer: GroupCommitter;
  readonly links: GroupLinks;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly rng: Rng;
  readonly hasher: Hasher;
  readonly log: Logger;
  readonly observer: GroupObserver;
}
