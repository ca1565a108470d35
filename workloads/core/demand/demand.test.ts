import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { ObjectWrite } from "../store/index.ts";
import { demandOf, isConsistency, NO_DEMAND, strongerDemand } from "./demand.ts";
import {
  isIdempotencyKey,
  isOlderToken,
  parseExclusiveToken,
  renderExclusiveToken,
  requestFingerprintInput,
} from "./identity.ts";
import type { PlacedMark } from "./session-token.ts";
import { decodeSessionToken, encodeSessionToken, MARKS_MAX, mergeMarks } from "./session-token.ts";

describe("a demand", () => {
  it("of class and request together is never weaker than either", () => {
    const strict = demandOf("BoundedStaleness", 500);
    expect(strongerDemand(strict, demandOf("BoundedStaleness", 900)).boundMs).toBe(500);
    expect(strongerDemand(demandOf("Strong", undefined), strict)).toEqual({
      strong: true,
      boundMs: 500,
      marks: [],
    });
    const mark = { incarnation: "i", index: 7 };
    const both = strongerDemand(demandOf("None", undefined, [mark]), demandOf("None", 9));
    expect(both).toEqual({ strong: false, boundMs: undefined, marks: [mark] });
    expect(strongerDemand(NO_DEMAND, NO_DEMAND)).toEqual(NO_DEMAND);
  });

  it("is spelt as in the resource", () => {
    expect([isConsistency("Strong"), isConsistency("strong"), isConsistency("")]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

const marks = fc.array(
  fc.record({
    cls: fc.string({ unit: "grapheme", maxLength: 20 }),
    partition: fc.nat(70_000),
    incarnation: fc.string({ maxLength: 40 }),
    index: fc.maxSafeNat(),
  }),
  { maxLength: 12 },
);

describe("a session token", () => {
  it("comes back as it was, and fits into a header", () => {
    fc.assert(
      fc.property(marks, (given) => {
        const token = encodeSessionToken(given);
        expect(token).toMatch(/^1\.[A-Za-z0-9_-]*$/);
        expect(decodeSessionToken(token ?? "")).toEqual(given);
      }),
    );
  });

  it("of somebody else is rejected, never thrown at", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const decoded = decodeSessionToken(`1.${text}`);
        if (decoded !== undefined) expect(decoded.length).toBeLessThanOrEqual(MARKS_MAX);
      }),
    );
    expect(decodeSessionToken("2.AAAA")).toBeUndefined();
    expect(decodeSessionToken("1.A")).toBeUndefined();
    expect(decodeSessionToken("")).toEqual([]);
  });

  it("keeps the newest mark of each history of each partition", () => {
    const at = (partition: number, incarnation: string, index: number): PlacedMark => {
      return { cls: "a.B", partition, incarnation, index };
    };
    let merged: readonly PlacedMark[] = [];
    for (const mark of [
      at(0, "x", 5),
      at(1, "x", 9),
      at(0, "x", 7),
      at(0, "x", 6),
      at(0, "y", 1),
    ]) {
      merged = mergeMarks(merged, mark);
    }
    expect(merged).toEqual([at(1, "x", 9), at(0, "x", 7), at(0, "y", 1)]);
  });

  it("is refused rather than cut when a session has touched too much", () => {
    const many = Array.from({ length: MARKS_MAX + 1 }, (_, partition) => {
      return { cls: "c", partition, incarnation: "i", index: 1 };
    });
    expect(encodeSessionToken(many)).toBeUndefined();
    expect(encodeSessionToken(many.slice(1))).toBeDefined();
  });
});

describe("the fingerprint of a request", () => {
  const entry = (key: string, value: string) => ({ key, value: Buffer.from(value) });
  const write = (more: Partial<Extract<ObjectWrite, { kind: "mutate" }>>): ObjectWrite => ({
    kind: "mutate",
    id: "o",
    sets: [entry("a", "1"), entry("b", "2")],
    deletes: ["x", "y"],
    create: true,
    ...more,
  });

  it("does not depend on the order of maps and lists", () => {
    const turned = write({ sets: [entry("b", "2"), entry("a", "1")], deletes: ["y", "x"] });
    expect(requestFingerprintInput(turned)).toBe(requestFingerprintInput(write({})));
  });

  it.each([
    ["id", { id: "p" }],
    ["a value", { sets: [entry("a", "1"), entry("b", "3")] }],
    ["a key", { sets: [entry("a", "1"), entry("c", "2")] }],
    ["what is deleted", { deletes: ["x"] }],
    ["the condition", { expectedVersion: 0 }],
    ["the trigger configuration", { event: new Uint8Array(1) }],
    ["whether it creates", { create: false }],
  ])("depends on %s", (_, more) => {
    expect(requestFingerprintInput(write(more))).not.toBe(requestFingerprintInput(write({})));
  });

  it("is another one for a delete", () => {
    const one = requestFingerprintInput({ kind: "delete", id: "o" });
    expect(one).not.toBe(requestFingerprintInput({ kind: "delete", id: "o", expectedVersion: 1 }));
  });
});

it.each(["", " ", "a b", "ü", "x".repeat(256)])("%j is no idempotency key", (text) => {
  expect(isIdempotencyKey(text)).toBe(false);
});

describe("an exclusive token", () => {
  it("is older by term, then by sequence", () => {
    const token = (term: number, sequence: number) => ({ term, sequence });
    expect(isOlderToken(token(1, 9), token(2, 1))).toBe(true);
    expect(isOlderToken(token(2, 1), token(2, 2))).toBe(true);
    expect(isOlderToken(token(2, 2), token(2, 2))).toBe(false);
    expect(isOlderToken(token(3, 1), token(2, 2))).toBe(false);
  });

  it("survives a header with the object that it is of, and nothing else is one", () => {
    const held = { term: 4, sequence: 77, cls: "shop.Cart", object: "a:1" };
    expect(renderExclusiveToken(held)).toBe("4.77@shop.Cart/a:1");
    expect(parseExclusiveToken(renderExclusiveToken(held))).toEqual(held);
    for (const text of [
      "",
      "1",
      "1.2",
      "1.2@a",
      "-1.2@a/b",
      "9007199254740993.1@a/b",
      "1.2@a/b/c",
    ]) {
      expect(parseExclusiveToken(text)).toBeUndefined();
    }
  });
});
