import { describe, expect, it } from "@jest/globals";

import { seededRng } from "#api/base/testing/seeded-rng.ts";

import type { MixName } from "./mixes.ts";
import { MIXES, Operations, recordId, SCAN_LENGTH_MAX } from "./mixes.ts";

const NAMES = Object.keys(MIXES) as MixName[];

function drawn(mix: MixName, times: number) {
  const operations = new Operations(mix, { records: 1000, draw: seededRng(7).next });
  return Array.from({ length: times }, () => operations.next());
}

describe("a mix", () => {
  it.each(NAMES)("%s has its shares", (mix) => {
    expect(MIXES[mix].reduce((sum, [, share]) => sum + share, 0)).toBe(100);
    const all = drawn(mix, 20_000);
    for (const [kind, share] of MIXES[mix]) {
      const found = (all.filter((each) => each.kind === kind).length / all.length) * 100;
      expect(Math.abs(found - share)).toBeLessThan(1.5);
    }
    const kinds = new Set(all.map(({ kind }) => kind));
    expect(kinds.size).toBe(MIXES[mix].length);
  });

  it.each(NAMES)("%s asks only for records that exist", (mix) => {
    const all = drawn(mix, 5000).filter(({ kind }) => kind !== "insert");
    expect(all.every(({ record }) => record >= 0 && record < 1000)).toBe(true);
  });

  it("E scans 1 to 100 records, all lengths alike", () => {
    const lengths = drawn("E", 20_000).flatMap(({ kind, length }) =>
      kind === "scan" ? [length] : [],
    );
    expect([Math.min(...lengths), Math.max(...lengths)]).toEqual([1, SCAN_LENGTH_MAX]);
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    expect(Math.abs(mean - 50.5)).toBeLessThan(1);
  });

  it("gives two subjects the same operations", () => {
    expect(drawn("A", 500)).toEqual(drawn("A", 500));
  });
});

describe("inserted records", () => {
  it("are known once they and all before them are acknowledged", () => {
    const operations = new Operations("D", { records: 10, draw: seededRng(8).next });
    operations.inserted(11);
    expect(operations.known).toBe(10);
    operations.inserted(10);
    expect(operations.known).toBe(12);
  });

  it("are numbered on, each once", () => {
    const records = drawn("E", 5000).flatMap(({ kind, record }) =>
      kind === "insert" ? [record] : [],
    );
    expect(records).toEqual(records.map((_, at) => 1000 + at));
  });

  it("have ids in the order of their numbers", () => {
    const ids = [9, 10, 99, 100, 999_999, 1_000_000].map(recordId);
    expect([...ids].sort()).toEqual(ids);
  });
});
