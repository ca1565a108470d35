// Group commit: everything that is written in one turn of the event loop, and everything that comes
// while a commit is on its way, goes to the store as one transaction. Nothing is told to anybody
// before its transaction is durable.
import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { CommitOptions, Store, StoreWrite, Timers } from "#workloads/core/store/index.ts";
import { systemClock } from "#workloads/platform/clock/index.ts";

/** What takes part in a commit. */
export interface CommitMember {
  /** The member's own records, asked for once just before its batch is committed. */
  sealBatch(batch: number): readonly StoreWrite[];
  /**
   * The batch is durable, or can be read if nobody wanted it synced. Called before the waiters of
   * the batch.
   */
  batchDurable(batch: number): void;
}

interface Batch {
  readonly number: number;
  readonly writes: Map<string, StoreWrite>;
  readonly members: Set<CommitMember>;
  readonly waiters: (() => void)[];
  bytes: number;
  /** Somebody wants it on the disk. */
  sync: boolean;
}

/** Numbers for the metrics of the program. */
export interface CommitObserver {
  committed(writes: number, milliseconds: number): void;
}

const PROCESS: Pick<Timers, "monotonicMs" | "soon"> = {
  monotonicMs: systemClock.monotonicMs,
  soon: (run) => void setImmediate(run),
};
/** Write bytes not yet durable beyond which {@link Committer.isOverloaded}. */
const PENDING_BYTES_MAX = 32 * 1024 * 1024;

/** One per store. */
export class Committer {
  readonly #store: Store;
  readonly #observer: CommitObserver;
  readonly #log: Logger;
  readonly #timers: Pick<Timers, "monotonicMs" | "soon">;
  #open = newBatch(1);
  #inflight: Batch | undefined;
  #scheduled = false;
  #failed = false;

  constructor(
    store: Store,
    options: {
      readonly observer: CommitObserver;
      readonly log: Logger;
      /** Those of the process if not given. */
      readonly timers?: Pick<Timers, "monotonicMs" | "soon">;
    },
  ) {
    this.#store = store;
    this.#observer = options.observer;
    this.#log = options.log;
    this.#timers = options.timers ?? PROCESS;
  }

  /** The number of the batch that the next write joins. */
  get openBatch(): number {
    return this.#open.number;
  }

  /** Whether too much waits for the disk to take on more. */
  get isOverloaded(): boolean {
    return this.#open.bytes + (this.#inflight?.bytes ?? 0) > PENDING_BYTES_MAX;
  }

  /**
   * Adds writes of one operation; they stay together. Later writes of a key replace earlier. With
   * `sync: false` they do not wait for the disk, unless others of their batch do: see
   * {@link CommitOptions}.
   */
  add(member: CommitMember, writes: readonly StoreWrite[], options: CommitOptions = {}): void {
    const batch = this.#open;
    if (options.sync !== false) batch.sync = true;
    batch.members.add(member);
    for (const write of writes) {
      batch.writes.set(keyText(write.key), write);
      batch.bytes += write.key.byteLength + (write.value?.byteLength ?? 0);
    }
    this.#schedule();
  }

  /** Calls back once everything added so far is durable; at once if it is. */
  whenDurable(callback: () => void): void {
    if (this.#open.members.size > 0) this.#open.waiters.push(callback);
    else if (this.#inflight !== undefined) this.#inflight.waiters.push(callback);
    else callback();
  }

  /** Resolves once everything added so far is durable. */
  drain(): Promise<void> {
    return new Promise((resolve) => this.whenDurable(resolve));
  }

  #schedule(): void {
    if (this.#scheduled || this.#inflight !== undefined || this.#failed) return;
    this.#scheduled = true;
    this.#timers.soon(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const batch = this.#open;
    this.#open = newBatch(batch.number + 1);
    this.#inflight = batch;
    for (const member of batch.members) {
      for (const write of member.sealBatch(batch.number)) {
        batch.writes.set(keyText(write.key), write);
      }
    }
    const startedAtMs = this.#timers.monotonicMs();
    try {
      await this.#store.commit([...batch.writes.values()], { sync: batch.sync });
    } catch (cause: unknown) {
      // The store is over and its guard ends the process; nobody is answered.
      this.#failed = true;
      this.#log.error("commit failed", { error: errorMessage(cause) });
      return;
    }
    this.#observer.committed(batch.writes.size, this.#timers.monotonicMs() - startedAtMs);
    this.#inflight = undefined;
    for (const member of batch.members) member.batchDurable(batch.number);
    if (this.#open.members.size > 0) void this.#flush();
    for (const waiter of batch.waiters) waiter();
  }
}

function newBatch(number: number): Batch {
  return { number, writes: new Map(), members: new Set(), waiters: [], bytes: 0, sync: false };
}

function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}
