// A Basic shard: one partition with one replica. Writes are planned one after the other against the
// newest state, durable or not, and answered when their batch is; reads see what is durable.
import { assert } from "#api/base/index.ts";
import type { ExclusiveToken, SessionMark } from "#workloads/core/demand/index.ts";
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
  compareText,
  encodeRecord,
  entryKey,
  eventKey,
  objectKey,
  planWrite,
  scanFields,
  shardKey,
  WireWriter,
} from "#workloads/core/store/index.ts";

import { systemClock } from "#workloads/platform/clock/index.ts";
import type { GrpcFailure } from "#workloads/platform/index.ts";

import type { Committer, CommitMember } from "../committer.ts";
import { refuse } from "../errors.ts";
import { BasicSlots } from "./basic-slots.ts";
import { ExclusiveTokens } from "./exclusive.ts";
import type { ObjectSource } from "./objects.ts";
import { listObjects, listValues, objectReader, readObject, readValue } from "./objects.ts";
import type { DecidedOutcome, KeyedIdentity, Remembered } from "./remembered.ts";
import { RememberedRequests } from "./remembered.ts";
import type {
  Lead,
  PageOf,
  ReadWish,
  Shard,
  Standing,
  StoredObject,
  WriteOptions,
  WriteOutcome,
} from "./shard.ts";
import { hasHere, refusalOfMark } from "./slots.ts";

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
  readonly #source: ObjectSource;
  /** What is in the store ... */
  readonly #durable: ObjectReader;
  /** ... and what will be. */
  readonly #reader: ObjectReader;
  readonly #incarnation: string;
  readonly #remembered: RememberedRequests;
  readonly slots: BasicSlots;
  #tokens: ExclusiveTokens;
  /** The last in which tokens of exclusive calls were given out. */
  #term: number;
  #index: number;
  #objects: number;
  #durableIndex: number;
  #durableObjects: number;

  constructor(options: {
    readonly partition: number;
    readonly number: number;
    /** Of the store: with another one the history of the partition is another. */
    readonly incarnation: string;
    readonly store: Store;
    readonly committer: Committer;
  }) {
    this.partition = options.partition;
    this.#incarnation = options.incarnation;
    this.number = options.number;
    this.#store = options.store;
    this.#committer = options.committer;
    const counters = readCounters(options.store, options.number);
    this.#index = this.#durableIndex = counters.index;
    this.#objects = this.#durableObjects = counters.objects;
    this.#term = counters.term;
    this.#tokens = new ExclusiveTokens(counters.term + 1);
    this.#remembered = new RememberedRequests(options.number, options.store);
    const { number, store } = options;
    this.#source = { number, get: (key) => store.get(key), scan: (range) => store.scan(range) };
    this.#durable = objectReader(this.#source);
    this.slots = new BasicSlots(this.#source, {
      add: (writes) => this.#add(writes),
      whenDurable: (done) => this.#committer.whenDurable(done),
      tokenTerm: () => this.#term,
      arrived: (objects, term) => this.#arrived(objects, term),
    });
    this.#reader = {
      record: (id) => this.#newestRecord(id),
      entry: (id, key) => this.#newestEntry(id, key),
      entries: (id) => this.#newestEntries(id),
    };
  }

  readonly standing: Standing = { kind: "ready" };
  /** There are no other replicas. */
  readonly lagMs = 0;
  readonly lead: Lead = { kind: "here" };

  get mark(): SessionMark {
    return { incarnation: this.#incarnation, index: this.#durableIndex };
  }

  /** There is one copy: what was answered is here, or it is in no copy at all. */
  whenReadable(wish: ReadWish, done: (failure: GrpcFailure | undefined) => void): void {
    const lost = wish.marks.some(
      ({ incarnation, index }) => incarnation !== this.#incarnation || index > this.#durableIndex,
    );
    const text = `partition ${this.partition} began anew since the session wrote to it`;
    done(lost ? refuse("SESSION_LOST", text) : undefined);
  }

  openSession(_session: string, done: (failure: GrpcFailure | undefined) => void): void {
    done(refuse("UNSUPPORTED", "client sessions are kept by Raft shards"));
  }

  closeSession(_session: string, done: (failure: GrpcFailure | undefined) => void): void {
    done(undefined);
  }

  issueToken(id: string, done: (result: ExclusiveToken | GrpcFailure) => void): void {
    const elsewhere = refusalOfMark(this.slots.markOf(id), this.partition);
    if (elsewhere !== undefined) {
      done(elsewhere);
      return;
    }
    const token = this.#tokens.issue(id);
    if (this.#term < token.term) {
      // Once durable, no later life of the shard begins with this term.
      this.#term = token.term;
      this.#committer.add(this, []);
    }
    this.#committer.whenDurable(() => done(token));
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

  write(write: ObjectWrite, options: WriteOptions, done: (outcome: WriteOutcome) => void): void {
    const { identity } = options;
    if (identity?.kind === "session") {
      done({ kind: "refused", failure: refuse("UNSUPPORTED", "Raft shards keep sessions") });
      return;
    }
    // Before the key is asked: what is known of the object has gone with its slot.
    const failure = refusalOfMark(this.slots.markOf(write.id), this.partition);
    if (failure !== undefined) {
      done({ kind: "refused", failure });
      return;
    }
    const known = identity === undefined ? undefined : this.#remembered.find(identity.key);
    if (identity === undefined || known === undefined) this.#write(write, options, done);
    else this.#answerAgain(identity, known, done);
  }

  /** The object, or undefined if it does not exist. */
  get(id: string): StoredObject | undefined {
    return readObject(this.#source, id);
  }

  /** An entry, and the version of the object or its tombstone if there is one. */
  getValue(
    id: string,
    key: string,
  ): { readonly value: Uint8Array | undefined; readonly version: number | undefined } {
    return readValue(this.#source, id, key);
  }

  /** Entries after `after` that start with `prefix`, in byte order; `more` if the page is full. */
  listValues(id: string, page: PageOf): ReturnType<Shard["listValues"]> {
    return listValues(this.#source, id, page);
  }

  /** At most `limit` objects after `after` whose id starts with `prefix`, in byte order. */
  listObjects(page: PageOf): readonly ObjectItem[] {
    return listObjects(this.#source, { ...page, has: hasHere(this.slots, page.has) });
  }

  sealBatch(batch: number): readonly StoreWrite[] {
    this.#sealed.set(batch, { index: this.#index, objects: this.#objects });
    const writer = new WireWriter().varint(1, this.#index).varint(2, this.#objects);
    const value = (this.#term === 0 ? writer : writer.varint(3, this.#term)).finish();
    return [{ key: shardKey(this.number), value, index: this.#index }];
  }

  batchDurable(batch: number): void {
    for (const id of this.#touched.get(batch) ?? []) {
      if (this.#pending.get(id)?.lastBatch === batch) this.#pending.delete(id);
    }
    this.#touched.delete(batch);
    this.#remembered.batchDurable(batch);
    const sealed = this.#sealed.get(batch);
    assert(sealed !== undefined, "a batch is sealed before it is durable");
    this.#sealed.delete(batch);
    this.#durableIndex = sealed.index;
    this.#durableObjects = sealed.objects;
  }

  #write(
    write: ObjectWrite,
    { mayGrow, view, identity, token }: WriteOptions,
    done: (outcome: WriteOutcome) => void,
  ): void {
    if (token !== undefined && this.#tokens.isStale(write.id, token)) {
      const failure = refuse("TOKEN_STALE", `a later exclusive call of "${write.id}" has begun`);
      done({ kind: "refused", failure });
      return;
    }
    const plan = planWrite(this.#reader, write);
    const grows = plan.kind === "planned" && plan.grows;
    if (!mayGrow && (grows || identity !== undefined)) {
      done({ kind: "growth-refused" });
      return;
    }
    if (plan.kind === "crdt-merge") {
      this.#committer.whenDurable(() => done(plan));
      return;
    }
    if (plan.kind === "planned" && plan.changes.length > 0) this.#accept(write.id, plan);
    const outcome: DecidedOutcome =
      plan.kind === "version-mismatch"
        ? plan
        : {
            kind: "done",
            version: plan.version,
            object: view ? this.#newestObject(write.id) : undefined,
          };
    if (identity?.kind === "key") this.#remember(identity, outcome);
    this.#committer.whenDurable(() => done(outcome));
  }

  /** A request that came before is answered as it was answered then. */
  #answerAgain(
    identity: KeyedIdentity,
    { fingerprint, outcome }: Remembered,
    done: (outcome: WriteOutcome) => void,
  ): void {
    if (fingerprint !== identity.fingerprint) {
      const text = `idempotency key "${identity.key}" came with another request before`;
      done({ kind: "refused", failure: refuse("KEY_REUSED", text) });
      return;
    }
    const again = outcome.kind === "done" ? { ...outcome, repeated: true } : outcome;
    this.#committer.whenDurable(() => done(again));
  }

  #remember(identity: KeyedIdentity, outcome: DecidedOutcome): void {
    const batch = this.#committer.openBatch;
    const at = { batch, index: this.#index, nowMs: systemClock.nowMs() };
    const record = this.#remembered.add(identity, outcome, at);
    this.#committer.add(this, [record]);
    this.slots.watcher?.recordWritten(record.key);
  }

  /** Records of a move. */
  #add(writes: readonly Omit<StoreWrite, "index">[]): void {
    this.#index += 1;
    const index = this.#index;
    this.#committer.add(
      this,
      writes.map((write) => ({ ...write, index })),
    );
  }

  /** With its next commit. Tokens that are given out from now on are later than the source's. */
  #arrived(objects: number, term: number): void {
    this.#objects += objects;
    if (term <= this.#term) return;
    this.#term = term;
    this.#tokens = new ExclusiveTokens(term + 1);
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
    this.slots.watcher?.objectWritten(id);
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

  #newestRecord(id: string): ObjectRecord | undefined {
    return this.#pending.get(id)?.record ?? this.#durable.record(id);
  }

  #newestEntry(id: string, key: string): Uint8Array | undefined {
    const pending = this.#pending.get(id)?.entries;
    if (pending?.has(key) === true) return pending.get(key);
    return this.#durable.entry(id, key);
  }

  #newestEntries(id: string): readonly Entry[] {
    const pending = this.#pending.get(id)?.entries ?? new Map<string, Uint8Array | undefined>();
    if (pending.size === 0) return [...this.#durable.entries(id)];
    const all = new Map<string, Uint8Array>();
    for (const { key, value } of this.#durable.entries(id)) all.set(key, value);
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
): { readonly index: number; readonly objects: number; readonly term: number } {
  let index = 0;
  let objects = 0;
  let term = 0;
  const stored = store.get(shardKey(shard));
  if (stored !== undefined) {
    scanFields(stored.value, (number, varint) => {
      if (number === 1) index = varint;
      else if (number === 2) objects = varint;
      else if (number === 3) term = varint;
    });
  }
  return { index, objects, term };
}
