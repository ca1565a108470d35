// What every kind of shard offers to the calls: one partition as this member keeps it.
import type { ExclusiveToken, ReadDemand, SessionMark } from "#workloads/core/demand/index.ts";
import type { RequestIdentity } from "#workloads/core/raft/index.ts";
import type { Entry, ObjectItem, ObjectWrite, WritePlan } from "#workloads/core/store/index.ts";
import type { GrpcFailure } from "#workloads/platform/index.ts";

import type { ShardSlots } from "./slots.ts";

/** An object as a reader sees it. */
export interface StoredObject {
  readonly version: number;
  readonly entries: readonly Entry[];
  readonly event: Uint8Array | undefined;
  /** Names the content together with the version, where replicas may differ in it. */
  readonly digest?: Uint8Array | undefined;
}

/** How a write ended. */
export type WriteOutcome =
  | Extract<WritePlan, { kind: "version-mismatch" | "crdt-merge" }>
  | { readonly kind: "growth-refused" }
  /** This shard cannot take the write, for a reason of its own. Nothing was changed. */
  | { readonly kind: "refused"; readonly failure: GrpcFailure }
  | {
      readonly kind: "done";
      readonly version: number;
      /** The object afterwards, if it was asked for. */
      readonly object: StoredObject | undefined;
      /** It ran before under the same identity; this is how it ended then. */
      readonly repeated?: boolean;
    };

/** What goes with a write. */
export interface WriteOptions {
  /** False: writes that could make the store larger are refused. */
  readonly mayGrow: boolean;
  /** The outcome holds the object afterwards. */
  readonly view: boolean;
  /** Recognises a repetition: it is answered as it was then, and nothing is done. */
  readonly identity?: RequestIdentity | undefined;
  /** Of the exclusive call that writes: older than the object's newest is TOKEN_STALE. */
  readonly token?: ExclusiveToken | undefined;
}

/** What a read has to see, and how long it may wait for it. */
export interface ReadWish extends ReadDemand {
  readonly waitMs: number;
}

/**
 * Hears once whether a shard may be read. If `holds` is given, ask it after the state was read:
 * false means that what was read may be old after all, and that `whenReadable` is to be asked
 * again.
 */
export type WhenReadable = (failure: GrpcFailure | undefined, holds?: () => boolean) => void;

/**
 * Who takes writes of the partition: this replica, the one of this incarnation, or nobody that is
 * known.
 */
export type Lead =
  | { readonly kind: "here" }
  | { readonly kind: "elsewhere"; readonly incarnation: string }
  | { readonly kind: "nobody" };

/**
 * Whether the shard answers, and if not why. `unheard` are replicas that take writes of their own
 * and may have acknowledged some that are not here; see {@link MstReplica.unheard}.
 */
export type Standing =
  | { readonly kind: "ready"; readonly unheard?: readonly string[] }
  | { readonly kind: "starting"; readonly message: string };

/** One page of a listing. */
export interface PageOf {
  readonly prefix: string;
  readonly after: string | undefined;
  readonly limit: number;
  /** Only objects for which this holds; all if absent. */
  readonly has?: ((id: string) => boolean) | undefined;
}

/** One partition on one member. */
export interface Shard {
  readonly partition: number;
  /** Number in the store's keys. */
  readonly number: number;
  /** Objects that exist (durably). */
  readonly objects: number;
  /** Index of the last operation that is durable here. */
  readonly appliedIndex: number;
  readonly standing: Standing;
  /** How old what is known of the other replicas is; 0 without others. */
  readonly lagMs: number;

  /** Its slots, where they can move. */
  readonly slots: ShardSlots | undefined;
  /** Who takes writes; a replica that does not refuses them with NOT_LEADER or NO_LEADER. */
  readonly lead: Lead;
  /**
   * How far the partition has got, as a reader here sees it. A read that demands this mark, here or
   * at another replica, sees every write that was answered here before.
   */
  readonly mark: SessionMark;

  /**
   * Calls back once, in this turn or later, when a read may look at the shard: all that it has to
   * see is there. With a failure if that cannot be said, or not in time.
   */
  whenReadable(wish: ReadWish, done: WhenReadable): void;
  /** Runs a write; `done` is called once, when the outcome and all that it rests on are durable. */
  write(write: ObjectWrite, options: WriteOptions, done: (outcome: WriteOutcome) => void): void;
  /** Opens a client session or keeps it open; see {@link RequestIdentity}. */
  openSession(session: string, done: (failure: GrpcFailure | undefined) => void): void;
  /** Ends a client session; one that is not open is fine. */
  closeSession(session: string, done: (failure: GrpcFailure | undefined) => void): void;
  /** A token for an exclusive call of this object, later than all that were given out for it. */
  issueToken(id: string, done: (result: ExclusiveToken | GrpcFailure) => void): void;
  /** The object, or undefined if it does not exist. */
  get(id: string): StoredObject | undefined;
  /** An entry, and the version of the object or its tombstone if there is one. */
  getValue(
    id: string,
    key: string,
  ): {
    readonly value: Uint8Array | undefined;
    readonly version: number | undefined;
    readonly digest?: Uint8Array | undefined;
  };
  /** Entries after `after` that start with `prefix`, in byte order; `more` if the page is full. */
  listValues(
    id: string,
    page: PageOf,
  ): { readonly version: number; readonly entries: readonly Entry[]; readonly more: boolean };
  /** At most `limit` objects after `after` whose id starts with `prefix`, in byte order. */
  listObjects(page: PageOf): readonly ObjectItem[];
  /** A message of another replica. Answers at most once. */
  receive(from: string, payload: Uint8Array, answer: (payload: Uint8Array) => void): void;
  /** Ends timers; what is on its way to the disk still gets there. */
  close(): void;
}

/** Bytes of values in one page of ListValues; a page ends early rather than grow beyond. */
export const PAGE_BYTES_MAX = 4 * 1024 * 1024;

/** The replicas of a partition, and how one of them reaches the others. */
export interface ReplicaGroup {
  readonly generation: bigint;
  /** Generation that made the partition; 0 if that was not recorded. */
  readonly founded: bigint;
  /** Incarnations, this member's included. */
  readonly members: readonly string[];
  /**
   * Sends to another replica and calls back with its answer, or with undefined if there will be
   * none. The message may have arrived all the same.
   */
  send(to: string, payload: Uint8Array, answered: (payload: Uint8Array | undefined) => void): void;
}
