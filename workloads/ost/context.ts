// What the objects of one disk share.
import type { LRUCache } from "lru-cache";

import type { PlatformError } from "#api/base/index.ts";

import type { GroupKey, Intents } from "./intents.ts";

/** Something with an open file that can do without it for a while. */
export interface Closable {
  /** False if it needs the file just now. */
  close(): boolean;
}

/** The disk as its objects see it. */
export interface DiskContext {
  readonly intents: Intents;
  /** Checksum pages by group: what is in memory is also in the page cache, and is the truth. */
  readonly sums: LRUCache<GroupKey, BigUint64Array>;
  /** Monotonic. */
  nowMs(): number;
  /** Throws OST_FAILED once a sync has failed: what is on the disk is unknown since. */
  assertWritable(): void;
  /** A sync failed; the disk takes no more writes in this run. */
  fail(what: string, cause: unknown): void;
  /** A block is not what was written. */
  damaged(error: PlatformError): void;
  /** Resolves when some announced groups have been taken back. */
  makeRoom(): Promise<void>;
  /** The object has a file open now; others may be closed for it. */
  opened(object: Closable): void;
  syncTook(ms: number): void;
}
