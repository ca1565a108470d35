// The applied state of one group: what the store holds, and over it what was applied and cannot be
// read there yet. Its own record says up to which entry it is complete; it is written with every
// commit that holds any of the state, so that store and record never contradict each other. None of
// it waits for the disk: it can be made again from the log, of which nothing is removed before.
//
// The digest is the xor of the hashes of all records, so it does not depend on how the state came
// about: replicas that hold the same have the same, and whoever takes over a snapshot can tell that
// nothing of it is missing.
import type { Hasher } from "#api/base/index.ts";
import { assert } from "#api/base/index.ts";
import type { LogIndex } from "#workloads/core/raft/index.ts";
import { ByteReader, ByteWriter } from "#workloads/core/raft/index.ts";
import type { Store, StoreItem, StoreRange, StoreValue } from "#workloads/core/store/index.ts";
import type { StoreWrite } from "#workloads/core/store/index.ts";
import { shardKey } from "#workloads/core/store/index.ts";

import type { GroupWriter } from "./group.ts";
import { copyOf, keyText } from "./keys.ts";
import type { GroupCommitMember, GroupCommitter } from "./ports.ts";

/** What the state's own record says. */
export interface StateRecord {
  /** The state is that after this entry. */
  readonly applied: LogIndex;
  /** Bytes of keys and values. */
  readonly bytes: number;
  readonly digest: bigint;
  /** What the machine keeps with it. */
  readonly sealed: Uint8Array;
}

/** The record of a state that nothing was applied to. */
export const EMPTY_STATE: StateRecord = {
  applied: 0,
  bytes: 0,
  digest: 0n,
  sealed: new Uint8Array(0),
};

const RECORD_VERSION = 1;
/** Entries that change nothing are applied again after a restart, but no more of them than this. */
const UNSEALED_MAX = 512;

interface Pending {
  readonly value: StoreValue | undefined;
  readonly key: Uint8Array;
  readonly batch: number;
}

/** What a state is made of. */
export interface StateOptions {
  readonly number: number;
  readonly store: Pick<Store, "get" | "scan">;
  readonly committer: GroupCommitter;
  readonly hasher: Hasher;
  /** See {@link GroupMachine.seal}; undefined: the record is written by somebody else. */
  readonly seal: (() => Uint8Array) | undefined;
  /** What the store holds must not be used. */
  readonly isVoid: boolean;
}

/** See the top of the file. */
export class GroupState implements GroupWriter, GroupCommitMember {
  readonly number: number;
  private readonly options: StateOptions;
  private readonly pending = new Map<string, Pending>();
  private readonly batches = new Map<number, string[]>();
  private readonly sealedAt = new Map<number, LogIndex>();
  private writes: StoreWrite[] = [];
  /** What this entry read last: what is set has nearly always been read just before. */
  private last: { readonly text: string; readonly value: StoreValue | undefined } | undefined;
  /** Room for what is hashed; nothing keeps it. */
  private scratch = new Uint8Array(1024);
  private index: LogIndex;
  private unsealed = 0;
  /** Everything up to here is in the store, and on the disk before anything that is added now. */
  durableIndex: LogIndex;
  bytes: number;
  digest: bigint;
  /** Hears of the keys of each batch as it becomes durable. */
  follower: ((keys: readonly string[]) => void) | undefined;

  constructor(options: StateOptions) {
    this.options = options;
    this.number = options.number;
    const record = this.record();
    this.index = this.durableIndex = record.applied;
    this.bytes = record.bytes;
    this.digest = record.digest;
  }

  /** The record as it is in the store. */
  record(): StateRecord {
    const stored = this.stored(shardKey(this.number));
    return stored === undefined ? EMPTY_STATE : decodeStateRecord(stored.value);
  }

  /** The record as bytes. */
  storedRecord(): Uint8Array {
    return this.stored(shardKey(this.number))?.value ?? encodeStateRecord(EMPTY_STATE);
  }

  /** The last entry that was applied. */
  get applied(): LogIndex {
    return this.index;
  }

  get(key: Uint8Array): StoreValue | undefined {
    const text = keyText(key);
    const pending = this.pending.get(text);
    const value = pending === undefined ? this.stored(key) : pending.value;
    this.last = { text, value };
    return value;
  }

  private stored(key: Uint8Array): StoreValue | undefined {
    return this.options.isVoid ? undefined : this.options.store.get(key);
  }

  *scan(range: StoreRange): Iterable<StoreItem> {
    if (this.options.isVoid) return;
    const [start, end] = [keyText(range.start), keyText(range.end)];
    const newer = [...this.pending.keys()].filter((key) => key >= start && key < end).sort();
    if (newer.length === 0) {
      yield* this.options.store.scan(range);
      return;
    }
    let at = 0;
    for (const item of this.options.store.scan(range)) {
      const text = keyText(item.key);
      for (; at < newer.length && (newer[at] ?? "") < text; at += 1) {
        yield* this.pendingItem(newer[at]);
      }
      if (newer[at] === text) {
        yield* this.pendingItem(text);
        at += 1;
      } else {
        yield item;
      }
    }
    for (; at < newer.length; at += 1) yield* this.pendingItem(newer[at]);
  }

