import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { utf8Decode, utf8Encode } from "#api/base/index.ts";

import type { CellKind, MergeWrite, ObjectState } from "./index.ts";
import {
  applyMergeWrite,
  decodeObject,
  encodeObject,
  mergeObjects,
  objectExists,
  objectVersion,
  purgeObject,
  visibleEntries,
} from "./index.ts";
import {
  anyHistory,
  fingerprint,
  join,
  latestStampOf,
  play,
  wordDocuments,
} from "./testing/replicas.ts";

function written(
  state: ObjectState | undefined,
  write: MergeWrite,
  time: number,
  node = "a",
): ObjectState {
  const outcome = applyMergeWrite(state, write, { time, node }, wordDocuments);
  if (outcome.kind !== "written") throw new Error(`expected a write, got ${outcome.kind}`);
  return outcome.state;
}

function set(kind: CellKind, value: string, key = "k"): MergeWrite {
  const sets = [{ key, kind, value: utf8Encode(value) }];
  return { kind: "mutate", sets, deletes: [], create: false };
}

const dropKey: MergeWrite = { kind: "mutate", sets: [], deletes: ["k"], create: false };

/** What a reader sees; of a document its identity, because equal ones may differ in their bytes. */
function view(state: ObjectState): Record<string, string | undefined> {
  const entries = visibleEntries(state, wordDocuments).map(({ key, kind, value }) => {
    const shown = kind === "document" ? wordDocuments.identity(value) : value;
    return [key, utf8Decode(shown)] as const;
  });
  return Object.fromEntries(entries);
}

function merged(a: ObjectState, b: ObjectState): ObjectState {
  const one = mergeObjects(a, b, wordDocuments);
  expect(fingerprint(mergeObjects(b, a, wordDocuments))).toBe(fingerprint(one));
  return one;
}

describe("kinds under one key", () => {
  it("are chosen by what is seen of them: purging tombstones changes nothing", () => {
    const base = written(undefined, set("map", '{"f":1,"g":1}'), 10);
    // The map and the register do not know of each other; the map's tombstone is the latest of all.
    const register = written(undefined, set("register", "r"), 20, "b");
    const state = join(written(base, set("map", '{"f":1}'), 30), register);
    const purged = purgeObject(state ?? base, 40);
    expect(view(state ?? base)).toEqual({ k: "r" });
    expect(view(purged ?? base)).toEqual({ k: "r" });
  });
});

