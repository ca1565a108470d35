// The store as its users see it: ordered keys, atomic commits, reads of durable data only. `Store`
// is what a shard needs, `KvEngine` what an engine offers to whoever owns the store. Engines live
// in workloads/platform/kv; the suite that every engine passes is test/conformance/kv.
import { PlatformError } from "#api/base/index.ts";

/** One change of a commit; `value` undefined removes the key. */
export interface StoreWrite {
  /** 1 to {@link STORE_KEY_BYTES_MAX} bytes, below {@link RESERVED_KEYS_START}. */
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
  /** Index of the operation in its shard, below 2^53; kept and checksummed with the value. */
  readonly index: number;
  /**
   * From then on, by the engine's wall clock, the key reads as absent; a sweep removes it.
   * Milliseconds since the epoch. Absent: it stays.
   */
  readonly expiresAtMs?: number;
}

/** A value with the index under which it was written. The bytes belong to the caller. */
export interface StoreValue {
  readonly value: Uint8Array;
  readonly index: number;
}

/** A key and its value, in a scan. */
export interface StoreItem extends StoreValue {
  readonly key: Uint8Array;
}

/** Keys `start` <= key < `end`, in byte order. */
export interface StoreRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

/** How a range is read. */
export interface ScanOptions {
  /** From the last key to the first. Default: ascending. */
  readonly reverse?: boolean;
  /** Items at most. Default: all. */
  readonly limit?: number;
}

/** Sizes, for the refusal of growth and for status. */
export interface StoreUsage {
  /** Bytes that live data takes where it rests, or will; without free pages and the log. */
  readonly liveBytes: number;
  /** Bytes of the file where data rests, free pages included; at least {@link liveBytes}. */
  readonly fileBytes: number;
}

/** How a commit is made. */
export interface CommitOptions {
  /**
   * False: resolves, and is read, once it is in the log, and becomes durable with the next commit
   * that is synced. For what can be made again from something durable, such as the applied state of
   * a replicated log. After a crash such commits are there as a prefix, never in part. Default
   * true.
   */
  readonly sync?: boolean;
}

/**
 * Ordered key/value store. Every read sees exactly what has been committed durably, and what was
 * committed with `sync: false`. A failed commit ends the store: every later call throws
 * STORE_SUSPECT.
 */
export interface Store {
  /** Throws {@link StoreError}: STORE_DAMAGED if the checksum does not hold, STORE_SUSPECT. */
  get(key: Uint8Array): StoreValue | undefined;
  /**
   * Lazy; shows one state if it is consumed in the turn in which it was asked for. Throws as
   * {@link get}.
   */
  scan(range: StoreRange, options?: ScanOptions): Iterable<StoreItem>;
  /**
   * All or nothing; resolves when durable. Commits take effect in the order in which they were
   * asked for; of several writes of one key in a commit the last one counts. The bytes may be
   * changed again when it has resolved. Rejects with STORE_SUSPECT, and the store is over.
   */
  commit(writes: readonly StoreWrite[], options?: CommitOptions): Promise<void>;
  usage(): StoreUsage;
  /** Waits for what has been committed. */
  close(): Promise<void>;
}

/** What a conditional commit expects of a key. */
export interface StoreCondition {
  readonly key: Uint8Array;
  /** Index under which the present value was written; undefined: the key is absent. */
  readonly index: number | undefined;
}

/** How a conditional commit ended. */
export type CommitOutcome =
  | { readonly kind: "committed" }
  /** Nothing was written. `condition` did not hold first; what that rests on is durable. */
  | {
      readonly kind: "refused";
      readonly condition: StoreCondition;
      readonly actual: number | undefined;
    };

/** A copy of a range as it was at one moment. Discard it when it has been sent. */
export interface StoreSnapshot {
  /** Bytes that {@link chunks} gives in all. */
  readonly bytes: number;
  /** Items in it. */
  readonly count: number;
  /** From the beginning, or from this byte on: a broken transfer goes on where it was. */
  chunks(fromByte?: number): AsyncIterable<Uint8Array>;
  discard(): Promise<void>;
}

/** Acknowledged writes are missing; see {@link KvEngine.damage}. */
export interface StoreDamage {
  /** What was found, where, in words. */
  readonly message: string;
}

