import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { plain } from "./plain.ts";

const anything = fc.anything({
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSparseArray: true,
  withTypedArray: true,
});

describe("plain", () => {
  it("is what JSON would carry", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), anything), (value) => {
        // No `toStrictEqual`: JSON.parse makes prototypes where there were none.
        expect(JSON.stringify(plain({ value }))).toBe(JSON.stringify({ value }));
        expect(plain({ value })).toEqual(JSON.parse(JSON.stringify({ value })));
      }),
    );
  });

  it.each([
    ["undefined members", { a: { b: undefined } }, { a: {} }],
    ["holes", { a: new Array(1) }, { a: [null] }],
    ["dates", { a: new Date(0) }, { a: "1970-01-01T00:00:00.000Z" }],
    ["what is no number", { a: [Number.NaN, -0] }, { a: [null, 0] }],
    ["what says itself what it is", { a: { toJSON: () => 1 } }, { a: 1 }],
  ])("does not carry %s", (_, value, want) => {
    expect(plain(value)).toStrictEqual(want);
  });

  it("shares what it carries as it is", () => {
    const value = { a: [{ b: "c" }, null, true, 1.5] };
    expect(plain(value)).toBe(value);
  });
});
