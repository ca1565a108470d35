// What an engine with a log stands on: a folder of files that are written and synced, and an
// ordered file of sealed values where they rest once the log no longer holds them. Real ones are in
// workloads/platform/kv, ones in memory that fail on purpose in testing/.
import type { ScanOptions, StoreRange, StoreUsage } from "./port.ts";

/** An open file. */
export interface DiskFile {
  readonly size: number;
  /** From `at` on; shorter only at the end of the file. */
  read(at: number, length: number): Promise<Uint8Array>;
  /** In the page cache when it resolves. `bytes` are not to be changed before. */
  write(at: number, bytes: Uint8Array): Promise<void>;
  /** Everything written before is durable when it resolves. Never called again after a failure. */
  sync(): Promise<void>;
  /** Cuts the file; what was there reads as zeros if it grows again. */
  truncate(length: number): Promise<void>;
  close(): void;
}

/** A folder. Failures for lack of room have the code FILES_NO_SPACE. */
export interface Disk {
  names(): Promise<readonly string[]>;
  /** Makes a file with room for so many bytes, which read as zeros; on failure there is none. */
  create(name: string, bytes: number): Promise<DiskFile>;
  open(name: string): Promise<DiskFile>;
  /** Succeeds if there is none. */
  remove(name: string): Promise<void>;
  /** Names made and removed before are durable when it resolves. */
  syncNames(): Promise<void>;
}

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
  /** Throws FILES_NO_SPACE if a commit of these may not find the room that it needs. */
  room(writes: readonly SealedWrite[]): Promise<void>;
  /** All or nothing, durable when it resolves. After a failure it is over. */
  commit(writes: readonly SealedWrite[]): Promise<void>;
  usage(): StoreUsage;
  /** How long the oldest reader has kept old pages from being used again; 0 if none does. */
  readerAgeMs(): number;
  close(): Promise<void>;
}

/** Time, for an engine. */
export interface Timers {
  /** Wall clock, milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  /** CPU time of the thread that runs the engine. */
  readonly cpuMs: () => number;
  /** After what is at hand in this turn of the event loop. */
  readonly soon: (run: () => void) => void;
  /** Returns what cancels it. */
  readonly later: (ms: number, run: () => void) => () => void;
}
