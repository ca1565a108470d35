// Weak spots of the system we succeed that lie in its Mst shards (object-grid.md 1.4, by area), each
// as what holds here instead. The laws behind them are in workloads/core/merge and group.test.ts.
import { describe, expect, it } from "@jest/globals";

import { utf8Decode, utf8Encode } from "#api/base/index.ts";

import type { MergeWrite, ObjectState } from "../merge/index.ts";
import {
  applyMergeWrite,
  decodeObject,
  encodeObject,
  mergeObjects,
  visibleEntries,
} from "../merge/index.ts";
import { wordDocuments } from "../merge/testing/replicas.ts";
import { HybridClock, MstReplica } from "./index.ts";
import { Group, shaDigest } from "./testing/group.ts";

function set(kind: "register" | "counter" | "map" | "document", value: string): MergeWrite {
  const sets = [{ key: "k", kind, value: utf8Encode(value) }];
  return { kind: "mutate", sets, deletes: [], create: true };
}

function trio(cutStepMs: number): Group {
  const group = new Group(1, { cutStepMs });
  for (const node of ["a", "b", "c"]) group.add(node, { joined: true });
  group.announce();
  group.isCalm = true;
  return group;
}

function view(bytes: Uint8Array | undefined): Record<string, string> {
  const state = bytes === undefined ? undefined : decodeObject(bytes);
  if (state === undefined) return {};
  const entries = visibleEntries(state, wordDocuments);
  return Object.fromEntries(entries.map(({ key, value }) => [key, utf8Decode(value) ?? ""]));
}

function views(group: Group, id: string): readonly Record<string, string>[] {
  return [...group.members.values()].map(({ disk }) => view(disk.get(id)));
}

/** Every member asks every other one. */
function exchange(group: Group): void {
  const nodes = [...group.members.keys()];
  for (const to of nodes) {
    for (const from of nodes) if (from !== to) group.pull(to, from);
  }
  while (group.flights.length > 0) group.deliver();
}

describe("weak spot mst merge", () => {
  it("two members never swap their values: they agree and stay with it", () => {
    const group = trio(1_000_000);
    group.write("a", "o", set("register", "of a"));
    group.write("b", "o", set("register", "of b"));
    for (const node of ["a", "b"]) group.commit(node);
    exchange(group);
    const agreed = views(group, "o");
    expect(new Set(agreed.map(({ k }) => k)).size).toBe(1);
    for (let round = 0; round < 5; round += 1) {
      exchange(group);
      expect(views(group, "o")).toEqual(agreed);
    }
  });
});

describe("weak spot mst tie-break", () => {
  it("writes of one moment are ordered by node, the same in whichever order they meet", () => {
    const at = (node: string, text: string): ObjectState => {
      const outcome = applyMergeWrite(
        undefined,
        set("register", text),
        { time: 7, node },
        wordDocuments,
      );
      if (outcome.kind !== "written") throw new Error(outcome.kind);
      return outcome.state;
    };
    // Odd and even names: the rule is an order, not a property of the receiver.
    const three = [at("node-1", "one"), at("node-2", "two"), at("node-3", "three")];
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [1, 0, 2],
    ]) {
      const states = order.flatMap((index) => three[index] ?? []);
      const joined = states.reduce((a, b) => mergeObjects(a, b, wordDocuments));
      expect(view(encodeObject(joined))).toEqual({ k: "three" });
    }
  });
});

describe("weak spot mst delete", () => {
  it("a deleted object does not return at the next sync, nor after its tombstone is gone", () => {
    const group = trio(1);
    group.write("a", "o", set("register", "x"));
    group.commit("a");
    exchange(group);
    group.write("b", "o", { kind: "delete" });
    group.commit("b");
    exchange(group);
    expect(views(group, "o")).toEqual([{}, {}, {}]);
    group.settle();
    exchange(group);
    for (const { disk, replica } of group.members.values()) {
      expect([disk.has("o"), replica.count]).toEqual([false, 0]);
    }
  });
});

describe("weak spot mst paging", () => {
  it("a page reads the objects that are asked for, not the store", () => {
    const objects = new Map<string, Uint8Array>();
    let reads = 0;
    const replica = new MstReplica({
      clock: new HybridClock({ node: "a", highWater: 0 }),
      digest: shaDigest,
      documents: wordDocuments,
      bytesOf: (id) => {
        reads += 1;
        return objects.get(id);
      },
      mark: { ack: 0, cut: 0, joined: true },
    });
    replica.setGeneration(1, ["a", "b"]);
    for (let index = 0; index < 3_000; index += 1) {
      const stamp = { time: index + 1, node: "a" };
      const outcome = applyMergeWrite(undefined, set("register", "v"), stamp, wordDocuments);
      if (outcome.kind !== "written") throw new Error(outcome.kind);
      const id = `object-${index}`;
      objects.set(id, encodeObject(outcome.state));
      replica.applied(id, outcome.state);
    }
    const header = { generation: 1, ack: 0, cut: 0, clockMs: 0 };
    const now = { wallMs: 0, monotonicMs: 0 };
    const ranges = [{ low: "object-10", high: "object-20" }];
    const wants = [{ id: "object-7", offset: 0 }];
    const fetch = { kind: "fetch" as const, pull: 1, step: 1, header, ranges, wants };
    const [answer] = replica.receive("b", fetch, now);
    expect(reads).toBe(1);
    const reply = answer?.kind === "send" ? answer.message : undefined;
    expect(reply?.kind === "fetch-reply" && reply.objects.map(({ id }) => id)).toEqual([
      "object-7",
    ]);
  });
});

describe("weak spot mst chatter", () => {
  it("equal members exchange their roots and nothing more, however much they hold", () => {
    const group = trio(1_000_000);
    for (let index = 0; index < 200; index += 1) group.write("a", `o${index}`, set("counter", "1"));
    group.commit("a");
    exchange(group);
    const before = group.messages;
    group.pull("b", "a");
    while (group.flights.length > 0) group.deliver();
    expect(group.messages - before).toBe(2);
  });
});

describe("weak spot CRDT", () => {
  it.each([
    ["counter", "2", "3", "5"],
    ["map", '{"x":1}', '{"y":2}', '{"x":1,"y":2}'],
    ["document", "one", "two", "one,two"],
  ] as const)("every write of a %s merges by its type", (kind, left, right, both) => {
    const group = trio(1_000_000);
    group.write("a", "o", set(kind, left));
    group.write("b", "o", set(kind, right));
    for (const node of ["a", "b"]) group.commit(node);
    exchange(group);
    exchange(group);
    expect(views(group, "o")).toEqual([{ k: both }, { k: both }, { k: both }]);
  });
});
