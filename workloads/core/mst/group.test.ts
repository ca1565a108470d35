import { describe, expect, it } from "@jest/globals";

import { chaos } from "./testing/chaos.ts";
import { Group } from "./testing/group.ts";

function expectConverged(group: Group, seed: number): void {
  const want = [...group.idealView()];
  const roots = new Set<string>();
  for (const [node, { replica }] of group.members) {
    expect({ seed, node, view: [...group.view(node)] }).toEqual({ seed, node, view: want });
    roots.add(replica.root);
  }
  expect(roots.size).toBe(1);
}

describe("a group of three", () => {
  it("converges to the join of all acknowledged writes, from any interleaving", () => {
    for (let seed = 1; seed <= 25; seed += 1) {
      const group = new Group(seed, { cutStepMs: 1_000 });
      for (const node of ["a", "b", "c"]) group.add(node, { joined: true });
      group.announce();
      chaos(group, 400);
      group.settle();
      expectConverged(group, seed);
    }
  });

  it("brings nothing back while tombstones are purged again and again", () => {
    let purged = 0;
    for (let seed = 1; seed <= 15; seed += 1) {
      const group = new Group(seed, { cutStepMs: 1 });
      for (const node of ["a", "b", "c"]) group.add(node, { joined: true });
      group.announce();
      for (let phase = 0; phase < 3; phase += 1) {
        chaos(group, 150);
        group.settle(2);
      }
      group.settle();
      expectConverged(group, seed);
      expect(group.resyncs).toBe(0);
      for (const { replica } of group.members.values()) if (replica.mark.cut > 0) purged += 1;
    }
    expect(purged).toBe(45);
  });

  it("keeps no dead object once everybody knows that it is dead", () => {
    const group = new Group(7, { cutStepMs: 1 });
    for (const node of ["a", "b", "c"]) group.add(node, { joined: true });
    group.announce();
    group.write("a", "o", { kind: "add", key: "k", amount: 1 });
    group.settle(2);
    group.write("b", "o", { kind: "delete" });
    group.commit("b");
    expect(group.members.get("b")?.replica.count).toBe(1);
    group.settle();
    for (const { replica, disk } of group.members.values()) {
      expect([replica.count, disk.size]).toEqual([0, 0]);
    }
  });
});

describe("members that come and go", () => {
  it("lose nothing and bring nothing back", () => {
    for (let seed = 1; seed <= 15; seed += 1) {
      const group = new Group(seed, { cutStepMs: 1 });
      for (const node of ["a", "b", "c"]) group.add(node, { joined: true });
      group.announce();
      for (let round = 0; round < 3; round += 1) {
        chaos(group, 150);
        const [oldest] = [...group.members.keys()];
        // A planned removal: the others have what it has.
        group.settle(2);
        if (oldest !== undefined) group.members.delete(oldest);
        group.add(`new-${round}`, { joined: false });
        group.announce();
        chaos(group, 150);
      }
      group.settle();
      expectConverged(group, seed);
    }
  });

  it("serve only once they have pulled from everybody", () => {
    const group = new Group(1, { cutStepMs: 1_000 });
    for (const node of ["a", "b"]) group.add(node, { joined: true });
    group.announce();
    group.write("a", "o", { kind: "add", key: "k", amount: 1 });
    group.commit("a");
    group.add("c", { joined: false });
    group.announce();
    const newcomer = group.members.get("c");
    group.isCalm = true;
    group.pull("c", "a");
    while (group.flights.length > 0) group.deliver();
    expect(newcomer?.replica.mark.joined).toBe(false);
    expect(group.write("c", "o", { kind: "add", key: "k", amount: 1 })).toBe(false);
    group.pull("c", "b");
    while (group.flights.length > 0) group.deliver();
    expect(newcomer?.replica.mark.joined).toBe(true);
  });

  it("join two at a time", () => {
    const group = new Group(3, { cutStepMs: 1_000 });
    group.add("a", { joined: true });
    group.announce();
    group.write("a", "o", { kind: "add", key: "k", amount: 1 });
    group.commit("a");
    for (const node of ["b", "c"]) group.add(node, { joined: false });
    group.announce();
    group.settle(2);
    for (const { replica } of group.members.values()) expect(replica.mark.joined).toBe(true);
    expectConverged(group, 3);
  });

  it("begin again when they missed tombstones that are gone", () => {
    const group = new Group(5, { cutStepMs: 1 });
    for (const node of ["a", "b", "c"]) group.add(node, { joined: true });
    group.announce();
    group.write("a", "o", { kind: "add", key: "k", amount: 1 });
    group.settle(2);
    const away = group.members.get("c");
    group.members.delete("c");
    group.announce();
    group.write("a", "o", { kind: "delete" });
    group.settle();
    expect(group.idealView().size).toBe(0);
    if (away !== undefined) group.members.set("c", away);
    group.announce();
    group.settle();
    expect(group.resyncs).toBe(1);
    expectConverged(group, 5);
  });
});

