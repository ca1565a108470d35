import assert from "node:assert/strict";

import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { Live } from "../kinds/kind.ts";
import { memoryLogger } from "../testing/memory-logger.ts";
import { compareVersions } from "./resource-version.ts";
import type { StoreChange } from "./store.ts";
import { Store } from "./store.ts";

const key = { namespace: "ns", name: "a" };

function object(version: number | string, uid = "u1", name = "a"): Live {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace: "ns", name, uid, resourceVersion: String(version) },
  };
}

function openStore(): { readonly store: Store; readonly changes: StoreChange[] } {
  const store = new Store({ logger: memoryLogger(), freeze: true });
  const changes: StoreChange[] = [];
  store.subscribe((change) => changes.push(change));
  return { store, changes };
}

const versionIn = (store: Store): string | undefined => store.get(key)?.metadata.resourceVersion;

describe("compareVersions", () => {
  it.each([
    ["9", "10", -1],
    ["10", "9", 1],
    ["18446744073709551615", "18446744073709551616", -1],
    ["7", "7", 0],
    ["abc", "abc", 0],
    ["abc", "7", undefined],
    ["07", "7", undefined],
  ])("%s and %s", (a, b, want) => {
    const order = compareVersions(a, b);
    expect(order === undefined ? undefined : Math.sign(order)).toBe(want);
  });
});

