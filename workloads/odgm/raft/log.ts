// The log of one group as keys of the store: entries, hard state, base. What the core asks to be
// written becomes writes of the group commit; what it reads comes from the store, the newest
// entries from memory.
import type {
  Entry,
  EntryKind,
  GroupId,
  HardState,
  LogBase,
  LogIndex,
  LogView,
  Persist,
  Term,
} from "#workloads/core/raft/index.ts";
import {
  ByteReader,
  ByteWriter,
  decodeRecord,
  EMPTY_HARD_STATE,
  encodeRecord,
  entryBytes,
  joiningBase,
} from "#workloads/core/raft/index.ts";
import type { Store, StoreWrite } from "#workloads/core/store/index.ts";
import { StoreError } from "#workloads/core/store/index.ts";

import { baseKey, copyOf, hardKey, indexOf, logKey, logRange } from "./keys.ts";

/** Bytes of the newest entries that are kept in memory. */
const CACHE_BYTES = 256 << 10;
const KINDS: readonly EntryKind[] = ["command", "empty", "config", "level", "digest"];
const NOTHING = { entries: [], snapshot: undefined, hard: undefined, base: undefined, sync: true };

/** Where the state of a group is. */
export interface StatePlace {
  /** Which of the two prefixes. */
  readonly side: 0 | 1;
  /** What is there must not be used; a snapshot will take its place. */
  readonly isVoid: boolean;
  /** The replica was removed; only what it had promised is kept. */
  readonly isGone: boolean;
}

const FIRST_PLACE: StatePlace = { side: 0, isVoid: false, isGone: false };
const VOID = 2;
const GONE = 4;

/** The reading side of the store. */
export type LogStore = Pick<Store, "get" | "scan">;

/** What was found of a group. */
export interface FoundLog {
  readonly log: GroupLog;
  readonly hard: HardState;
  /** The first entry that cannot be read or follows a hole; what is behind it is worthless. */
  readonly damagedAt: LogIndex | undefined;
}

/** The durable log of one replica; see the top of the file. */
export class GroupLog implements LogView {
  private readonly store: LogStore;
  private readonly group: GroupId;
  private start: LogBase;
  private last: LogIndex;
  private recent: Entry[] = [];
  private recentBytes = 0;
  /** As it will be when everything handed to the commit is durable. */
  private queued: { first: LogIndex; last: LogIndex };
  /** Where the state is, as of the last write. */
  place: StatePlace;
  /** Bytes of entries, as far as known. */
  bytes = 0;

  private constructor(
    store: LogStore,
    group: GroupId,
    at: { readonly base: LogBase; readonly last: LogIndex; readonly place: StatePlace },
  ) {
    this.store = store;
    this.group = group;
    this.start = at.base;
    this.last = at.last;
    this.place = at.place;
    this.queued = { first: at.base.index + 1, last: at.last };
  }

  /** A log that is not in the store yet, and what writes its beginning. */
  static begin(
    store: LogStore,
    group: GroupId,
    base: LogBase,
  ): { readonly found: FoundLog; readonly writes: readonly StoreWrite[] } {
    const log = new GroupLog(store, group, { base, last: base.index, place: FIRST_PLACE });
    const hard = EMPTY_HARD_STATE;
    return {
      found: { log, hard, damagedAt: undefined },
      writes: [log.baseWrite(base), log.hardWrite(hard)],
    };
  }

  /** What the store holds of the group; undefined if it never held it. Throws STORE_DAMAGED. */
  static find(store: LogStore, group: GroupId): FoundLog | undefined {
    const base = store.get(baseKey(group));
    const hard = store.get(hardKey(group));
    if (base === undefined || hard === undefined) return undefined;
    const start = decoded(base.value.subarray(1)).base;
    const state = decoded(hard.value).hard;
    if (start === undefined || state === undefined) throw unreadable(group);
    const place = decodePlace(base.value[0] ?? 0);
    const log = new GroupLog(store, group, { base: start, last: start.index, place });
    const damagedAt = log.readToEnd();
    return { log, hard: state, damagedAt };
  }

  /** Finds the last entry. */
  private readToEnd(): LogIndex | undefined {
    let next = this.start.index + 1;
    let damagedAt: LogIndex | undefined;
    try {
      for (const { key, value } of this.store.scan(logRange(this.group, next))) {
        const index = indexOf(key);
        const entry = index === next ? decodeEntry(index, value) : undefined;
        if (entry === undefined) {
          damagedAt = next;
          break;
        }
        this.bytes += entryBytes(entry);
        // The term of the last entry is known from now on, whatever becomes of its record.
        this.recent = [entry];
        this.recentBytes = entryBytes(entry);
        next += 1;
      }
    } catch (cause: unknown) {
      if (!isDamage(cause)) throw cause;
      damagedAt = next;
    }
    this.last = next - 1;
    this.queued.last = this.last;
    return damagedAt;
  }

