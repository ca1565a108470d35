// What Raft promises, checked while a cluster runs. A broken promise throws.
import { assert } from "#api/base/index.ts";

import type { Entry, LogIndex, MemberId, MemoryLog, Term } from "../index.ts";
import { isEqualBytes } from "./state.ts";

/** A member's durable log. */
export interface NamedLog {
  readonly id: MemberId;
  readonly log: MemoryLog;
}

/** Remembers who led and what was applied. */
export class Promises {
  private readonly leaders = new Map<Term, MemberId>();
  private readonly chosen = new Map<LogIndex, Entry>();

  /** The entry that everybody applies at this index, once somebody has. */
  chosenAt(index: LogIndex): Entry | undefined {
    return this.chosen.get(index);
  }

  /** State-machine safety: a member applies an entry. True if it is the first to do so. */
  applies(id: MemberId, entry: Entry): boolean {
    const chosen = this.chosen.get(entry.index);
    const isSame =
      chosen === undefined || (chosen.term === entry.term && isEqualBytes(chosen.data, entry.data));
    assert(isSame, `state-machine safety: ${id} applies another entry at ${entry.index}`);
    if (chosen === undefined) this.chosen.set(entry.index, entry);
    return chosen === undefined;
  }

  /** Election safety and leader completeness: a member leads; `log` with what is being written. */
  leads({ id, log }: NamedLog, term: Term): void {
    const other = this.leaders.get(term);
    assert(other === undefined || other === id, `election safety: two leaders in term ${term}`);
    this.leaders.set(term, id);
    for (const [index, entry] of this.chosen) {
      if (index <= log.base().index) continue;
      assert(
        log.term(index) === entry.term,
        `leader completeness: ${id} leads term ${term} without ${index}@${entry.term}`,
      );
    }
  }
}

/** Log matching: where two logs hold the same index and term, all before is the same. */
export function checkLogMatching(logs: readonly NamedLog[]): void {
  for (const one of logs) for (const two of logs) if (one.id < two.id) checkPair(one, two);
}

function checkPair(one: NamedLog, two: NamedLog): void {
  const low = Math.max(one.log.base().index, two.log.base().index);
  let isSame = false;
  for (let at = Math.min(one.log.lastIndex(), two.log.lastIndex()); at > low; at -= 1) {
    const mine = one.log.entries(at, at, 1)?.[0];
    const theirs = two.log.entries(at, at, 1)?.[0];
    isSame ||= mine?.term === theirs?.term;
    const data = mine !== undefined && theirs !== undefined && isEqualBytes(mine.data, theirs.data);
    assert(
      !isSame || (mine?.term === theirs?.term && data),
      `log matching: ${one.id} and ${two.id} differ below an equal entry at ${at}`,
    );
  }
}
