// The log of one replica: what is durable, read through the port LogView, and the tail that is not
// yet, kept in memory together with what is being written.
//
//        base            offset        writing          last
//   ......|.................|.............|................|
//    gone    in the LogView   being written  not handed out
//
// An entry leaves memory when its write is durable. Entries that a new leader replaced while their
// write was under way are cut from that write's range, so that a late completion never declares the
// replacement durable (each write is remembered with the range that is still its own).
import { assert } from "#api/base/index.ts";

import type { PersistId } from "./effects.ts";
import type { Entry, LogBase, LogIndex, Snapshot, Term } from "./types.ts";
import { entriesBytes, entryBytes } from "./types.ts";

/**
 * The durable log, given by the driver. Reads are synchronous and never wait: a driver holds recent
 * entries in memory and maps the rest, and a read is bounded by `bytesMax`. After `persisted` was
 * stepped the view shows that write and all before it; it may show later ones too.
 */
export interface LogView {
  /** Where the log begins; entries up to its index are gone. */
  base(): LogBase;
  /** Index of the last durable entry, that of the base if there is none. */
  lastIndex(): LogIndex;
  /** Term of the entry at `index`, base.index <= index <= lastIndex; undefined if unreadable. */
  term(index: LogIndex): Term | undefined;
  /**
   * Entries `from`..`to`, both included and within the log: at least one, then more while they
   * stay below `bytesMax` together. Undefined if the first one cannot be read: the log is damaged.
   */
  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | undefined;
}

interface Write {
  readonly id: PersistId;
  /** Last entry of the write that has not been replaced since; 0 if none. */
  last: LogIndex;
  readonly snapshot: boolean;
}

/** Where two logs may agree: the highest candidate and its term, 0 if unknown. */
export interface MatchHint {
  readonly index: LogIndex;
  readonly term: Term;
}

/** Changed in place by its group alone. */
export class RaftLog {
  private readonly view: LogView;
  private tail: Entry[] = [];
  /** Index of the first entry of `tail`, also while it is empty. */
  private offset: LogIndex;
  /** First entry that was not handed out for writing. */
  private writing: LogIndex;
  private readonly writes: Write[] = [];
  private incoming: Snapshot | undefined = undefined;
  private incomingHandedOut = false;
  /** Highest index known to be on a majority. */
  committed: LogIndex;
  /** Highest index handed out for applying. */
  applying: LogIndex;
  /** Highest index that was applied. */
  applied: LogIndex;
  private applyingBytes = 0;
  private readonly applyingSizes: { readonly last: LogIndex; readonly bytes: number }[] = [];

  constructor(view: LogView, start: { readonly commit: LogIndex; readonly applied: LogIndex }) {
    this.view = view;
    const base = view.base().index;
    const last = view.lastIndex();
    assert(start.applied <= last, `applied ${start.applied} is beyond the log's end ${last}`);
    assert(start.commit <= last, `commit ${start.commit} is beyond the log's end ${last}`);
    this.offset = last + 1;
    this.writing = last + 1;
    this.applied = Math.max(base, start.applied);
    this.applying = this.applied;
    this.committed = Math.max(this.applied, start.commit);
  }

  /** The first index whose entry can be read. */
  get first(): LogIndex {
    return (this.incoming?.base.index ?? this.view.base().index) + 1;
  }

  get last(): LogIndex {
    return this.offset + this.tail.length - 1;
  }

  /** Everything up to here is durable. */
  get stable(): LogIndex {
    return this.incoming === undefined ? this.offset - 1 : 0;
  }

  get lastTerm(): Term {
    const term = this.term(this.last);
    assert(term !== undefined, "the term of the last entry is always known");
    return term;
  }

  /** True from the arrival of a snapshot until it is durable. */
  get isRestoring(): boolean {
    return this.incoming !== undefined;
  }

  /** True while a write is on its way. */
  get isWriting(): boolean {
    return this.writes.length > 0;
  }

  /** Term of the entry at `index`; undefined outside of [first - 1, last] or unreadable. */
  term(index: LogIndex): Term | undefined {
    if (index >= this.offset) return this.tail[index - this.offset]?.term;
    if (this.incoming !== undefined) {
      return index === this.incoming.base.index ? this.incoming.base.term : undefined;
    }
    return index < this.view.base().index ? undefined : this.view.term(index);
  }

  matches(index: LogIndex, term: Term): boolean {
    return this.term(index) === term;
  }

  /** True if a log that ends with this entry has everything this one may have committed. */
  isUpToDate(lastIndex: LogIndex, lastTerm: Term): boolean {
    const ours = this.lastTerm;
    return lastTerm > ours || (lastTerm === ours && lastIndex >= this.last);
  }

  /**
   * Entries from `from` on: one at least, then more up to `bytesMax`; empty beyond the end,
   * undefined if the first is gone or damaged.
   */
  entries(from: LogIndex, bytesMax: number, to = this.last): readonly Entry[] | undefined {
    if (from > to) return [];
    if (from < this.first) return undefined;
    if (from >= this.offset) return this.tailEntries(from, to, bytesMax);
    const stable = this.view.entries(from, Math.min(to, this.offset - 1), bytesMax);
    if (stable === undefined) return undefined;
    const next = from + stable.length;
    const left = bytesMax - entriesBytes(stable);
    const head = this.tail[0];
    if (next < this.offset || next > to || head === undefined) return stable;
    return entryBytes(head) > left ? stable : [...stable, ...this.tailEntries(next, to, left)];
  }

