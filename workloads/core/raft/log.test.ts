// The log: where durable and not yet durable meet.
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { Persist, Snapshot, SnapshotHandle } from "./index.ts";
import { foundingBase, makeConfiguration, MemoryLog } from "./index.ts";
import { RaftLog } from "./log.ts";
import { makeEntries } from "./testing/solo.ts";
import { isEqualBytes } from "./testing/state.ts";

const base = foundingBase(makeConfiguration([]));
const start = { commit: 1, applied: 0 };
const persist = (part: Pick<Persist, "id" | "entries"> & Partial<Persist>): Persist => ({
  ...{ hard: undefined, snapshot: undefined, base: undefined, sync: true, then: [] },
  ...part,
});

/** A log and its disk, which is written to by hand. */
function make(terms: readonly number[] = []) {
  const disk = new MemoryLog(base);
  if (terms.length > 0) disk.write(persist({ id: 0, entries: makeEntries(2, terms) }));
  const log = new RaftLog(disk, start);
  const termsOf = (): readonly (number | undefined)[] =>
    Array.from({ length: log.last - 1 }, (_, at) => log.term(at + 2));
  return { disk, log, termsOf };
}

const snapshotAt = (index: number, term: number): Snapshot => ({
  base: { ...base, index, term },
  handle: "s" as SnapshotHandle,
});

