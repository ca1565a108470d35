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

  it("the end of a predecessor does not remove what was made anew", () => {
    const { store } = openStore();
    store.put(object(5));
    store.deleted(key, "u1", "me");
    store.wrote(object(9, "u2"), "me");
    store.remove(object(7, "u1"));
    expect(versionIn(store)).toBe("9");
  });

  it("are forgotten when the server's data went back in time", () => {
    const { store } = openStore();
    store.wrote(object(9), "me");
    store.forgetOwnWrites();
    store.replace([object(3)], "4");
    expect(versionIn(store)).toBe("3");
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

  it("never make a reader go back, in whatever order news arrives", () => {
    // Model: versions of one object are a sequence; the watch delivers a subsequence of it in order,
    // own writes are answered anywhere in between.
    const step = fc.oneof(
      fc.record({ kind: fc.constant("write" as const) }),
      fc.record({ kind: fc.constant("foreign" as const) }),
      fc.record({ kind: fc.constant("deliver" as const) }),
      fc.record({ kind: fc.constant("relist" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { store } = openStore();
        let version = 1;
        let delivered = 1;
        let ownVersion = 0;
        store.put(object(1));
        for (const { kind } of steps) {
          if (kind === "write") {
            ownVersion = ++version;
            store.wrote(object(version), "me");
          } else if (kind === "foreign") {
            version++;
          } else if (kind === "deliver" && delivered < version) {
            store.put(object(++delivered));
          } else if (kind === "relist") {
            delivered = version;
            store.replace([object(version)], String(version));
          }
          expect(Number(versionIn(store))).toBeGreaterThanOrEqual(Math.max(ownVersion, delivered));
        }
      }),
      { seed: 42 },
    );
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
