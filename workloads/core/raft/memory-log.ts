// A LogView in memory that does what `Persist` asks, at once: for tests, simulators and benches,
// and for what a driver keeps of the recent log in front of its store.
import { assert } from "#api/base/index.ts";

import type { Persist } from "./effects.ts";
import type { LogView } from "./log.ts";
import type { Entry, HardState, LogBase, LogIndex, Term } from "./types.ts";
import { EMPTY_HARD_STATE, entryBytes } from "./types.ts";

/** A durable log as plain arrays. `hard` is the hard state as last persisted. */
export class MemoryLog implements LogView {
  private start: LogBase;
  private readonly list: Entry[] = [];
  hard: HardState = EMPTY_HARD_STATE;

  constructor(base: LogBase, hard: HardState = EMPTY_HARD_STATE) {
    this.start = base;
    this.hard = hard;
  }

  base(): LogBase {
    return this.start;
  }

  lastIndex(): LogIndex {
    return this.start.index + this.list.length;
  }

  term(index: LogIndex): Term | undefined {
    if (index === this.start.index) return this.start.term;
    return this.list[index - this.start.index - 1]?.term;
  }

  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    const first = from - this.start.index - 1;
    const stop = Math.min(to - this.start.index, this.list.length);
    if (first < 0 || first >= stop) return undefined;
    let bytes = 0;
    let end = first;
    while (end < stop) {
      const entry = this.list[end];
      if (entry === undefined) break;
      bytes += entryBytes(entry);
      if (end > first && bytes > bytesMax) break;
      end += 1;
    }
    return this.list.slice(first, end);
  }

  /** Does one write, as {@link Persist} orders it. */
  write(persist: Persist): void {
    if (persist.snapshot !== undefined) {
      this.start = persist.snapshot.base;
      this.list.length = 0;
    }
    const first = persist.entries[0];
    if (first !== undefined) {
      const keep = first.index - this.start.index - 1;
      assert(keep >= 0 && keep <= this.list.length, "a log has no holes");
      this.list.length = keep;
      for (const entry of persist.entries) this.list.push(entry);
    }
    if (persist.hard !== undefined) this.hard = persist.hard;
    if (persist.base !== undefined) {
      this.list.splice(0, persist.base.index - this.start.index);
      this.start = persist.base;
    }
  }

  /** A copy that later writes do not change: what a crash at this moment leaves. */
  copy(): MemoryLog {
    const copy = new MemoryLog(this.start, this.hard);
    for (const entry of this.list) copy.list.push(entry);
    return copy;
  }

  /** Removes everything from `from` on, as damage does. */
  cut(from: LogIndex): void {
    this.list.length = Math.max(0, Math.min(this.list.length, from - this.start.index - 1));
  }
}