describe("the log", () => {
  it("holds entries until their write is durable", () => {
    const { disk, log } = make();
    log.append(makeEntries(2, [1, 1]));
    const { entries } = log.takeUnwritten(1);
    expect(entries.map(({ index }) => index)).toEqual([2, 3]);
    expect([log.stable, log.last]).toEqual([1, 3]);
    expect(log.takeUnwritten(2).entries).toEqual([]);
    disk.write(persist({ id: 1, entries }));
    log.persisted(1);
    expect(log.stable).toBe(3);
  });

  it("never takes a late completion for that of what replaced the entries", () => {
    const { disk, log } = make();
    const write = (id: number): Persist => persist({ id, entries: log.takeUnwritten(id).entries });
    log.tryAppend({ index: 1, term: 0 }, makeEntries(2, [1, 1]));
    const first = write(1);
    log.tryAppend({ index: 2, term: 1 }, makeEntries(3, [2]));
    const second = write(2);
    // The same entry as in the first write, again.
    log.tryAppend(
      { index: 2, term: 1 },
      makeEntries(3, [1]).map((entry) => ({ ...entry })),
    );
    const third = write(3);
    disk.write(first);
    log.persisted(1);
    expect([log.stable, log.term(3)]).toEqual([2, 1]);
    disk.write(second);
    log.persisted(2);
    expect([log.stable, log.term(3)]).toEqual([2, 1]);
    disk.write(third);
    log.persisted(3);
    expect([log.stable, log.term(3), disk.term(3)]).toEqual([3, 1, 1]);
  });

  it("reads across the border of durable and not, within the bytes asked for", () => {
    const { log } = make([1, 1]);
    log.append(makeEntries(4, [2, 2]));
    const indexes = (from: number, bytes: number): readonly number[] | undefined =>
      log.entries(from, bytes)?.map(({ index }) => index);
    expect(indexes(2, 1 << 20)).toEqual([2, 3, 4, 5]);
    expect(indexes(2, 0)).toEqual([2]);
    expect(indexes(3, 2 * 19 + 1)).toEqual([3, 4]);
    expect(indexes(6, 100)).toEqual([]);
    expect(indexes(1, 100)).toBeUndefined();
  });

  it("refuses to replace what is committed", () => {
    const { log } = make([1, 1]);
    log.committed = 3;
    expect(() => log.tryAppend({ index: 2, term: 1 }, makeEntries(3, [2]))).toThrow("committed");
  });

  it("finds where another log may meet", () => {
    const { log } = make([1, 1, 4, 4, 5]);
    expect(log.findMatch(6, 4)).toEqual({ index: 5, term: 4 });
    expect(log.findMatch(6, 3)).toEqual({ index: 3, term: 1 });
    expect(log.findMatch(4, 9)).toEqual({ index: 4, term: 4 });
  });

  it("is a snapshot alone from its arrival on, and applies nothing before it is durable", () => {
    const { disk, log } = make([1, 1]);
    const snapshot = snapshotAt(9, 3);
    log.restore(snapshot);
    expect([log.first, log.last, log.lastTerm, log.committed]).toEqual([10, 9, 3, 9]);
    log.tryAppend({ index: 9, term: 3 }, makeEntries(10, [3]));
    log.committed = 10;
    expect(log.takeApplyable(100)).toEqual([]);
    const taken = log.takeUnwritten(1);
    expect(taken.snapshot).toBe(snapshot);
    disk.write(persist({ id: 1, ...taken }));
    expect(log.persisted(1)).toBe(true);
    expect([log.applied, log.stable]).toEqual([9, 10]);
    expect(log.takeApplyable(100)?.map(({ index }) => index)).toEqual([10]);
  });

  it("waits for the newer of two snapshots", () => {
    const { disk, log } = make();
    log.restore(snapshotAt(5, 1));
    const first = log.takeUnwritten(1);
    log.restore(snapshotAt(9, 1));
    const second = log.takeUnwritten(2);
    disk.write(persist({ id: 1, ...first }));
    expect(log.persisted(1)).toBe(false);
    expect(log.isRestoring).toBe(true);
    disk.write(persist({ id: 2, ...second }));
    expect(log.persisted(2)).toBe(true);
    expect(log.applied).toBe(9);
  });

  it("hands out for applying what is committed and durable, and no more than is digested", () => {
    const { log } = make([1, 1, 1]);
    log.append(makeEntries(5, [1]));
    log.committed = 5;
    expect(log.takeApplyable(2 * 19)?.map(({ index }) => index)).toEqual([2, 3]);
    expect(log.takeApplyable(2 * 19)).toEqual([]);
    log.appliedTo(3);
    expect(log.takeApplyable(2 * 19)?.map(({ index }) => index)).toEqual([4]);
    log.appliedTo(4);
    // 5 is committed, and not durable here.
    expect(log.takeApplyable(2 * 19)).toEqual([]);
    expect(() => log.appliedTo(5)).toThrow("never handed out");
  });

  it("is what a plain list would be, whatever is appended, replaced and written", () => {
    const actions = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant("append" as const), at: fc.nat(9), count: fc.nat(3) }),
        fc.record({ kind: fc.constant("write" as const) }),
        fc.record({ kind: fc.constant("done" as const) }),
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(actions, (list) => {
        const { disk, log, termsOf } = make();
        let model: number[] = [];
        let term = 0;
        let id = 0;
        const under: Persist[] = [];
        for (const action of list) {
          if (action.kind === "write") {
            id += 1;
            under.push(persist({ id, ...log.takeUnwritten(id) }));
          } else if (action.kind === "done") {
            const write = under.shift();
            if (write === undefined) continue;
            disk.write(write);
            log.persisted(write.id);
          } else {
            term += 1;
            const keep = Math.min(action.at, model.length);
            const added = Array.from({ length: action.count + 1 }, () => term);
            const prev = { index: keep + 1, term: model[keep - 1] ?? 0 };
            log.tryAppend(prev, makeEntries(keep + 2, added));
            model = [...model.slice(0, keep), ...added];
          }
          expect(termsOf()).toEqual(model);
          // What counts as durable is on the disk.
          for (let at = 2; at <= log.stable; at += 1) {
            const here = log.entries(at, 1)?.[0]?.data ?? new Uint8Array(0);
            const there = disk.entries(at, at, 1)?.[0]?.data ?? new Uint8Array(0);
            expect(disk.term(at)).toBe(log.term(at));
            expect(isEqualBytes(here, there)).toBe(true);
          }
        }
      }),
    );
  });
});
