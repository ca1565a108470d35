// The objects of an Mst shard in the store: what is newest, durable or not, what is durable, and
// what each commit brings. Whoever follows the shard is told of each object once it is durable.
import { assert } from "#api/base/index.ts";
import type { ObjectState, Stamp } from "#workloads/core/merge/index.ts";
import {
  decodeObject,
  earliestTombstoneOf,
  encodeObject,
  objectExists,
} from "#workloads/core/merge/index.ts";
import type { ObjectItem, Store, StoreWrite } from "#workloads/core/store/index.ts";
import {
  afterObject,
  afterShard,
  compareText,
  firstObject,
  objectKey,
  parseKey,
  shardKey,
} from "#workloads/core/store/index.ts";

import type { Committer, CommitMember } from "../committer.ts";
import type { Timers } from "../raft/ports.ts";
import type { MstCounters } from "./mst-records.ts";
import { decodeCounters, encodeCounters, storedView } from "./mst-records.ts";
import type { PageOf, StoredObject } from "./shard.ts";
import { PAGE_BYTES_MAX } from "./shard.ts";

/** A change of an object that goes with the next commit. */
export interface Accepted {
  readonly id: string;
  /** Undefined: nothing is left of it. */
  readonly state: ObjectState | undefined;
  /** Of a local write. */
  readonly stamp: Stamp | undefined;
}

/** What is told as it becomes durable, in this order for each commit. */
export interface MstFollower {
  objectDurable(accepted: Accepted): void;
  countersDurable(counters: MstCounters, hasLocalWrites: boolean): void;
}

interface Batch {
  readonly accepted: Accepted[];
  readonly after: (() => void)[];
  sealed: MstCounters | undefined;
}

/** Objects that are read in one turn of the event loop. */
const SLICE = 500;

/** One shard's part of the store. */
export class MstObjects implements CommitMember {
  readonly #number: number;
  readonly #store: Store;
  readonly #committer: Committer;
  readonly #timers: Pick<Timers, "endOfTurn">;
  readonly #follower: MstFollower;
  readonly #batches = new Map<number, Batch>();
  readonly #pending = new Map<string, { state: ObjectState | undefined; batch: number }>();
  /** Earliest tombstone of each object that has one. */
  readonly #tombstones = new Map<string, number>();
  #counters: MstCounters;
  #durable: MstCounters;
  #count = 0;
  #isClosed = false;

  /** `first` are the counters of a shard that is not in the store yet. */
  constructor(options: {
    readonly number: number;
    readonly store: Store;
    readonly committer: Committer;
    readonly timers: Pick<Timers, "endOfTurn">;
    readonly first: MstCounters;
    readonly follower: MstFollower;
  }) {
    this.#number = options.number;
    this.#store = options.store;
    this.#committer = options.committer;
    this.#timers = options.timers;
    this.#follower = options.follower;
    const stored = options.store.get(shardKey(options.number));
    this.#counters = this.#durable =
      stored === undefined ? options.first : decodeCounters(stored.value);
    // The first counters say who may serve; a crash must not forget that.
    if (stored === undefined) this.commit();
  }

  /** The newest counters. */
  get counters(): MstCounters {
    return this.#counters;
  }

  /** Index of the last change that is durable. */
  get durableIndex(): number {
    return this.#durable.index;
  }

  /** Objects that exist. */
  get count(): number {
    return this.#count;
  }

  /** The newest state, durable or not. */
  newest(id: string): ObjectState | undefined {
    const pending = this.#pending.get(id);
    return pending === undefined ? this.stored(id) : pending.state;
  }

  /** The durable state. */
  stored(id: string): ObjectState | undefined {
    const bytes = this.bytes(id);
    return bytes === undefined ? undefined : decoded(bytes);
  }

  /** The canonical bytes of the durable state. */
  bytes(id: string): Uint8Array | undefined {
    return this.#store.get(objectKey(this.#number, id))?.value;
  }

  /** At most `limit` objects with a tombstone that is due at this cut. */
  due(cut: number, limit: number): readonly string[] {
    const due: string[] = [];
    for (const [id, earliest] of this.#tombstones) {
      if (earliest <= cut) due.push(id);
      if (due.length === limit) break;
    }
    return due;
  }