  base(): LogBase {
    return this.start;
  }

  lastIndex(): LogIndex {
    return this.last;
  }

  term(index: LogIndex): Term | undefined {
    if (index === this.start.index) return this.start.term;
    return this.entry(index)?.term;
  }

  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    const found: Entry[] = [];
    let bytes = 0;
    for (let index = from; index <= to; index += 1) {
      const entry = this.entry(index);
      if (entry === undefined) break;
      bytes += entryBytes(entry);
      if (index > from && bytes > bytesMax) break;
      found.push(entry);
    }
    return found.length === 0 ? undefined : found;
  }

  private entry(index: LogIndex): Entry | undefined {
    if (index <= this.start.index || index > this.last) return undefined;
    const first = this.recent[0]?.index ?? this.last + 1;
    if (index >= first) return this.recent[index - first];
    try {
      const stored = this.store.get(logKey(this.group, index));
      return stored === undefined ? undefined : decodeEntry(index, stored.value);
    } catch (cause: unknown) {
      if (isDamage(cause)) return undefined;
      throw cause;
    }
  }

  /**
   * The writes that do what {@link Persist} orders, in a commit with or after those of earlier
   * calls. Set `place` before, if a snapshot is among it.
   */
  writesOf(persist: Persist): readonly StoreWrite[] {
    const writes: StoreWrite[] = [];
    const { queued } = this;
    if (persist.snapshot !== undefined) {
      this.removeEntries(writes, queued.first, queued.last);
      const { base } = persist.snapshot;
      this.queued = { first: base.index + 1, last: base.index };
      writes.push(this.baseWrite(base));
    }
    const [first] = persist.entries;
    if (first !== undefined) {
      for (const entry of persist.entries) {
        const key = logKey(this.group, entry.index);
        writes.push({ key, value: encodeEntry(entry), index: entry.index });
      }
      const last = first.index + persist.entries.length - 1;
      this.removeEntries(writes, last + 1, this.queued.last);
      this.queued.last = last;
    }
    if (persist.hard !== undefined) writes.push(this.hardWrite(persist.hard));
    if (persist.base !== undefined) {
      this.removeEntries(writes, this.queued.first, persist.base.index);
      this.queued.first = persist.base.index + 1;
      writes.push(this.baseWrite(persist.base));
    }
    return writes;
  }

  /** Those writes are durable. */
  wrote(persist: Persist): void {
    if (persist.snapshot !== undefined) {
      this.start = persist.snapshot.base;
      this.forgetRecent();
      this.last = this.start.index;
      this.bytes = 0;
    }
    const [first] = persist.entries;
    if (first !== undefined) {
      this.cutRecent(first.index);
      this.last = first.index + persist.entries.length - 1;
      for (const entry of persist.entries) {
        this.recent.push(entry);
        this.recentBytes += entryBytes(entry);
        this.bytes += entryBytes(entry);
      }
      this.trimRecent();
    }
    if (persist.base !== undefined) this.moveStart(persist.base);
  }

  /** True if the store holds a replica of the group. Throws STORE_DAMAGED. */
  static isThere(store: LogStore, group: GroupId): boolean {
    const base = store.get(baseKey(group));
    return base !== undefined && !decodePlace(base.value[0] ?? 0).isGone;
  }

  /**
   * Nothing of it is of use: begins anew as one that waits for a snapshot, now or, if it `isGone`,
   * when the group takes it in again.
   */
  forget(hard: HardState, isGone: boolean): readonly StoreWrite[] {
    const writes: StoreWrite[] = [];
    this.removeEntries(writes, this.queued.first, this.queued.last);
    const base = joiningBase();
    this.queued = { first: 1, last: 0 };
    this.start = base;
    this.last = 0;
    this.bytes = 0;
    this.forgetRecent();
    this.place = { side: this.place.side, isVoid: true, isGone };
    writes.push(this.baseWrite(base), this.hardWrite(hard));
    return writes;
  }

  /** What lies behind the end is worthless, and that it was lost must not be forgotten. */
  cutWrites(hard: HardState): readonly StoreWrite[] {
    const writes: StoreWrite[] = [];
    for (const key of this.keysAfter(this.last)) writes.push({ key, value: undefined, index: 0 });
    writes.push(this.hardWrite(hard));
    return writes;
  }

  /** A scan stops at what is damaged, and goes on behind it. */
  private keysAfter(last: LogIndex): readonly Uint8Array[] {
    const keys: Uint8Array[] = [];
    let from = last + 1;
    for (;;) {
      try {
        for (const { key } of this.store.scan(logRange(this.group, from))) {
          keys.push(copyOf(key));
          from = indexOf(key) + 1;
        }
        return keys;
      } catch (cause: unknown) {
        const damaged = damagedKeyOf(cause);
        if (damaged === undefined) throw cause;
        keys.push(copyOf(damaged));
        from = indexOf(damaged) + 1;
      }
    }
  }

  private moveStart(base: LogBase): void {
    const share = (base.index - this.start.index) / Math.max(1, this.last - this.start.index);
    this.bytes = Math.max(0, Math.round(this.bytes * (1 - share)));
    this.start = base;
    const first = this.recent[0]?.index ?? 0;
    if (first <= base.index) {
      for (const entry of this.recent.splice(0, base.index - first + 1)) {
        this.recentBytes -= entryBytes(entry);
      }
    }
  }

  private cutRecent(from: LogIndex): void {
    const first = this.recent[0]?.index;
    if (first === undefined) return;
    const isFollowed = from <= this.last + 1 && from > first;
    for (const entry of this.recent.splice(isFollowed ? from - first : 0)) {
      this.recentBytes -= entryBytes(entry);
    }
  }

  private trimRecent(): void {
    if (this.recentBytes <= CACHE_BYTES) return;
    let drop = 0;
    // Half of it at once, so that most calls move nothing.
    for (const entry of this.recent) {
      if (drop === this.recent.length - 1 || this.recentBytes <= CACHE_BYTES / 2) break;
      this.recentBytes -= entryBytes(entry);
      drop += 1;
    }
    this.recent.splice(0, drop);
  }

  private forgetRecent(): void {
    this.recent = [];
    this.recentBytes = 0;
  }

  private removeEntries(writes: StoreWrite[], from: LogIndex, to: LogIndex): void {
    for (let index = from; index <= to; index += 1) {
      writes.push({ key: logKey(this.group, index), value: undefined, index });
    }
  }

  private baseWrite(base: LogBase): StoreWrite {
    const record = encodeRecord(this.group, { ...NOTHING, base });
    const value = new Uint8Array(record.byteLength + 1);
    const { side, isVoid, isGone } = this.place;
    value[0] = side | (isVoid ? VOID : 0) | (isGone ? GONE : 0);
    value.set(record, 1);
    return { key: baseKey(this.group), value, index: base.index };
  }

  private hardWrite(hard: HardState): StoreWrite {
    const value = encodeRecord(this.group, { ...NOTHING, hard });
    return { key: hardKey(this.group), value, index: hard.commit };
  }
}

