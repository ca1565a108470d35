// Where values rest once the log no longer holds them: an ordered file of sealed values, changed by
// durable transactions. The engine is written against this port.
import type { ScanOptions, StoreRange, StoreUsage } from "#workloads/core/store/index.ts";

/** A key with its sealed value. The bytes belong to the reader. */
export interface SealedItem {
  readonly key: Uint8Array;
  readonly sealed: Uint8Array;
}

/** A change; `sealed` undefined removes the key. */
export interface SealedWrite {
  readonly key: Uint8Array;
  readonly sealed: Uint8Array | undefined;
}

/** See the top of the file. */
export interface Checkpoint {
  get(key: Uint8Array): Uint8Array | undefined;
  /** At most `limit` items in the order asked for. Holds nothing open. */
  page(range: StoreRange, options: Required<ScanOptions>): readonly SealedItem[];
  /**
   * All or nothing, durable when it resolves. Rejects and is over, unless the failure's `code` is
   * ENOSPC: then nothing has changed and it may be tried again.
   */
  commit(writes: readonly SealedWrite[]): Promise<void>;
  usage(): StoreUsage;
  /** How long the oldest reader has kept old pages from being used again; 0 if none does. */
  readerAgeMs(): number;
  close(): Promise<void>;
}
