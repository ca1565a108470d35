// The store as the shards see it: ordered keys, atomic commits, reads of durable data only. Engines
// live in workloads/platform/kv, the suite that every engine passes in test/conformance/odgm.
import { PlatformError } from "#api/base/index.ts";

/** One change of a commit; `value` undefined removes the key. */
export interface StoreWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
  /** Index of the operation in its shard; kept beside the value and covered by its checksum. */
  readonly index: number;
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

/** Sizes, for the refusal of growth and for status. */
export interface StoreUsage {
  /** Bytes that live data takes, free pages not counted. */
  readonly liveBytes: number;
  /** Bytes of the store's files. */
  readonly fileBytes: number;
}

/**
 * Ordered key/value store. Every read sees exactly what has been committed durably. A failed
 * commit ends the store: every later call throws STORE_SUSPECT.
 */
export interface Store {
  /** Throws {@link StoreError}: STORE_DAMAGED if the checksum does not hold, STORE_SUSPECT. */
  get(key: Uint8Array): StoreValue | undefined;
  /** Lazy; must be consumed in the turn in which it was asked for. Throws as {@link get}. */
  scan(range: StoreRange): Iterable<StoreItem>;
  /** All or nothing; resolves when durable. Rejects with STORE_SUSPECT, and the store is over. */
  commit(writes: readonly StoreWrite[]): Promise<void>;
  usage(): StoreUsage;
  close(): Promise<void>;
}

/**
 * STORE_DAMAGED: a value's checksum does not hold. STORE_SUSPECT: a commit or sync failed, what is
 * on disk is unknown. STORE_REFUSED: not ours to open, see the message.
 */
export type StoreErrorCode = "STORE_DAMAGED" | "STORE_SUSPECT" | "STORE_REFUSED";

/** A failure of the store; none of them goes away by trying again. */
export class StoreError extends PlatformError {
  override readonly name = "StoreError";
  override readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
