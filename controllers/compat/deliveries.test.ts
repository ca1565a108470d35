import { describe, expect, it } from "@jest/globals";

import { Store } from "#controllers/runtime/cache/store.ts";
import type { Live } from "#controllers/runtime/index.ts";
import { memoryLogger } from "#controllers/runtime/testing/memory-logger.ts";

import { Deliveries } from "./deliveries.ts";

let version = 1;

function object(uid = "u1"): Live {
  version++;
  const metadata = { namespace: "n", name: "a", uid, resourceVersion: String(version) };
  return { apiVersion: "example.io/v1", kind: "Widget", metadata };
}

/** A cache, and a handler that succeeds unless told otherwise; calls are `TYPE version`. */
function rig() {
  const store = new Store({ logger: memoryLogger() });
  const deliveries = new Deliveries(store);
  const woken: string[] = [];
  deliveries.start((key) => woken.push(key));
  const tell = (
    options: { readonly fails?: boolean; readonly during?: () => void } = {},
  ): string => {
    const delivery = deliveries.next("n/a");
    if (delivery === undefined) return "nothing";
    deliveries.begin("n/a", delivery);
    options.during?.();
    if (options.fails !== true) deliveries.settle("n/a", delivery);
    return `${delivery.type} ${delivery.object.metadata.resourceVersion}`;
  };
  return { store, tell, woken };
}

const at = (one: Live): string => one.metadata.resourceVersion;

describe("a handler", () => {
  it("is told of an object once, and of its changes", () => {
    const { store, tell } = rig();
    const first = object();
    store.put(first);
    expect([tell(), tell()]).toEqual([`ADDED ${at(first)}`, "nothing"]);
    const second = object();
    store.put(second);
    expect([tell(), tell()]).toEqual([`MODIFIED ${at(second)}`, "nothing"]);
    store.remove(object());
    expect([tell(), tell()]).toEqual([`DELETED ${at(second)}`, "nothing"]);
  });

  it("is told of many changes as of one, and of a list as of nothing", () => {
    const { store, tell } = rig();
    store.put(object());
    tell();
    store.put(object());
    store.put(object());
    const last = object();
    store.put(last);
    expect([tell(), tell()]).toEqual([`MODIFIED ${at(last)}`, "nothing"]);
    store.replace([last], at(last));
    expect(tell()).toBe("nothing");
  });

  it("is told the end of what a list lacks", () => {
    const { store, tell } = rig();
    const first = object();
    store.put(first);
    tell();
    store.replace([], String(version + 1));
    expect([tell(), tell()]).toEqual([`DELETED ${at(first)}`, "nothing"]);
  });

  it("is told of a successor as of an end and a beginning", () => {
    const { store, tell } = rig();
    const first = object("u1");
    store.put(first);
    tell();
    const second = object("u2");
    store.put(second);
    expect([tell(), tell(), tell()]).toEqual([
      `DELETED ${at(first)}`,
      `ADDED ${at(second)}`,
      "nothing",
    ]);
  });

  it("that has failed is told again, of the newest state, and still as ADDED", () => {
    const { store, tell } = rig();
    store.put(object());
    tell({ fails: true });
    const newer = object();
    store.put(newer);
    expect([tell({ fails: true }), tell(), tell()]).toEqual([
      `ADDED ${at(newer)}`,
      `ADDED ${at(newer)}`,
      "nothing",
    ]);
  });

  it("that has failed with a change is told of the same change again", () => {
    const { store, tell } = rig();
    store.put(object());
    tell();
    const newer = object();
    store.put(newer);
    expect([tell({ fails: true }), tell(), tell()]).toEqual([
      `MODIFIED ${at(newer)}`,
      `MODIFIED ${at(newer)}`,
      "nothing",
    ]);
  });

  it("that has tried to add is told of the end, until it has managed that", () => {
    const { store, tell } = rig();
    const first = object();
    store.put(first);
    tell({ fails: true });
    store.remove(object());
    expect([tell({ fails: true }), tell(), tell()]).toEqual([
      `DELETED ${at(first)}`,
      `DELETED ${at(first)}`,
      "nothing",
    ]);
  });

  it("is not told of what came and went unseen", () => {
    const { store, tell } = rig();
    store.put(object());
    store.remove(object());
    expect(tell()).toBe("nothing");
  });

  it("is told of what happens while it runs", () => {
    const { store, tell } = rig();
    store.put(object());
    const newer = object();
    tell({ during: () => store.put(newer) });
    expect(tell()).toBe(`MODIFIED ${at(newer)}`);
    const last = object();
    store.put(last);
    tell({ during: () => store.remove(object()) });
    expect([tell(), tell()]).toEqual([`DELETED ${at(last)}`, "nothing"]);
  });
});

it("what is cached already counts as found", () => {
  const store = new Store({ logger: memoryLogger() });
  store.put(object());
  const woken: string[] = [];
  new Deliveries(store).start((key) => woken.push(key));
  expect(woken).toEqual(["n/a"]);
});