/** term varint | kind u8 | data. */
function encodeEntry(entry: Entry): Uint8Array {
  const head = new ByteWriter();
  head.varint(entry.term);
  head.byte(KINDS.indexOf(entry.kind));
  const prefix = head.finish();
  const value = new Uint8Array(prefix.byteLength + entry.data.byteLength);
  value.set(prefix);
  value.set(entry.data, prefix.byteLength);
  return value;
}

function decodeEntry(index: LogIndex, value: Uint8Array): Entry | undefined {
  const reader = new ByteReader(value);
  const term = reader.varint();
  const kind = KINDS[reader.byte()];
  if (reader.failed || kind === undefined) return undefined;
  return { index, term, kind, data: value.subarray(value.byteLength - reader.remaining) };
}

function decodePlace(byte: number): StatePlace {
  return {
    side: (byte & 1) === 1 ? 1 : 0,
    isVoid: (byte & VOID) > 0,
    isGone: (byte & GONE) > 0,
  };
}

function decoded(bytes: Uint8Array) {
  const record = decodeRecord(bytes);
  return record.kind === "decoded" ? record.value : { base: undefined, hard: undefined };
}

/** The key whose value does not match its checksum, if this says so. */
export function damagedKeyOf(cause: unknown): Uint8Array | undefined {
  return cause instanceof StoreError ? cause.damagedKey : undefined;
}

/** True if this says that a value does not match its checksum. */
export function isDamage(cause: unknown): boolean {
  return cause instanceof StoreError && cause.code === "STORE_DAMAGED";
}

function unreadable(group: GroupId): StoreError {
  return new StoreError("STORE_DAMAGED", `the records of group ${group} cannot be read`);
}