describe("own writes", () => {
  it("count at once and hold against older news", () => {
    const { store } = openStore();
    store.put(object(5));
    store.wrote(object(9), "me");
    store.put(object(7));
    expect(versionIn(store)).toBe("9");
    store.put(object(9));
    expect(store.pending).toBe(0);
    store.put(object(10));
    expect(versionIn(store)).toBe("10");
  });

  it("are told once: the echo of the watch is silent", () => {
    const { store, changes } = openStore();
    store.wrote(object(9), "me");
    store.put(object(9));
    expect(changes.map((change) => [change.cause, change.writer])).toEqual([["OwnWrite", "me"]]);
  });

  it("do not overtake a watch that was faster", () => {
    const { store } = openStore();
    store.put(object(12));
    store.wrote(object(9), "me");
    expect(versionIn(store)).toBe("12");
  });

  it("whose answer comes after the watch has told the object's end do not bring it back", () => {
    const { store } = openStore();
    store.put(object(5));
    store.remove(object(9));
    store.reached("9");
    store.wrote(object(8), "me");
    expect(versionIn(store)).toBeUndefined();
    store.wrote(object(11, "u2"), "me");
    expect(versionIn(store)).toBe("11");
  });

  it("do not come back either where versions are opaque", () => {
    const { store } = openStore();
    store.put(object("v-a"));
    store.remove(object("v-c"));
    store.wrote(object("v-b"), "me");
    expect(versionIn(store)).toBeUndefined();
  });

  it("do not come back after a list that no longer had them", () => {
    const { store } = openStore();
    store.replace([], "20");
    store.wrote(object(8), "me");
    expect(versionIn(store)).toBeUndefined();
  });

  it("survive a list that is older than they are", () => {
    const { store } = openStore();
    store.wrote(object(9), "me");
    store.replace([], "8");
    expect(versionIn(store)).toBe("9");
    store.replace([], "9");
    expect(versionIn(store)).toBeUndefined();
  });

  it("a confirmed deletion hides late news of that object, not of its successor", () => {
    const { store } = openStore();
    store.put(object(5));
    store.deleted(key, "u1", "me");
    store.put(object(6));
    expect(versionIn(store)).toBeUndefined();
    store.put(object(8, "u2"));
    expect(versionIn(store)).toBe("8");
  });

  it("that take an object out of what is selected hold against older news, and end there", () => {
    const { store, changes } = openStore();
    store.put(object(5));
    store.left(object(9), "me");
    expect(versionIn(store)).toBeUndefined();
    store.put(object(7));
    expect(versionIn(store)).toBeUndefined();
    // Somebody else had taken it out before: the server tells nothing at 9.
    store.remove(object(8));
    expect(store.pending).toBe(1);
    store.reached("12");
    expect(store.pending).toBe(0);
    store.put(object(13));
    expect(versionIn(store)).toBe("13");
    expect(changes.map((change) => [change.cause, change.gone])).toEqual([
      ["Watch", false],
      ["OwnWrite", true],
      ["Watch", false],
    ]);
  });

  it("that take an object out are over with a list that is not older", () => {
    const { store } = openStore();
    store.put(object(5));
    store.left(object(9), "me");
    store.replace([], "8");
    expect(store.pending).toBe(1);
    store.replace([], "9");
    expect(store.pending).toBe(0);
  });

  it("that put an object back are not undone by the news that it had been taken out", () => {
    const { store } = openStore();
    store.put(object(5));
    store.wrote(object(9), "me");
    store.remove(object(8));
    expect(versionIn(store)).toBe("9");
    store.put(object(9));
    store.remove(object(12));
    expect(versionIn(store)).toBeUndefined();
  });

  it("a confirmed deletion is not forgotten by a list of another namespace", () => {
    const { store } = openStore();
    store.put(object(5));
    store.deleted(key, "u1", "me");
    store.replace([], "6", "other");
    store.put(object(5));
    expect(versionIn(store)).toBeUndefined();
  });

  it("a confirmed deletion is not forgotten by a list from before the object was made", () => {
    const { store } = openStore();
    const mark = store.mark();
    store.wrote(object(8), "me");
    store.deleted(key, "u1", "me");
    store.replace([], "7", undefined, mark);
    store.put(object(8));
    expect(versionIn(store)).toBeUndefined();
    // One that could show it, and does not, is the last word.
    store.replace([], "9", undefined, mark);
    expect(store.pending).toBe(0);
  });

  it("the end of a predecessor does not remove what was made anew", () => {
    const { store } = openStore();
    store.put(object(5));
    store.deleted(key, "u1", "me");
    store.wrote(object(9, "u2"), "me");
    store.remove(object(7, "u1"));
    expect(versionIn(store)).toBe("9");
  });

  it("count at once where the server's data went back in time, until the next list", () => {
    const { store } = openStore();
    store.replace([object(12)], "20");
    store.rewound();
    const mark = store.mark();
    store.wrote(object(9), "me");
    expect(versionIn(store)).toBe("9");
    store.replace([object(3)], "4", undefined, mark);
    expect(versionIn(store)).toBe("9");
    store.put(object(9));
    store.put(object(10));
    store.reached("10");
    store.wrote(object(8), "me");
    expect(versionIn(store)).toBe("10");
  });

  it("that the watch is beyond and has never told show that the server went back in time", () => {
    const { store } = openStore();
    const doubts: string[] = [];
    store.onDoubt((namespace) => doubts.push(namespace));
    store.replace([object(5)], "20");
    store.wrote(object(5), "me");
    store.wrote(object(4), "me");
    store.wrote(object(9, "u2", "b"), "me");
    expect(doubts).toEqual([]);
    store.wrote(object(9), "me");
    expect(versionIn(store)).toBe("9");
    expect(doubts).toEqual(["ns"]);
  });

  it.each([["4"], ["1000009"]])("are in a list that was asked for later, at %s", (version) => {
    // A backup was restored: the write has never been, whatever the versions say.
    const { store } = openStore();
    store.wrote(object(9), "me");
    store.replace([object(3)], version, undefined, store.mark());
    expect(versionIn(store)).toBe("3");
    store.deleted(key, "u1", "me");
    store.replace([object(3)], version, undefined, store.mark());
    expect(versionIn(store)).toBe("3");
  });

  it("are not in a list that was asked for before, at whatever version", () => {
    const { store } = openStore();
    store.put(object(3));
    const mark = store.mark();
    store.deleted(key, "u1", "me");
    store.replace([object(3)], "8", undefined, mark);
    expect(versionIn(store)).toBeUndefined();
  });

  it("with opaque versions wait for exactly the one that was written", () => {
    const { store } = openStore();
    store.wrote(object("v-b"), "me");
    store.put(object("v-a"));
    expect(versionIn(store)).toBe("v-b");
    store.put(object("v-b"));
    store.put(object("v-c"));
    expect(versionIn(store)).toBe("v-c");
  });

  it("and late answers in any order never show anything but a state at least as new", () => {
    // Model: the server makes a sequence of states of one name (absent or an object). The watch
    // delivers them in order; answers to own writes arrive any time later; a list is the present.
    const step = fc.constantFrom("write", "foreign", "delete", "deliver", "answer", "relist");
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { store } = openStore();
        store.onDoubt(() => assert.fail("the server never went back in time"));
        const states: (Live | undefined)[] = [undefined, object(1)];
        const ownVersions: number[] = [];
        let uid = 1;
        let delivered = 1;
        let floor = 1;
        store.replace([object(1, "uid-1")], "1");
        states[1] = object(1, "uid-1");
        for (const kind of steps) {
          const version = states.length;
          const present = states[version - 1];
          if (kind === "write" || kind === "foreign") {
            if (present === undefined) uid++;
            states.push(object(version, `uid-${uid}`));
            if (kind === "write") ownVersions.push(version);
          } else if (kind === "delete" && present !== undefined) {
            states.push(undefined);
          } else if (kind === "deliver" && delivered < version - 1) {
            delivered++;
            const next = states[delivered];
            const before = states[delivered - 1];
            if (next !== undefined) store.put(next);
            else if (before !== undefined) store.remove(object(delivered, before.metadata.uid));
            store.reached(String(delivered));
            floor = Math.max(floor, delivered);
          } else if (kind === "answer") {
            const answered = ownVersions.shift();
            const state = answered === undefined ? undefined : states[answered];
            if (answered !== undefined && state !== undefined) {
              store.wrote(state, "me");
              floor = Math.max(floor, answered);
            }
          } else if (kind === "relist") {
            delivered = version - 1;
            floor = delivered;
            store.replace(present === undefined ? [] : [present], String(delivered));
          }
          const shown = store.get(key);
          const allowed = states.slice(floor).map((one) => one?.metadata.resourceVersion);
          expect(allowed).toContain(shown?.metadata.resourceVersion);
        }
      }),
      { seed: 42, numRuns: 2_000 },
    );
  });
});