  private tailEntries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] {
    const start = from - this.offset;
    const stop = Math.min(to - this.offset + 1, this.tail.length);
    let bytes = 0;
    let end = start;
    while (end < stop) {
      const entry = this.tail[end];
      if (entry === undefined) break;
      bytes += entryBytes(entry);
      if (end > start && bytes > bytesMax) break;
      end += 1;
    }
    return this.tail.slice(start, end);
  }

  /** Appends a leader's own entries. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) this.tail.push(entry);
  }

  /**
   * Takes what a leader sent behind (prevIndex, prevTerm): the last index that now equals the
   * leader's log, or undefined if the logs do not meet there. Entries already held stay untouched.
   */
  tryAppend(
    prev: { readonly index: LogIndex; readonly term: Term },
    entries: readonly Entry[],
  ): { readonly last: LogIndex; readonly added: readonly Entry[] } | undefined {
    if (!this.matches(prev.index, prev.term)) return undefined;
    const last = prev.index + entries.length;
    const conflict = entries.findIndex((entry) => !this.matches(entry.index, entry.term));
    if (conflict === -1) return { last, added: [] };
    const added = conflict === 0 ? entries : entries.slice(conflict);
    this.replaceFrom(prev.index + conflict + 1, added);
    return { last, added };
  }

  private replaceFrom(from: LogIndex, entries: readonly Entry[]): void {
    assert(from > this.committed, `entry ${from} conflicts with one that is committed`);
    if (from <= this.offset) {
      this.tail = [...entries];
      this.offset = from;
    } else {
      this.tail.length = from - this.offset;
      this.append(entries);
    }
    this.writing = Math.min(this.writing, from);
    for (const write of this.writes) write.last = Math.min(write.last, from - 1);
  }

  /** Highest index at or below `index` whose term is at most `term`: the logs may agree there. */
  findMatch(index: LogIndex, term: Term): MatchHint {
    for (let at = index; at > 0; at -= 1) {
      const ours = this.term(at);
      if (ours === undefined) return { index: at, term: 0 };
      if (ours <= term) return { index: at, term: ours };
    }
    return { index: 0, term: 0 };
  }

  /** Replaces everything by a snapshot that is not durable yet. */
  restore(snapshot: Snapshot): void {
    this.incoming = snapshot;
    this.incomingHandedOut = false;
    this.tail = [];
    this.offset = snapshot.base.index + 1;
    this.writing = this.offset;
    this.committed = snapshot.base.index;
    for (const write of this.writes) write.last = 0;
  }

  /** What is to be written now; remembers it as the write `id`. */
  takeUnwritten(id: PersistId): {
    readonly entries: readonly Entry[];
    readonly snapshot: Snapshot | undefined;
  } {
    const entries = this.writing > this.last ? [] : this.tail.slice(this.writing - this.offset);
    const snapshot = this.incomingHandedOut ? undefined : this.incoming;
    this.writes.push({
      id,
      last: entries.length === 0 ? 0 : this.last,
      snapshot: snapshot !== undefined,
    });
    this.writing = this.last + 1;
    if (snapshot !== undefined) this.incomingHandedOut = true;
    return { entries, snapshot };
  }

  get hasUnwritten(): boolean {
    return this.writing <= this.last || (this.incoming !== undefined && !this.incomingHandedOut);
  }

  /** The write `id` and those before it are durable. True if a snapshot was among them. */
  persisted(id: PersistId): boolean {
    let last = 0;
    let snapshot = false;
    while (this.writes.length > 0 && (this.writes[0]?.id ?? 0) <= id) {
      const write = this.writes.shift();
      last = Math.max(last, write?.last ?? 0);
      snapshot ||= write?.snapshot ?? false;
    }
    const installed = snapshot && this.incomingHandedOut ? this.finishRestore() : false;
    const count = last - this.offset + 1;
    if (count > 0) {
      this.tail.splice(0, count);
      this.offset = last + 1;
    }
    return installed;
  }

  private finishRestore(): boolean {
    const index = this.incoming?.base.index ?? 0;
    // A newer snapshot may have come while an older one was being installed.
    if (this.writes.some((write) => write.snapshot)) return false;
    assert(this.view.base().index >= index, "the view shows the installed snapshot");
    this.incoming = undefined;
    this.applied = Math.max(this.applied, index);
    this.applying = Math.max(this.applying, index);
    this.applyingBytes = 0;
    this.applyingSizes.length = 0;
    return true;
  }

  /** The next entries to apply: committed, durable, below `bytesMax` with those still applying. */
  takeApplyable(bytesMax: number): readonly Entry[] | undefined {
    if (this.incoming !== undefined) return [];
    const to = Math.min(this.committed, this.offset - 1);
    if (this.applying >= to || (this.applyingBytes > 0 && this.applyingBytes >= bytesMax))
      return [];
    const entries = this.entries(this.applying + 1, bytesMax - this.applyingBytes, to);
    if (entries === undefined || entries.length === 0) return entries;
    const bytes = entriesBytes(entries);
    this.applying += entries.length;
    this.applyingBytes += bytes;
    this.applyingSizes.push({ last: this.applying, bytes });
    return entries;
  }

  /** Entries up to `index` were applied; older news is ignored. */
  appliedTo(index: LogIndex): void {
    assert(index <= this.applying, `applied ${index} was never handed out`);
    if (index <= this.applied) return;
    this.applied = index;
    while (this.applyingSizes.length > 0 && (this.applyingSizes[0]?.last ?? 0) <= index) {
      this.applyingBytes -= this.applyingSizes.shift()?.bytes ?? 0;
    }
  }
}