describe("laws of the join", () => {
  it("is commutative, associative and idempotent on every state that writes can reach", () => {
    fc.assert(
      fc.property(anyHistory(3), fc.nat(), fc.nat(), fc.nat(), (steps, i, j, k) => {
        const { seen } = play(steps, 3);
        if (seen.length === 0) return;
        const pick = (at: number): ObjectState | undefined => seen[at % seen.length];
        const [a, b, c] = [pick(i), pick(j), pick(k)];
        expect(fingerprint(join(a, b))).toBe(fingerprint(join(b, a)));
        expect(fingerprint(join(join(a, b), c))).toBe(fingerprint(join(a, join(b, c))));
        expect(fingerprint(join(a, a))).toBe(fingerprint(a));
      }),
      { numRuns: 400 },
    );
  });

  it("gives every replica the same object, whatever order states arrive in and how often", () => {
    fc.assert(
      fc.property(anyHistory(3), fc.array(fc.nat(), { maxLength: 40 }), (steps, order) => {
        const { seen } = play(steps, 3);
        const forward = seen.reduce<ObjectState | undefined>(join, undefined);
        const shuffled = [...order.map((at) => seen[at % Math.max(1, seen.length)]), ...seen];
        const other = shuffled.reduceRight<ObjectState | undefined>(join, undefined);
        expect(fingerprint(other)).toBe(fingerprint(forward));
        if (forward !== undefined && other !== undefined) {
          expect(view(other)).toEqual(view(forward));
          expect(objectVersion(other)).toBe(objectVersion(forward));
        }
      }),
      { numRuns: 400 },
    );
  });

  it("survives its bytes", () => {
    fc.assert(
      fc.property(anyHistory(2), (steps) => {
        for (const state of play(steps, 2).seen) {
          const bytes = encodeObject(state);
          const back = decodeObject(bytes);
          expect(fingerprint(back)).toBe(fingerprint(state));
          expect(back === undefined ? undefined : encodeObject(back)).toEqual(bytes);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("never moves the version back, and `modified` covers every stamp", () => {
    fc.assert(
      fc.property(anyHistory(3), (steps) => {
        for (const state of play(steps, 3).seen) {
          expect(latestStampOf(state)?.time ?? 0).toBeLessThanOrEqual(state.modified.time);
          const purged = purgeObject(state, Number.MAX_SAFE_INTEGER);
          expect(purged?.modified ?? state.modified).toEqual(state.modified);
          expect(purged === undefined).toBe(!objectExists(state));
          if (purged !== undefined) expect(view(purged)).toEqual(view(state));
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("register", () => {
  const base = written(undefined, set("register", "old"), 10);

  it("takes the later write, and the greater node of one time", () => {
    const left = written(base, set("register", "left"), 20, "a");
    const right = written(base, set("register", "right"), 20, "b");
    expect(view(merged(left, right))).toEqual({ k: "right" });
    expect(view(merged(right, written(base, set("register", "late"), 21, "a")))).toEqual({
      k: "late",
    });
  });

  it("does not come back after a later delete, and comes back after a later set", () => {
    const dropped = written(base, dropKey, 20);
    expect(view(merged(dropped, base))).toEqual({});
    expect(view(merged(dropped, written(base, set("register", "new"), 30, "b")))).toEqual({
      k: "new",
    });
  });

  it("is gone with an object deleted later, also if the deleting member had not seen it", () => {
    const unseen = written(base, set("register", "unseen", "other"), 15, "b");
    const deleted = written(base, { kind: "delete" }, 20);
    expect(objectExists(merged(deleted, unseen))).toBe(false);
    const later = written(base, set("register", "later", "other"), 25, "b");
    expect(view(merged(deleted, later))).toEqual({ other: "later" });
  });
});

describe("counter", () => {
  const base = written(undefined, set("counter", "5"), 10);

  it("counts what everybody adds at the same time", () => {
    const left = written(base, { kind: "add", key: "k", amount: 3 }, 20, "a");
    const right = written(base, { kind: "add", key: "k", amount: -1 }, 20, "b");
    expect(view(merged(left, right))).toEqual({ k: "7" });
  });

  it("takes a plain set as the difference to what is seen", () => {
    const left = written(base, set("counter", "9"), 20, "a");
    const right = written(base, set("counter", "4"), 20, "b");
    expect(view(merged(left, right))).toEqual({ k: "8" });
  });

  it("keeps increments that a delete had not seen", () => {
    const dropped = written(base, dropKey, 20, "a");
    const added = written(base, { kind: "add", key: "k", amount: 2 }, 19, "b");
    expect(view(dropped)).toEqual({});
    expect(view(merged(dropped, added))).toEqual({ k: "2" });
  });

  it("counts on after its tombstone is purged here and not yet there", () => {
    const dropped = written(base, dropKey, 20, "a");
    const purged = purgeObject(dropped, 20);
    const again = written(purged, { kind: "add", key: "k", amount: 1 }, 30, "a");
    const there = written(dropped, { kind: "add", key: "k", amount: 1 }, 31, "b");
    expect(view(merged(again, there))).toEqual({ k: "2" });
  });

  it("is there when it is set to zero", () => {
    expect(view(written(undefined, set("counter", "0"), 10))).toEqual({ k: "0" });
    expect(view(written(written(base, dropKey, 20), set("counter", "0"), 30))).toEqual({ k: "0" });
  });

  it.each(["", "1.5", "ten", "9007199254740993", "1e3"])("refuses %j", (text) => {
    const outcome = applyMergeWrite(
      base,
      set("counter", text),
      { time: 20, node: "a" },
      wordDocuments,
    );
    expect(outcome).toMatchObject({ kind: "invalid", key: "k" });
  });
});

describe("map", () => {
  const base = written(undefined, set("map", '{"a":1,"b":2}'), 10);

  it("merges by field, and leaves fields alone that a write did not change", () => {
    const left = written(base, set("map", '{"a":9,"b":2}'), 20, "a");
    const right = written(base, set("map", '{"a":1}'), 21, "b");
    expect(view(merged(left, right))).toEqual({ k: '{"a":9}' });
  });

  it("without fields is there, until it or its object is deleted", () => {
    const bare = written(undefined, set("map", "{}"), 10);
    expect(view(bare)).toEqual({ k: "{}" });
    const emptied = written(base, set("map", "{}"), 20);
    expect(view(emptied)).toEqual({ k: "{}" });
    for (const state of [bare, emptied]) {
      expect(view(purgeObject(state, 25) ?? base)).toEqual({ k: "{}" });
      expect(view(written(state, dropKey, 30))).toEqual({});
      expect(purgeObject(written(state, { kind: "delete" }, 30), 30)).toBeUndefined();
      expect(view(written(written(state, dropKey, 30), set("map", "{}"), 40))).toEqual({ k: "{}" });
    }
    const left = written(emptied, dropKey, 30, "a");
    const right = written(emptied, set("map", "{}"), 31, "b");
    expect(view(merged(left, right))).toEqual({ k: "{}" });
    expect(view(merged(written(bare, set("map", '{"x":1}'), 30, "a"), right))).toEqual({
      k: '{"x":1}',
    });
  });

  it.each(["[]", "null", "1", "{", "\u0000"])("refuses %j", (text) => {
    const outcome = applyMergeWrite(base, set("map", text), { time: 20, node: "a" }, wordDocuments);
    expect(outcome).toMatchObject({ kind: "invalid", key: "k" });
  });
});

describe("document", () => {
  it("joins lives that began apart, and ends only the lives that were seen", () => {
    const left = written(undefined, set("document", "one"), 10, "a");
    const right = written(undefined, set("document", "two"), 11, "b");
    expect(view(merged(left, right))).toEqual({ k: "one,two" });
    expect(view(merged(written(left, dropKey, 20, "a"), right))).toEqual({ k: "two" });
  });
});

describe("an entry that changes its kind", () => {
  it("shows the new kind, and what is written there later", () => {
    const text = written(undefined, set("register", "5"), 10);
    const counter = written(text, set("counter", "7"), 20);
    expect(view(counter)).toEqual({ k: "7" });
    expect(view(merged(counter, text))).toEqual({ k: "7" });
    expect(view(merged(counter, written(text, set("register", "x"), 30, "b")))).toEqual({ k: "x" });
  });
});

describe("writes", () => {
  it("change nothing where there is nothing", () => {
    const stamp = { time: 5, node: "a" };
    for (const write of [dropKey, { kind: "delete" }] as const) {
      expect(applyMergeWrite(undefined, write, stamp, wordDocuments).kind).toBe("unchanged");
    }
  });

  it("make an object exist without entries, and leave it there without its last one", () => {
    const create: MergeWrite = { kind: "mutate", sets: [], deletes: [], create: true };
    expect(objectExists(written(undefined, create, 10))).toBe(true);
    const one = written(undefined, set("register", "x"), 10);
    expect(objectExists(written(one, dropKey, 20))).toBe(true);
  });

  it("say how long they cannot win against a stamp of the future", () => {
    const future = written(undefined, set("register", "x"), 1000, "b");
    const outcome = applyMergeWrite(
      future,
      set("register", "y"),
      { time: 500, node: "a" },
      wordDocuments,
    );
    expect(outcome).toEqual({ kind: "clock-behind", untilTime: 1000 });
  });

  it("give a deleted object version 0 and its next life a higher one", () => {
    const one = written(undefined, set("register", "x"), 10);
    const gone = written(one, { kind: "delete" }, 20);
    expect([objectVersion(one), objectVersion(gone)]).toEqual([10, 0]);
    expect(objectVersion(written(gone, set("register", "y"), 30))).toBe(30);
  });
});

describe("bytes that are no object", () => {
  const whole = encodeObject(written(undefined, set("map", '{"a":1}'), 10));

  it("are rejected and never thrown at", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const state = decodeObject(bytes);
        if (state !== undefined) expect(state.modified.time).toBeGreaterThanOrEqual(0);
      }),
    );
    for (let length = 0; length < whole.byteLength; length += 1) {
      const cut = decodeObject(whole.subarray(0, length));
      if (cut !== undefined) expect(cut.cells.size).toBe(0);
    }
  });
});