describe("events that are told twice", () => {
  it("do not bring back what has gone, nor take away what is there", () => {
    const { store, changes } = openStore();
    for (const version of [5, 7]) {
      store.put(object(version));
      store.reached(String(version));
    }
    store.remove(object(9));
    store.reached("9");
    store.put(object(5));
    store.put(object(7));
    expect(versionIn(store)).toBeUndefined();
    store.put(object(12, "u2"));
    store.reached("12");
    store.remove(object(9));
    expect(versionIn(store)).toBe("12");
    expect(changes.map(({ gone }) => gone)).toEqual([false, false, true, false]);
  });
});

describe("a list", () => {
  it("is swapped in at once and tells what vanished", () => {
    const { store, changes } = openStore();
    store.replace([object(1), object(2, "u2", "b")], "3");
    changes.length = 0;
    let sizeWhileTold = -1;
    store.subscribe(() => {
      sizeWhileTold = store.size;
    });
    store.replace([object(1), object(4, "u3", "c")], "5");
    expect(changes.map((one) => [one.object.metadata.name, one.gone, one.cause])).toEqual([
      ["c", false, "Relist"],
      ["b", true, "Relist"],
    ]);
    expect(sizeWhileTold).toBe(2);
  });

  it("of one namespace says nothing about others", () => {
    const { store } = openStore();
    store.replace([object(1)], "1", "ns");
    store.replace([], "2", "other");
    expect(store.size).toBe(1);
  });
});

describe("indexes and listeners", () => {
  it("an index follows the object", () => {
    const { store } = openStore();
    store.addIndex("color", (one) => [one.metadata.labels?.["color"] ?? ""]);
    const colored = (version: number, color: string): Live => ({
      ...object(version),
      metadata: { ...object(version).metadata, labels: { color } },
    });
    store.put(colored(1, "red"));
    store.put(colored(2, "blue"));
    expect(store.lookup("color", "red")).toEqual([]);
    expect(store.lookup("color", "blue")).toHaveLength(1);
    store.remove(colored(3, "blue"));
    expect(store.lookup("color", "blue")).toEqual([]);
  });

  it("a listener that throws is logged and harms nobody", () => {
    const logger = memoryLogger();
    const store = new Store({ logger });
    const seen: string[] = [];
    store.subscribe(() => {
      throw new Error("no");
    });
    store.subscribe((change) => seen.push(change.object.metadata.name));
    store.put(object(1));
    expect(seen).toEqual(["a"]);
    expect(logger.lines.map((line) => line.level)).toEqual(["error"]);
  });

  it("objects are frozen in tests", () => {
    const { store } = openStore();
    store.put(object(1));
    const live = store.get(key) as { metadata: { name: string } } | undefined;
    expect(() => {
      if (live !== undefined) live.metadata.name = "b";
    }).toThrow(TypeError);
  });
});