describe("whom a member has yet to hear", () => {
  function pair(): {
    readonly group: Group;
    readonly unheard: () => readonly (readonly string[])[];
  } {
    const group = new Group(1, { cutStepMs: 1_000_000 });
    for (const node of ["a", "b"]) group.add(node, { joined: true });
    group.announce();
    group.isCalm = true;
    return {
      group,
      unheard: () => [...group.members.values()].map(({ replica }) => replica.unheard),
    };
  }

  function pull(group: Group, to: string, from: string): void {
    group.pull(to, from);
    while (group.flights.length > 0) group.deliver();
  }

  it("is everybody at the start, until a pull is complete", () => {
    const { group, unheard } = pair();
    expect(unheard()).toEqual([["b"], ["a"]]);
    pull(group, "a", "b");
    expect(unheard()).toEqual([[], ["a"]]);
    pull(group, "b", "a");
    expect(unheard()).toEqual([[], []]);
  });

  it("is one that does not answer any more", () => {
    const { group, unheard } = pair();
    for (const [to, from] of [
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      pull(group, to, from);
    }
    group.pull("a", "b");
    group.flights = [];
    group.tick(10_001);
    expect(unheard()).toEqual([["b"], []]);
    pull(group, "a", "b");
    expect(unheard()).toEqual([[], []]);
  });

  it("is one that has started again: the last it acknowledged may be there alone", () => {
    const { group, unheard } = pair();
    group.settle(3);
    group.write("b", "o", { kind: "add", key: "k", amount: 1 });
    group.commit("b");
    group.restart("b");
    group.isCalm = true;
    expect(unheard()).toEqual([[], ["a"]]);
    pull(group, "b", "a");
    expect(unheard()).toEqual([["b"], []]);
    expect(group.view("a").size).toBe(0);
    pull(group, "a", "b");
    expect(unheard()).toEqual([[], []]);
    expect(group.view("a").size).toBe(1);
  });

  it("is a newcomer, and nobody who has left", () => {
    const { group, unheard } = pair();
    group.settle(2);
    group.members.delete("b");
    group.add("c", { joined: false });
    group.announce();
    expect(unheard()).toEqual([["c"], ["a"]]);
  });
});

describe("clocks", () => {
  it("that are wrong within the bound change nothing", () => {
    for (let seed = 1; seed <= 8; seed += 1) {
      const group = new Group(seed, { cutStepMs: 100 });
      for (const [at, node] of ["a", "b", "c"].entries()) {
        group.add(node, { joined: true, clockOffsetMs: (at - 1) * 2_000 });
      }
      group.announce();
      chaos(group, 300);
      group.settle();
      expectConverged(group, seed);
    }
  });

  it("of a new member that runs behind never write below what the others have acknowledged", () => {
    const group = new Group(3, { cutStepMs: 1 });
    for (const node of ["a", "b"]) group.add(node, { joined: true });
    group.announce();
    group.write("a", "o", { kind: "add", key: "k", amount: 1 });
    group.settle(2);
    group.add("behind", { joined: false, clockOffsetMs: -2_000 });
    group.announce();
    group.isCalm = true;
    for (const from of ["a", "b"]) {
      group.pull("behind", from);
      while (group.flights.length > 0) group.deliver();
    }
    expect(group.write("behind", "o", { kind: "delete" })).toBe(true);
    group.settle();
    expect(group.idealView().size).toBe(0);
    expectConverged(group, 3);
  });

  it("that are far off stop a member's writes, not its merging", () => {
    const group = new Group(9, { cutStepMs: 1_000 });
    for (const node of ["a", "b"]) group.add(node, { joined: true });
    group.add("late", { joined: true, clockOffsetMs: -60_000 });
    group.announce();
    group.write("a", "o", { kind: "add", key: "k", amount: 1 });
    group.settle(2);
    expect(group.write("late", "o", { kind: "add", key: "k", amount: 1 })).toBe(false);
    expect(group.write("a", "o", { kind: "add", key: "k", amount: 1 })).toBe(true);
    group.settle(2);
    expectConverged(group, 9);
  });
});

describe("the cost of a pull", () => {
  function filled(count: number): Group {
    const group = new Group(1, { cutStepMs: 1_000_000 });
    for (const node of ["a", "b"]) group.add(node, { joined: true });
    group.announce();
    for (let at = 0; at < count; at += 1) {
      group.write("a", `object-${at}`, { kind: "add", key: "k", amount: 1 });
    }
    group.settle(1);
    return group;
  }

  function cost(group: Group): { readonly messages: number; readonly bytes: number } {
    const before = { messages: group.messages, bytes: group.bytes };
    group.isCalm = true;
    group.pull("b", "a");
    while (group.flights.length > 0) group.deliver();
    return { messages: group.messages - before.messages, bytes: group.bytes - before.bytes };
  }

  it("is one exchange of roots when nothing differs", () => {
    const group = filled(2_000);
    expect(cost(group)).toEqual({ messages: 2, bytes: 120 });
  });

  it("grows with what differs and hardly with what there is", () => {
    const costs = [400, 4_000].map((count) => {
      const group = filled(count);
      for (let at = 0; at < 10; at += 1) {
        group.write("a", `object-${at * 37}`, { kind: "add", key: "k", amount: 1 });
      }
      group.commit("a");
      return cost(group).bytes;
    });
    const [small = 0, large = 0] = costs;
    expect(large).toBeLessThan(3 * small);
  });

  it("moves objects that are larger than a frame in pieces", () => {
    const group = new Group(1, { cutStepMs: 1_000 });
    for (const node of ["a", "b"]) group.add(node, { joined: true });
    group.announce();
    const value = new Uint8Array(700_000).fill(65);
    const sets = [{ key: "k", kind: "register" as const, value }];
    group.write("a", "big", { kind: "mutate", sets, deletes: [], create: false });
    group.write("a", "small", { kind: "add", key: "k", amount: 1 });
    group.settle(1);
    expect(group.members.get("b")?.disk.get("big")).toEqual(
      group.members.get("a")?.disk.get("big"),
    );
    expect(group.members.get("b")?.replica.root).toBe(group.members.get("a")?.replica.root);
  });
});
