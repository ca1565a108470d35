// A Basic shard: one partition with one replica. Writes are planned one after the other against the
// newest state, durable or not, and answered when their batch is; reads see what is durable.
import { assert } from "#api/base/index.ts";
import type {
  Entry,
  ObjectChange,
  ObjectItem,
  ObjectReader,
  ObjectRecord,
  ObjectWrite,
  Store,
  StoreWrite,
  WritePlan,
} from "#workloads/core/store/index.ts";
import {
  afterObject,
  afterShard,
  compareText,
  decodeRecord,
  encodeRecord,
  entryKey,
  entryRange,
  eventKey,
  firstObject,
  objectKey,
  parseKey,
  planWrite,
  RECORD_KIND,
  scanFields,
  shardKey,
  WireWriter,
} from "#workloads/core/store/index.ts";

import type { Committer, CommitMember } from "../committer.ts";
import { refuse } from "../errors.ts";
import type { Shard, Standing, StoredObject, WriteOutcome } from "./shard.ts";
import { PAGE_BYTES_MAX } from "./shard.ts";

interface PendingObject {
  record: ObjectRecord | undefined;
  readonly entries: Map<string, Uint8Array | undefined>;
  event: { readonly value: Uint8Array | undefined } | undefined;
  lastBatch: number;
}

/** One partition in one store. */
export class BasicShard implements Shard, CommitMember {
  readonly partition: number;
  /** Number in the store's keys. */
  readonly number: number;
  readonly #store: Store;
  readonly #committer: Committer;
  readonly #pending = new Map<string, PendingObject>();
  readonly #touched = new Map<number, Set<string>>();
  readonly #sealed = new Map<number, { readonly index: number; readonly objects: number }>();
  readonly #reader: ObjectReader;
  #index: number;
  #objects: number;
  #durableIndex: number;
  #durableObjects: number;

