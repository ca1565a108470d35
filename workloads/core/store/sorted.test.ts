// The ordered map and the merged reading, against obvious ones.
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { seededRng } from "#api/base/testing/seeded-rng.ts";

import type { LogRecord } from "./frame.ts";
import { mergedPage, Overlay } from "./overlay.ts";
import { byteText, SortedMap } from "./sorted.ts";

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

describe("byteText", () => {
  it("keeps every byte and its order", () => {
    const all = Uint8Array.from({ length: 9_000 }, (_, at) => at % 256);
    expect(bytesOf(byteText(all))).toEqual(all);
    expect(order(byteText(new Uint8Array([0x7f])), byteText(new Uint8Array([0x80])))).toBe(-1);
  });
});

describe("SortedMap", () => {
  it("pages as a sorted list does, over thousands of changes", () => {
    const random = seededRng(7);
    const map = new SortedMap<number>();
    const model = new Map<string, number>();
    const pick = (): string => byteText(random.bytes(1 + Math.floor(random.next() * 3)));
    for (let step = 0; step < 6_000; step += 1) {
      const key = pick();
      if (random.next() < 0.3) {
        map.delete(key);
        model.delete(key);
      } else {
        map.set(key, step);
        model.set(key, step);
      }
      if (step % 50 !== 0) continue;
      const [start, end] = [pick(), pick()].sort(order) as [string, string];
      const reverse = random.next() < 0.5;
      const limit = 1 + Math.floor(random.next() * 400);
      const want = [...model].filter(([each]) => each >= start && each < end);
      want.sort(([a], [b]) => (reverse ? order(b, a) : order(a, b)));
      expect(map.page({ start, end }, { reverse, limit })).toEqual(want.slice(0, limit));
    }
    expect(map.size).toBe(model.size);
    const all = map.page({ start: "", end: undefined }, { reverse: false, limit: 1e9 });
    expect(all).toHaveLength(model.size);
  });

  it("keeps ascending keys in full blocks, and forgets all of them", () => {
    const map = new SortedMap<number>();
    const keys = Array.from({ length: 3_000 }, (_, at) => String(at).padStart(6, "0"));
    for (const [at, key] of keys.entries()) map.set(key, at);
    const page = map.page({ start: "001000", end: "001003" }, { reverse: true, limit: 10 });
    expect(page.map(([key]) => key)).toEqual(["001002", "001001", "001000"]);
    for (const key of keys) map.delete(key);
    expect(map.page({ start: "", end: undefined }, { reverse: false, limit: 1 })).toEqual([]);
    map.set("again", 1);
    expect(map.get("again")).toBe(1);
  });
});

describe("a merged reading", () => {
  const write = fc.record({
    key: fc.string({ unit: fc.constantFrom("a", "b", "\u00ff"), minLength: 1, maxLength: 3 }),
    value: fc.option(fc.constantFrom(1, 2, 3)),
  });

  it("shows the newest of every key, in both directions, in pages of any size", () => {
    const layers = fc.array(fc.array(write, { maxLength: 12 }), { minLength: 1, maxLength: 3 });
    const options = { reverse: fc.boolean(), limit: fc.integer({ min: 1, max: 5 }) };
    fc.assert(
      fc.property(layers, fc.record(options), (given, how) => {
        const model = new Map<string, number>();
        const overlays = given.map((writes) => {
          const overlay = new Overlay();
          for (const { key, value } of writes) {
            overlay.apply(record(key, value));
            if (value === null) model.delete(key);
            else model.set(key, value);
          }
          return overlay;
        });
        const found: [string, number | undefined][] = [];
        let rest: { start: string; end: string | undefined } | undefined = { start: "", end: "z" };
        while (rest !== undefined) {
          const page = mergedPage(overlays.toReversed(), rest, how);
          found.push(
            ...page.items.map(({ text, sealed }) => [text, sealed[0]] as [string, number]),
          );
          rest = page.rest;
        }
        const want = [...model].filter(([key]) => key < "z");
        want.sort(([a], [b]) => (how.reverse ? order(b, a) : order(a, b)));
        expect(found).toEqual(want);
      }),
      { seed: 31, numRuns: 400 },
    );
  });

  it("counts the bytes that are set", () => {
    const overlay = new Overlay();
    overlay.apply(record("key", 1));
    overlay.apply(record("key", 2));
    expect(overlay.liveBytes).toBe(4);
    overlay.apply(record("key", null));
    expect([overlay.liveBytes, overlay.size]).toEqual([0, 1]);
  });
});

function record(key: string, value: number | null): LogRecord {
  return { key: bytesOf(key), sealed: value === null ? undefined : new Uint8Array([value]) };
}
