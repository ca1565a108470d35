import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { utf8Encode } from "#api/base/index.ts";

import {
  afterObject,
  afterShard,
  compareBytes,
  compareText,
  entryKey,
  entryRange,
  eventKey,
  firstObject,
  objectKey,
  parseKey,
  RECORD_KIND,
  shardKey,
  SYSTEM_SHARD,
  systemKey,
} from "./keys.ts";

const idCharacter = fc.constantFrom(..."abz09._:-");
const anyId = fc.string({ unit: idCharacter, minLength: 1, maxLength: 12 });
const anyKey = fc.string({ unit: "binary", minLength: 1, maxLength: 8 });

describe("keys of the store", () => {
  it("lay out an entry as documented", () => {
    const key = entryKey(0x01020304, "ab", "K");
    expect([...key]).toEqual([1, 2, 3, 4, 0x61, 0x62, 0, RECORD_KIND.entry, 0x4b]);
  });

  it("give back what they were made of", () => {
    fc.assert(
      fc.property(anyId, anyKey, (id, key) => {
        const want = { id, kind: RECORD_KIND.entry, entryKey: key };
        expect(parseKey(entryKey(7, id, key))).toEqual(want);
      }),
      { seed: 21 },
    );
  });

  it("sort ids as their bytes, each with all its records in one run", () => {
    fc.assert(
      fc.property(anyId, anyId, anyKey, (a, b, key) => {
        fc.pre(a !== b);
        const [low, high] = compareText(a, b) < 0 ? [a, b] : [b, a];
        const run = [objectKey(3, low), entryKey(3, low, key), eventKey(3, low)];
        for (const record of run) {
          expect(compareBytes(record, objectKey(3, high))).toBeLessThan(0);
          expect(compareBytes(record, afterObject(3, low))).toBeLessThan(0);
          expect(compareBytes(record, firstObject(3, ""))).toBeGreaterThan(0);
          expect(compareBytes(record, afterShard(3))).toBeLessThan(0);
        }
        expect(compareBytes(afterObject(3, low), objectKey(3, high))).toBeLessThan(0);
      }),
      { seed: 22 },
    );
  });

  it("keep shard and system records out of listings", () => {
    expect(compareBytes(shardKey(3), firstObject(3, ""))).toBeLessThan(0);
    expect(compareBytes(afterShard(SYSTEM_SHARD - 1), systemKey("format"))).toBeLessThan(0);
    expect(compareBytes(systemKey("format"), afterShard(SYSTEM_SHARD))).toBeLessThan(0);
  });

  it("range over exactly the entries with a prefix after a key", () => {
    fc.assert(
      fc.property(fc.array(anyKey), anyKey, anyKey, (keys, prefix, after) => {
        const { start, end } = entryRange(1, "o", { prefix, after });
        const found = keys.filter((key) => {
          const bytes = entryKey(1, "o", key);
          return compareBytes(start, bytes) <= 0 && compareBytes(bytes, end) < 0;
        });
        const want = keys.filter((key) => key.startsWith(prefix) && compareText(key, after) > 0);
        expect(found).toEqual(want);
      }),
      { seed: 23, numRuns: 500 },
    );
  });

  it("compare texts as their UTF-8", () => {
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        const want = Math.sign(compareBytes(utf8Encode(a), utf8Encode(b)));
        expect(Math.sign(compareText(a, b))).toBe(want);
      }),
      { seed: 24, numRuns: 500, examples: [["\uffee", "\u{1f600}"]] },
    );
  });
});
