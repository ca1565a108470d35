import { createHash } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { Digester, KeyRange } from "./tree.ts";
import { EMPTY_DIGEST, MerkleSearchTree } from "./tree.ts";

const sha: Digester = (data) =>
  createHash("sha256").update(data).digest().toString("latin1").slice(0, 16);
/** A hash whose levels are high, so that small trees are deep. */
const deep: Digester = (data) => {
  const hash = sha(data);
  const zeros = hash.charCodeAt(15) % 4;
  return "\0".repeat(zeros >> 1) + (zeros % 2 === 1 ? "\u0001" : "\u00ff") + hash.slice(0, 13);
};

const anyKey = fc.integer({ min: 0, max: 60 }).map((at) => `k${at}`);
const anyDigest = fc.integer({ min: 0, max: 3 }).map((at) => `digest-${at}-1234567`);
const anyChange = fc.record({ key: anyKey, digest: fc.option(anyDigest, { nil: undefined }) });
const anyRange: fc.Arbitrary<KeyRange> = fc.record({
  low: fc.option(anyKey, { nil: undefined }),
  high: fc.option(anyKey, { nil: undefined }),
});

function treeOf(model: ReadonlyMap<string, string>, digester: Digester): MerkleSearchTree {
  const tree = new MerkleSearchTree(digester);
  for (const [key, digest] of model) tree.set(key, digest);
  return tree;
}

function inside(model: ReadonlyMap<string, string>, range: KeyRange): Map<string, string> {
  const passes = (key: string): boolean =>
    (range.low === undefined || key > range.low) && (range.high === undefined || key < range.high);
  return new Map([...model].filter(([key]) => passes(key)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe.each([
  ["sixteen keys a page", sha],
  ["deep", deep],
])("a tree, %s", (_name, digester) => {
  it("has the same root for the same keys, whatever was added and removed before", () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 80 }), (changes) => {
        const tree = new MerkleSearchTree(digester);
        const model = new Map<string, string>();
        for (const { key, digest } of changes) {
          if (digest === undefined) {
            tree.delete(key);
            model.delete(key);
          } else {
            tree.set(key, digest);
            model.set(key, digest);
          }
          // Hashes that are kept must be dropped by the next change.
          void tree.root;
        }
        expect(tree.count).toBe(model.size);
        expect([...tree.keys()]).toEqual([...model.keys()].sort());
        for (const [key, digest] of model) expect(tree.get(key)).toBe(digest);
        // The model has the order of insertion itself: others are what this is about.
        const rising = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
        for (const order of [rising, rising.toReversed()]) {
          expect(tree.root).toBe(treeOf(new Map(order), digester).root);
        }
        // The last change of all is a removal.
        for (const gone of model.keys()) {
          tree.delete(gone);
          model.delete(gone);
          expect(tree.root).toBe(treeOf(model, digester).root);
          if (model.size % 3 === 0) break;
        }
      }),
      { numRuns: 200 },
    );
  });

  it("has different roots for different keys or digests", () => {
    fc.assert(
      fc.property(
        fc.dictionary(anyKey, anyDigest),
        fc.dictionary(anyKey, anyDigest),
        (left, right) => {
          const [a, b] = [new Map(Object.entries(left)), new Map(Object.entries(right))];
          const isEqual =
            a.size === b.size && [...a].every(([key, digest]) => b.get(key) === digest);
          expect(treeOf(a, digester).root === treeOf(b, digester).root).toBe(isEqual);
        },
      ),
    );
  });

  it("cuts out a range as if nothing else had ever been there, and stays as it is", () => {
    fc.assert(
      fc.property(fc.dictionary(anyKey, anyDigest), anyRange, (entries, range) => {
        const model = new Map(Object.entries(entries));
        const tree = treeOf(model, digester);
        const before = treeOf(model, digester).root;
        const only = inside(model, range);
        const alone = treeOf(only, digester);
        expect(tree.rangeDigest(range)).toBe(alone.root);
        expect(tree.range(range)).toEqual(alone.range({ low: undefined, high: undefined }));
        expect([...tree.keys(range)]).toEqual([...only.keys()]);
        expect(tree.root).toBe(before);
      }),
      { numRuns: 300 },
    );
  });
});

describe("pages", () => {
  it("hold about sixteen keys, so that a path is short", () => {
    const tree = new MerkleSearchTree(sha);
    for (let at = 0; at < 20_000; at += 1)
      tree.set(`object-${at}`, sha(new Uint8Array([at & 255])));
    let depth = 0;
    let range: KeyRange = { low: undefined, high: undefined };
    for (let page = tree.range(range); page !== undefined; page = tree.range(range)) {
      depth += 1;
      expect(page.keys.length).toBeLessThan(300);
      range = { low: undefined, high: page.keys[0] };
    }
    expect(depth).toBeLessThanOrEqual(6);
  });

  it("are empty without keys", () => {
    const tree = new MerkleSearchTree(sha);
    expect(tree.root).toBe(EMPTY_DIGEST);
    tree.set("a", "0123456789abcdef");
    tree.delete("a");
    tree.delete("a");
    expect(tree.root).toBe(EMPTY_DIGEST);
    expect(tree.range({ low: undefined, high: undefined })).toBeUndefined();
  });
});