/** Numbers for metrics. */
export interface KvStats {
  /** Bytes of the log that the checkpoint does not hold yet. */
  readonly logBytes: number;
  /** Keys kept in memory beside the checkpoint. */
  readonly overlayKeys: number;
  readonly checkpoints: number;
  /** Most CPU time since the start that one step of a checkpoint took of the event loop. */
  readonly checkpointStepMsMax: number;
  /** Time of the last sync of the log. */
  readonly lastSyncMs: number;
  /** Age of the oldest reader of the checkpoint; while one is too old, no checkpoint is made. */
  readonly readerAgeMs: number;
  /** Values whose checksum did not hold, found by reads or by a scrub. */
  readonly damagedValues: number;
  /** True while writes wait because the disk has no room. */
  readonly waitsForSpace: boolean;
}

/** How a scrub went. */
export interface ScrubReport {
  readonly checked: number;
  readonly damaged: number;
}

/** What every engine offers. */
export interface KvEngine extends Store {
  /**
   * Acknowledged writes that this store had and has no more; undefined: none. Everything that is
   * left is served. It is remembered until {@link clearDamage}: until then no member may vote with
   * this store, and a store without replicas must not be served.
   */
  readonly damage: StoreDamage | undefined;
  /** Values in the order of the keys. Throws as {@link Store.get}. */
  getMany(keys: readonly Uint8Array[]): readonly (StoreValue | undefined)[];
  /** Number of keys. Takes several turns if they are many, and is of no single moment then. */
  count(range: StoreRange): Promise<number>;
  /**
   * Commits if every condition holds of what was accepted before, durable or not; refused as a
   * whole otherwise.
   */
  commitIf(
    conditions: readonly StoreCondition[],
    writes: readonly StoreWrite[],
    options?: CommitOptions,
  ): Promise<CommitOutcome>;
  /**
   * Copies a range. One at a time, a second call waits. `atMoment` is called in the turn in which
   * the content is fixed: what it reads is what the snapshot holds.
   */
  snapshot(range: StoreRange, atMoment?: () => void): Promise<StoreSnapshot>;
  /**
   * Makes the range hold exactly what a snapshot of it holds, indexes and expiry included. Nothing
   * changes unless the stream is whole; after a crash it is done or not done. The range must not be
   * read or written until it resolves. Rejects with {@link SnapshotError}.
   */
  restore(range: StoreRange, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** Moves everything durable from the log to its final place. */
  checkpoint(): Promise<void>;
  /** Removes what has expired; answers how many keys. */
  sweep(): Promise<number>;
  /** Checks every checksum at rest, in small steps with pauses between them. */
  scrub(pauseMs?: number): Promise<ScrubReport>;
  /** What was lost has been fetched again from others. Durable when it resolves. */
  clearDamage(): Promise<void>;
  stats(): KvStats;
  /** Calls back once if the store fails, also when nobody commits. */
  whenFailed(callback: (cause: StoreError) => void): void;
}

/** Length of a key. */
export const STORE_KEY_BYTES_MAX = 1_536;

/** Keys from here on are the engine's own. */
export const RESERVED_KEYS_START: Uint8Array = new Uint8Array(8).fill(0xff);

/**
 * STORE_DAMAGED: a value's checksum does not hold. STORE_SUSPECT: a commit or sync failed, what is
 * on disk is unknown. STORE_REFUSED: not ours to open, see the message.
 */
export type StoreErrorCode = "STORE_DAMAGED" | "STORE_SUSPECT" | "STORE_REFUSED";

/** A failure of the store; none of them goes away by trying again. */
export class StoreError extends PlatformError {
  override readonly name = "StoreError";
  override readonly code: StoreErrorCode;
  /** With STORE_DAMAGED: whose checksum does not hold, so that it can be removed. */
  readonly damagedKey: Uint8Array | undefined;

  constructor(code: StoreErrorCode, message: string, cause?: unknown, damagedKey?: Uint8Array) {
    super(message, { cause });
    this.code = code;
    this.damagedKey = damagedKey;
  }
}

/** A stream is no whole snapshot of the range; nothing was changed. */
export class SnapshotError extends PlatformError {
  override readonly name = "SnapshotError";
  override readonly code = "STORE_BAD_SNAPSHOT";
}