  private *pendingItem(text: string | undefined): Iterable<StoreItem> {
    const found = text === undefined ? undefined : this.pending.get(text);
    if (found?.value !== undefined) yield { key: found.key, ...found.value };
  }

  /** Keys that were changed and are not durable yet. */
  unsettledKeys(): Iterable<string> {
    return this.pending.keys();
  }

  /** Entries from here on are this one. */
  begin(index: LogIndex): void {
    assert(index > this.index, `entry ${index} was applied before`);
    this.index = index;
    this.unsealed += 1;
    this.last = undefined;
  }

  /** As {@link GroupWriter.set}; `index` if it is not of the entry that is being applied. */
  set(key: Uint8Array, value: Uint8Array | undefined, index: LogIndex = this.index): void {
    const { committer } = this.options;
    const text = keyText(key);
    const old = this.last?.text === text ? this.last.value : this.get(key);
    if (old !== undefined) this.count(key, old, -1);
    const next = value === undefined ? undefined : { value, index };
    if (next !== undefined) this.count(key, next, 1);
    const batch = committer.openBatch;
    this.pending.set(text, { key, value: next, batch });
    this.last = undefined;
    const keys = this.batches.get(batch);
    if (keys === undefined) this.batches.set(batch, [text]);
    else keys.push(text);
    this.writes.push({ key, value, index });
  }

  private count(key: Uint8Array, value: StoreValue, sign: 1 | -1): void {
    const size = key.byteLength + value.value.byteLength;
    // The prefix is the replica's own affair.
    const length = size - 4 + 6;
    if (length > this.scratch.byteLength) this.scratch = new Uint8Array(2 * length);
    const hashed = this.scratch;
    hashed.set(key, 2);
    const view = new DataView(hashed.buffer);
    view.setUint16(0, key.byteLength);
    view.setUint32(2, value.value.byteLength);
    hashed.set(value.value, 2 + key.byteLength);
    this.digest ^= this.options.hasher(hashed.subarray(0, length));
    this.bytes += sign * size;
  }

  /**
   * Gives what was set to the commit that is open. To be called in the turn in which it was set.
   */
  flush(): void {
    if (this.writes.length === 0 && this.unsealed < UNSEALED_MAX) return;
    const { writes } = this;
    this.writes = [];
    this.unsealed = 0;
    this.options.committer.add(this, writes, { sync: false });
  }

  /** Resolves when the record on disk is as new as the state is now. */
  settle(): Promise<void> {
    const { committer } = this.options;
    this.flush();
    if (this.durableIndex < this.index) committer.add(this, [], { sync: false });
    return new Promise((resolve) => committer.whenDurable(resolve));
  }

  sealBatch(batch: number): readonly StoreWrite[] {
    const { seal } = this.options;
    this.sealedAt.set(batch, this.index);
    if (seal === undefined) return [];
    return [
      {
        key: shardKey(this.number),
        value: encodeStateRecord({
          applied: this.index,
          bytes: this.bytes,
          digest: this.digest,
          sealed: seal(),
        }),
        index: this.index,
      },
    ];
  }

  batchDurable(batch: number): void {
    const keys = this.batches.get(batch) ?? [];
    for (const text of keys) {
      if (this.pending.get(text)?.batch === batch) this.pending.delete(text);
    }
    this.batches.delete(batch);
    this.durableIndex = this.sealedAt.get(batch) ?? this.durableIndex;
    this.sealedAt.delete(batch);
    this.follower?.(keys);
  }
}

/** version u8 | applied varint | bytes varint | digest u64 BE | sealed bytes. */
export function encodeStateRecord(record: StateRecord): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(RECORD_VERSION);
  writer.varint(record.applied);
  writer.varint(record.bytes);
  const digest = new Uint8Array(8);
  new DataView(digest.buffer).setBigUint64(0, record.digest);
  writer.bytes(digest);
  writer.bytes(record.sealed);
  return writer.finish();
}

/** The inverse of {@link encodeStateRecord}; the store's checksum says that it is one. */
export function decodeStateRecord(bytes: Uint8Array): StateRecord {
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  assert(version === RECORD_VERSION, `state record of version ${version}`);
  const applied = reader.varint();
  const size = reader.varint();
  const digest = reader.bytes(8);
  const sealed = copyOf(reader.bytes(reader.remaining));
  assert(!reader.failed && digest.byteLength === 8, "a state record that can be read");
  const view = new DataView(digest.buffer, digest.byteOffset, 8);
  return { applied, bytes: size, digest: view.getBigUint64(0), sealed };
}