  constructor(options: {
    readonly partition: number;
    readonly number: number;
    readonly store: Store;
    readonly committer: Committer;
  }) {
    this.partition = options.partition;
    this.number = options.number;
    this.#store = options.store;
    this.#committer = options.committer;
    const counters = readCounters(options.store, options.number);
    this.#index = this.#durableIndex = counters.index;
    this.#objects = this.#durableObjects = counters.objects;
    this.#reader = {
      record: (id) => this.#newestRecord(id),
      entry: (id, key) => this.#newestEntry(id, key),
      entries: (id) => this.#newestEntries(id),
    };
  }

  readonly standing: Standing = { kind: "ready" };
  /** There are no other replicas. */
  readonly lagMs = 0;

  whenReadable(done: (failure: undefined) => void): void {
    done(undefined);
  }

  receive(): void {
    throw refuse("UNSUPPORTED", "a Basic shard has one replica");
  }

  close(): void {
    // No timers, no links.
  }

  /** Objects that exist (durably). */
  get objects(): number {
    return this.#durableObjects;
  }

  /** Index of the last operation that is durable. */
  get appliedIndex(): number {
    return this.#durableIndex;
  }

  /**
   * Runs a write; `done` is called once, when the outcome and all that it rests on are durable.
   * With `mayGrow` false, writes that could make the store larger are refused.
   */
  write(
    write: ObjectWrite,
    options: { readonly mayGrow: boolean; readonly view: boolean },
    done: (outcome: WriteOutcome) => void,
  ): void {
    const plan = planWrite(this.#reader, write);
    if (plan.kind !== "planned") {
      this.#committer.whenDurable(() => done(plan));
      return;
    }
    if (plan.grows && !options.mayGrow) {
      done({ kind: "growth-refused" });
      return;
    }
    if (plan.changes.length > 0) this.#accept(write.id, plan);
    const object = options.view ? this.#newestObject(write.id) : undefined;
    this.#committer.whenDurable(() => done({ kind: "done", version: plan.version, object }));
  }

  /** The object, or undefined if it does not exist. */
  get(id: string): StoredObject | undefined {
    const record = this.#storedRecord(id);
    if (record === undefined || record.tombstone) return undefined;
    const entries = record.inline ?? [...this.#storedEntries(id, {})];
    const event = record.hasEvent ? this.#store.get(eventKey(this.number, id))?.value : undefined;
    return { version: record.version, entries, event };
  }

  /** An entry, and the version of the object or its tombstone if there is one. */
  getValue(
    id: string,
    key: string,
  ): { readonly value: Uint8Array | undefined; readonly version: number | undefined } {
    const record = this.#storedRecord(id);
    if (record === undefined) return { value: undefined, version: undefined };
    const value =
      record.inline === undefined
        ? this.#store.get(entryKey(this.number, id, key))?.value
        : record.inline.find((entry) => entry.key === key)?.value;
    return { value, version: record.version };
  }

  /** Entries after `after` that start with `prefix`, in byte order; `more` if the page is full. */
  listValues(
    id: string,
    page: { readonly prefix: string; readonly after: string | undefined; readonly limit: number },
  ): { readonly version: number; readonly entries: readonly Entry[]; readonly more: boolean } {
    const record = this.#storedRecord(id);
    if (record === undefined || record.tombstone) return { version: 0, entries: [], more: false };
    const candidates = record.inline ?? this.#storedEntries(id, page);
    const entries: Entry[] = [];
    let bytes = 0;
    for (const entry of candidates) {
      if (!entry.key.startsWith(page.prefix)) continue;
      if (page.after !== undefined && compareText(entry.key, page.after) <= 0) continue;
      entries.push(entry);
      bytes += entry.value.byteLength;
      if (entries.length === page.limit || bytes >= PAGE_BYTES_MAX) {
        return { version: record.version, entries, more: true };
      }
    }
    return { version: record.version, entries, more: false };
  }

  /** At most `limit` objects after `after` whose id starts with `prefix`, in byte order. */
  listObjects(page: {
    readonly prefix: string;
    readonly after: string | undefined;
    readonly limit: number;
  }): readonly ObjectItem[] {
    const items: ObjectItem[] = [];
    const end = afterShard(this.number);
    let start = firstObject(this.number, page.prefix);
    if (page.after !== undefined && compareText(page.after, page.prefix) >= 0) {
      start = afterObject(this.number, page.after);
    }
    while (items.length < page.limit) {
      const next = this.#nextObjects(start, { ...page, end, items });
      if (next === undefined) break;
      start = next;
    }
    return items;
  }

  sealBatch(batch: number): readonly StoreWrite[] {
    this.#sealed.set(batch, { index: this.#index, objects: this.#objects });
    const value = new WireWriter().varint(1, this.#index).varint(2, this.#objects).finish();
    return [{ key: shardKey(this.number), value, index: this.#index }];
  }

  batchDurable(batch: number): void {
    for (const id of this.#touched.get(batch) ?? []) {
      if (this.#pending.get(id)?.lastBatch === batch) this.#pending.delete(id);
    }
    this.#touched.delete(batch);
    const sealed = this.#sealed.get(batch);
    assert(sealed !== undefined, "a batch is sealed before it is durable");
    this.#sealed.delete(batch);
    this.#durableIndex = sealed.index;
    this.#durableObjects = sealed.objects;
  }

  #accept(id: string, plan: Extract<WritePlan, { kind: "planned" }>): void {
    this.#index += 1;
    this.#objects += plan.objects;
    const batch = this.#committer.openBatch;
    const pending = this.#pendingOf(id, batch);
    const writes = plan.changes.map((change) => {
      remember(pending, change);
      return this.#encode(change);
    });
    this.#committer.add(this, writes);
  }

  #pendingOf(id: string, batch: number): PendingObject {
    let pending = this.#pending.get(id);
    if (pending === undefined) {
      pending = { record: undefined, entries: new Map(), event: undefined, lastBatch: batch };
      this.#pending.set(id, pending);
    }
    pending.lastBatch = batch;
    const touched = this.#touched.get(batch);
    if (touched === undefined) this.#touched.set(batch, new Set([id]));
    else touched.add(id);
    return pending;
  }

  #encode(change: ObjectChange): StoreWrite {
    const index = this.#index;
    switch (change.kind) {
      case "record":
        return {
          key: objectKey(this.number, change.id),
          value: encodeRecord(change.record),
          index,
        };
      case "entry":
        return { key: entryKey(this.number, change.id, change.key), value: change.value, index };
      case "event":
        return { key: eventKey(this.number, change.id), value: change.value, index };
    }
  }

  /** Scans until an object with spilled entries is met, and answers where to go on after it. */
  #nextObjects(
    start: Uint8Array,
    page: {
      readonly prefix: string;
      readonly limit: number;
      readonly end: Uint8Array;
      readonly items: ObjectItem[];
    },
  ): Uint8Array | undefined {
    for (const item of this.#store.scan({ start, end: page.end })) {
      const { id, kind } = parseKey(item.key);
      assert(kind === RECORD_KIND.object, "an object's record comes before its entries");
      if (!id.startsWith(page.prefix)) return undefined;
      const record = decodeRecord(item.value);
      if (!record.tombstone) {
        page.items.push({ id, version: record.version, entryCount: record.entryCount });
      }
      if (page.items.length === page.limit) return undefined;
      if (record.inline === undefined || record.hasEvent) return afterObject(this.number, id);
    }
    return undefined;
  }

  #storedRecord(id: string): ObjectRecord | undefined {
    const stored = this.#store.get(objectKey(this.number, id));
    return stored === undefined ? undefined : decodeRecord(stored.value);
  }

  *#storedEntries(
    id: string,
    page: { readonly prefix?: string; readonly after?: string | undefined },
  ): Iterable<Entry> {
    const range = entryRange(this.number, id, {
      ...(page.prefix === undefined ? {} : { prefix: page.prefix }),
      ...(page.after === undefined ? {} : { after: page.after }),
    });
    for (const item of this.#store.scan(range)) {
      yield { key: parseKey(item.key).entryKey, value: item.value };
    }
  }

  #newestRecord(id: string): ObjectRecord | undefined {
    return this.#pending.get(id)?.record ?? this.#storedRecord(id);
  }

  #newestEntry(id: string, key: string): Uint8Array | undefined {
    const pending = this.#pending.get(id)?.entries;
    if (pending?.has(key) === true) return pending.get(key);
    return this.#store.get(entryKey(this.number, id, key))?.value;
  }

  #newestEntries(id: string): readonly Entry[] {
    const pending = this.#pending.get(id)?.entries ?? new Map<string, Uint8Array | undefined>();
    if (pending.size === 0) return [...this.#storedEntries(id, {})];
    const all = new Map<string, Uint8Array>();
    for (const { key, value } of this.#storedEntries(id, {})) all.set(key, value);
    for (const [key, value] of pending) {
      if (value === undefined) all.delete(key);
      else all.set(key, value);
    }
    return [...all]
      .map(([key, value]) => ({ key, value }))
      .sort((a, b) => compareText(a.key, b.key));
  }

  #newestObject(id: string): StoredObject | undefined {
    const record = this.#newestRecord(id);
    if (record === undefined || record.tombstone) return undefined;
    const pendingEvent = this.#pending.get(id)?.event;
    const event =
      pendingEvent === undefined && record.hasEvent
        ? this.#store.get(eventKey(this.number, id))?.value
        : pendingEvent?.value;
    const entries = record.inline ?? this.#newestEntries(id);
    return { version: record.version, entries, event };
  }
}

function remember(pending: PendingObject, change: ObjectChange): void {
  switch (change.kind) {
    case "record":
      pending.record = change.record;
      return;
    case "entry":
      pending.entries.set(change.key, change.value);
      return;
    case "event":
      pending.event = { value: change.value };
      return;
  }
}

function readCounters(
  store: Store,
  shard: number,
): { readonly index: number; readonly objects: number } {
  let index = 0;
  let objects = 0;
  const stored = store.get(shardKey(shard));
  if (stored !== undefined) {
    scanFields(stored.value, (number, varint) => {
      if (number === 1) index = varint;
      else if (number === 2) objects = varint;
    });
  }
  return { index, objects };
}
