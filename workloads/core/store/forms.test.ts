// Names, cursors and seals.
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { decodeCursor, encodeCursor, pageLimit } from "./cursor.ts";
import { parseEntryKey, parseObjectId } from "./names.ts";
import { openSealed, sealValue } from "./seal.ts";

describe("object ids", () => {
  it.each([
    { given: "AbC.1_:-", want: "abc.1_:-" },
    { given: "007", want: "007" },
    { given: "x".repeat(160), want: "x".repeat(160) },
  ])("$given is stored as $want", ({ given, want }) => {
    expect(parseObjectId(given, 160)).toEqual({ kind: "ok", name: want });
  });

  it.each([undefined, "", "a b", "a/b", "é", "a\u0000b", "x".repeat(161)])(
    "%j is refused",
    (given) => {
      expect(parseObjectId(given, 160).kind).toBe("invalid");
    },
  );
});

describe("entry keys", () => {
  it.each(["Key", "a b", "é", "\u{1f600}", "x".repeat(1024)])("%j is taken as it is", (given) => {
    expect(parseEntryKey(given)).toEqual({ kind: "ok", name: given });
  });

  it.each([undefined, "", "x".repeat(1025), "é".repeat(513)])("%j is refused", (given) => {
    expect(parseEntryKey(given).kind).toBe("invalid");
  });
});

describe("cursors", () => {
  const values = (id: string) => ({ kind: "values" as const, id });

  it("give back their position, for their listing only", () => {
    const cursor = encodeCursor(values("o"), "key");
    expect(decodeCursor(values("o"), cursor)).toBe("key");
    expect(decodeCursor(values("p"), cursor)).toBeUndefined();
    expect(decodeCursor({ kind: "objects" }, cursor)).toBeUndefined();
    expect(decodeCursor({ kind: "objects" }, encodeCursor({ kind: "objects" }, "o"))).toBe("o");
  });

  it("are never more than garbage if they are garbage", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (garbage) => {
        const position = decodeCursor({ kind: "objects" }, garbage);
        expect(typeof position === "string" ? position.length : 1).toBeGreaterThan(0);
        decodeCursor(values("o"), garbage);
      }),
      { seed: 40, numRuns: 500 },
    );
  });

  it.each([
    [0, 100],
    [1, 1],
    [1024, 1024],
    [1025, 1024],
    [4_294_967_295, 1024],
  ])("a limit of %i means %i", (asked, want) => {
    expect(pageLimit(asked)).toBe(want);
  });
});

describe("seals", () => {
  // Any function of all bytes and the seed will do to see what is covered.
  const crc = (data: Uint8Array, seed: number): number =>
    data.reduce((sum, byte) => (Math.imul(sum, 31) + byte + 1) | 0, seed) >>> 0;
  const key = new Uint8Array([1, 2]);
  const value = new Uint8Array([3, 4, 5]);

  it("give back value and index", () => {
    const index = 2 ** 40 + 7;
    const opened = openSealed(crc, key, sealValue(crc, { key, value, index }));
    expect(opened).toEqual({ value, index });
  });

  it("break with any byte of key, value, index or checksum", () => {
    const sealed = sealValue(crc, { key, value, index: 9 });
    for (let at = 0; at < sealed.byteLength; at += 1) {
      const torn = sealed.slice();
      torn[at] = (torn[at] ?? 0) ^ 0x10;
      expect({ at, opened: openSealed(crc, key, torn) }).toEqual({ at, opened: undefined });
    }
    expect(openSealed(crc, new Uint8Array([1, 3]), sealed)).toBeUndefined();
    expect(openSealed(crc, key, sealed.subarray(0, 5))).toBeUndefined();
  });
});