  /** Ids of everything, durable or not. */
  ids(): ReadonlySet<string> {
    const ids = new Set(this.#pending.keys());
    const range = { start: firstObject(this.#number, ""), end: afterShard(this.#number) };
    for (const item of this.#store.scan(range)) ids.add(parseKey(item.key).id);
    return ids;
  }

  /** The change joins the open batch; the next {@link newest} is this state. */
  accept(accepted: Accepted): void {
    const { id, state } = accepted;
    this.#count += existing(state) - existing(this.newest(id));
    this.#counters = { ...this.#counters, index: this.#counters.index + 1 };
    const batch = this.#committer.openBatch;
    this.#pending.set(id, { state, batch });
    this.#batchOf(batch).accepted.push(accepted);
    const value = state === undefined ? undefined : encodeObject(state);
    const write = { key: objectKey(this.#number, id), value, index: this.#counters.index };
    this.#committer.add(this, [write]);
  }

  /** Changes the counters with the next commit; `after` is called when it is durable. */
  commit(change: Partial<MstCounters> = {}, after?: () => void): void {
    this.#counters = { ...this.#counters, ...change };
    if (after !== undefined) this.#batchOf(this.#committer.openBatch).after.push(after);
    this.#committer.add(this, []);
  }

  /**
   * Tells the follower of everything stored, in slices. Nothing may be accepted until `done` is
   * called, in this turn or later.
   */
  load(done: () => void, start = firstObject(this.#number, "")): void {
    let count = 0;
    for (const item of this.#store.scan({ start, end: afterShard(this.#number) })) {
      const { id } = parseKey(item.key);
      const state = decoded(item.value);
      this.#applied({ id, state, stamp: undefined });
      this.#count += existing(state);
      count += 1;
      if (count < SLICE) continue;
      const next = afterObject(this.#number, id);
      this.#timers.endOfTurn(() => {
        if (!this.#isClosed) this.load(done, next);
      });
      return;
    }
    done();
  }

  /** See `Shard.listValues`. */
  listValues(
    id: string,
    page: PageOf,
  ): {
    readonly version: number;
    readonly entries: StoredObject["entries"];
    readonly more: boolean;
  } {
    const state = this.stored(id);
    const view = state === undefined ? undefined : storedView(state);
    if (view === undefined) return { version: 0, entries: [], more: false };
    const entries: StoredObject["entries"][number][] = [];
    let bytes = 0;
    for (const entry of view.entries) {
      if (!entry.key.startsWith(page.prefix)) continue;
      if (page.after !== undefined && compareText(entry.key, page.after) <= 0) continue;
      entries.push(entry);
      bytes += entry.value.byteLength;
      if (entries.length === page.limit || bytes >= PAGE_BYTES_MAX) {
        return { version: view.version, entries, more: true };
      }
    }
    return { version: view.version, entries, more: false };
  }

  /** See `Shard.listObjects`. */
  listObjects(page: PageOf): readonly ObjectItem[] {
    const start =
      page.after !== undefined && compareText(page.after, page.prefix) >= 0
        ? afterObject(this.#number, page.after)
        : firstObject(this.#number, page.prefix);
    const items: ObjectItem[] = [];
    for (const item of this.#store.scan({ start, end: afterShard(this.#number) })) {
      const { id } = parseKey(item.key);
      if (!id.startsWith(page.prefix)) break;
      const view = storedView(decoded(item.value));
      if (view === undefined) continue;
      items.push({ id, version: view.version, entryCount: view.entries.length });
      if (items.length === page.limit) break;
    }
    return items;
  }

  /** Ends loading. */
  close(): void {
    this.#isClosed = true;
  }

  sealBatch(batch: number): readonly StoreWrite[] {
    const counters = this.#counters;
    this.#batchOf(batch).sealed = counters;
    const value = encodeCounters(counters);
    return [{ key: shardKey(this.#number), value, index: counters.index }];
  }

  batchDurable(number: number): void {
    const batch = this.#batches.get(number);
    assert(batch?.sealed !== undefined, "a batch is sealed before it is durable");
    this.#batches.delete(number);
    this.#durable = batch.sealed;
    for (const accepted of batch.accepted) {
      this.#applied(accepted);
      if (this.#pending.get(accepted.id)?.batch === number) this.#pending.delete(accepted.id);
    }
    const hasLocalWrites = batch.accepted.some(({ stamp }) => stamp !== undefined);
    this.#follower.countersDurable(batch.sealed, hasLocalWrites);
    for (const after of batch.after) after();
  }

  #applied(accepted: Accepted): void {
    const { id, state } = accepted;
    const earliest = state === undefined ? undefined : earliestTombstoneOf(state);
    if (earliest === undefined) this.#tombstones.delete(id);
    else this.#tombstones.set(id, earliest);
    this.#follower.objectDurable(accepted);
  }

  #batchOf(number: number): Batch {
    let batch = this.#batches.get(number);
    if (batch === undefined) {
      batch = { accepted: [], after: [], sealed: undefined };
      this.#batches.set(number, batch);
    }
    return batch;
  }
}

function existing(state: ObjectState | undefined): number {
  return state !== undefined && objectExists(state) ? 1 : 0;
}

function decoded(bytes: Uint8Array): ObjectState {
  const state = decodeObject(bytes);
  assert(state !== undefined, "a stored object is well-formed: it had a checksum");
  return state;
}
