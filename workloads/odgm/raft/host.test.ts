// Hosts of several members under one virtual clock, each with one group of words.
import { describe, expect, it } from "@jest/globals";

import { assert, utf8Encode } from "#api/base/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import type { GroupId, MemberId } from "#workloads/core/raft/index.ts";
import { objectKey, shardKey } from "#workloads/core/store/index.ts";

import type { CommandOutcome, Group, GroupOptions, ReadReady } from "./group.ts";
import { baseKey, hardKey, indexOf, logKey, logRange } from "./keys.ts";
import { TestGrid } from "./testing/grid.ts";
import { textOf, wordOf, Words } from "./testing/words.ts";

const GROUP = 7 as GroupId;
const [A, B, C, D] = ["a", "b", "c", "d"] as MemberId[] as [MemberId, MemberId, MemberId, MemberId];
const ABC = [A, B, C];

/** Members of one group of words. */
class Town {
  readonly grid: TestGrid;
  readonly machines = new Map<MemberId, Words>();
  readonly groups = new Map<MemberId, Group>();

  constructor(seed = 1) {
    this.grid = new TestGrid(seededRng(seed));
  }

  open(id: MemberId, more: Partial<GroupOptions> = {}): Group {
    const machine = new Words();
    const { host } = this.grid.start(id);
    const group = host.open({
      group: GROUP,
      name: `words of ${id}`,
      machine,
      wanted: { generation: 1n, members: ABC },
      founders: ABC,
      ...more,
    });
    this.machines.set(id, machine);
    this.groups.set(id, group);
    return group;
  }

  group(id: MemberId): Group {
    const found = this.groups.get(id);
    assert(found !== undefined, `${id} is open`);
    return found;
  }

  kill(id: MemberId): void {
    this.grid.members.get(id)?.kill();
    this.groups.delete(id);
  }

  leader(): MemberId | undefined {
    for (const [id, group] of this.groups) if (group.isLeading) return id;
    return undefined;
  }

  async led(by?: MemberId): Promise<MemberId> {
    const isLed = (): boolean =>
      by === undefined ? this.leader() !== undefined : this.leader() === by;
    await this.grid.time.until(isLed, `led by ${by ?? "anybody"}`);
    const leader = this.leader();
    assert(leader !== undefined, "just seen");
    return leader;
  }

  async propose(text: string, at = this.leader()): Promise<CommandOutcome> {
    assert(at !== undefined, "somebody leads");
    let outcome: CommandOutcome | undefined;
    this.group(at).propose(utf8Encode(text), (told) => (outcome = told));
    await this.grid.time.until(() => outcome !== undefined, `the outcome of ${text}`);
    assert(outcome !== undefined, "just seen");
    return outcome;
  }

  async set(text: string): Promise<void> {
    const outcome = await this.propose(text);
    expect(outcome.kind).toBe("applied");
  }

  async read(at: MemberId): Promise<ReadReady> {
    let ready: ReadReady | undefined;
    this.group(at).read("quorum", (told) => (ready = told));
    await this.grid.time.until(() => ready !== undefined, `a read at ${at}`);
    assert(ready !== undefined, "just seen");
    return ready;
  }

  async everywhere(name: string, word: string, members: readonly MemberId[] = ABC): Promise<void> {
    for (const id of members) {
      await this.grid.time.until(
        () => wordOf(this.group(id).state, name) === word,
        `${name}=${word} at ${id}`,
      );
    }
  }
}

async function threeOf(seed = 1, more: Partial<GroupOptions> = {}): Promise<Town> {
  const town = new Town(seed);
  for (const id of ABC) town.open(id, more);
  await town.led();
  return town;
}

function followers(town: Town): readonly [MemberId, MemberId] {
  const [one, two] = ABC.filter((id) => id !== town.leader());
  assert(one !== undefined && two !== undefined, "two follow");
  return [one, two];
}

describe("a group of three", () => {
  it("elects the member that shall lead, and does what is proposed on all of them", async () => {
    const town = await threeOf();
    expect(await town.led(A)).toBe(A);
    const outcome = await town.propose("greeting=hello");
    expect(outcome.kind === "applied" && textOf(outcome.result)).toBe("1");
    await town.everywhere("greeting", "hello");
    expect(town.group(A).view()).toMatchObject({ role: "leader", standing: "ready" });
  });

  it("answers only what a majority has on disk", async () => {
    const town = await threeOf();
    const leader = await town.led();
    for (const id of followers(town)) town.grid.isolate(id, true);
    let outcome: CommandOutcome | undefined;
    town.group(leader).propose(utf8Encode("lost=1"), (told) => (outcome = told));
    await town.grid.time.pass(300);
    expect(outcome).toBeUndefined();
    expect(wordOf(town.group(leader).state, "lost")).toBeUndefined();
    await town.grid.time.until(() => outcome !== undefined, "an answer in the end");
    expect(outcome).toEqual({ kind: "unknown" });
  });

  it("packs the commands of a turn into one entry, in their order", async () => {
    const town = await threeOf();
    const leader = await town.led(A);
    const indexes: number[] = [];
    for (const text of ["a=1", "a=2", "b=3"]) {
      town.group(leader).propose(utf8Encode(text), (told) => {
        if (told.kind === "applied") indexes.push(told.index);
      });
    }
    await town.grid.time.until(() => indexes.length === 3, "three outcomes");
    expect(new Set(indexes).size).toBe(1);
    await town.everywhere("a", "2");
  });

  it("shows a command's own state to who proposed it, and nothing later", async () => {
    const town = await threeOf();
    const group = town.group(await town.led());
    const seen: (string | undefined)[] = [];
    for (const word of ["x", "y"]) {
      group.propose(utf8Encode(`n=${word}`), () => seen.push(wordOf(group.state, "n")));
    }
    await town.grid.time.until(() => seen.length === 2, "both");
    expect(seen).toEqual(["x", "y"]);
  });

  it("refuses at a member that follows, and says who leads", async () => {
    const town = await threeOf();
    const leader = await town.led(A);
    const [follower] = followers(town);
    await town.grid.time.until(() => town.group(follower).leader === leader, "it knows");
    expect(await town.propose("x=1", follower)).toEqual({
      kind: "refused",
      reason: "not-leader",
      leader,
    });
  });

  it("reads what was acknowledged, at any member, without an entry of the log", async () => {
    const town = await threeOf();
    const leader = await town.led(A);
    await town.set("k=v");
    const { commitIndex } = town.group(leader).view();
    for (const id of ABC) {
      expect((await town.read(id)).kind).toBe("ready");
      expect(wordOf(town.group(id).state, "k")).toBe("v");
    }
    expect(town.group(leader).view().commitIndex).toBe(commitIndex);
  });
});

describe("a leader that dies", () => {
  it("is followed by another within two seconds, and nothing acknowledged is lost", async () => {
    const town = await threeOf();
    const leader = await town.led(A);
    await town.set("kept=yes");
    town.kill(leader);
    const diedAtMs = town.grid.time.nowMs;
    await town.led();
    await town.set("after=yes");
    expect(town.grid.time.nowMs - diedAtMs).toBeLessThan(2_000);
    for (const id of [B, C]) expect(wordOf(town.group(id).state, "kept")).toBe("yes");
    town.open(leader);
    await town.everywhere("after", "yes");
    expect(await town.led(A)).toBe(A);
  });

  it("is missed while the group sleeps, too", async () => {
    const town = await threeOf(3, { settings: { raft: { quiesceTicks: 10 } } });
    const leader = await town.led(A);
    await town.set("k=v");
    const host = town.grid.members.get(B)?.host;
    await town.grid.time.until(() => host?.node.awakeCount === 0, "the group sleeps");
    town.kill(leader);
    await town.grid.time.until(() => town.leader() !== undefined, "another leads", 3_000);
  });
});

describe("a majority that is gone", () => {
  it("refuses by name and recovers by itself", async () => {
    const town = await threeOf();
    const leader = await town.led(A);
    await town.set("k=1");
    const [one, two] = followers(town);
    town.kill(one);
    town.kill(two);
    await town.grid.time.until(() => town.group(leader).leader === undefined, "it steps down");
    expect(await town.propose("k=2", leader)).toMatchObject({ reason: "no-leader" });
    expect(await town.read(leader)).toMatchObject({ kind: "refused", reason: "no-leader" });
    town.open(one);
    await town.led();
    await town.set("k=3");
  });
});

describe("a restart of all", () => {
  it("brings back state, counters and log", async () => {
    const town = await threeOf();
    for (let at = 0; at < 30; at += 1) await town.set(`n${at % 7}=${at}`);
    for (const id of ABC) town.kill(id);
    for (const id of ABC) town.open(id);
    await town.led();
    expect((await town.propose("last=1")).kind).toBe("applied");
    await town.everywhere("last", "1");
    await town.everywhere("n1", "29");
    for (const id of ABC) expect(town.machines.get(id)?.count).toBe(31);
  });
});

const SMALL = { settings: { logEntriesMax: 20 } };

describe("a member that was away for long", () => {
  it("takes over a snapshot while others go on writing, and follows the log from there", async () => {
    const town = await threeOf(5, SMALL);
    await town.led(A);
    town.kill(C);
    for (let at = 0; at < 60; at += 1) await town.set(`n${at}=${at}`);
    await town.set("n3=");
    expect(town.group(A).view().firstIndex).toBeGreaterThan(20);
    town.open(C, SMALL);
    for (let at = 0; at < 40; at += 1) await town.set(`m${at}=${at}`);
    await town.everywhere("m39", "39");
    expect(wordOf(town.group(C).state, "n59")).toBe("59");
    expect(wordOf(town.group(C).state, "n3")).toBeUndefined();
    expect(town.machines.get(C)?.count).toBe(town.machines.get(A)?.count);
    expect(town.machines.get(C)?.loads).toBeGreaterThan(1);
  });

  it("takes over another one from its other prefix, and removes what was before", async () => {
    const town = await threeOf(6, SMALL);
    await town.led(A);
    for (let round = 0; round < 3; round += 1) {
      town.kill(C);
      for (let at = 0; at < 60; at += 1) await town.set(`n${at}=${round}`);
      town.open(C, SMALL);
      await town.everywhere("n59", String(round));
    }
    const { disk } = town.grid.members.get(C) ?? {};
    assert(disk !== undefined, "it has a disk");
    const prefixes = (): Set<string> =>
      new Set([...disk.values.keys()].map((key) => key.slice(0, 4)));
    // Log and one state: at most two prefixes, and only one of them holds words.
    const words = (): number => [...disk.values.keys()].filter((key) => key.includes("n59")).length;
    await town.grid.time.until(() => words() === 1, "the old state is gone");
    expect(prefixes().size).toBeLessThanOrEqual(2);
  });
});

describe("the members of a group", () => {
  it("change to those that are wanted, and the new one leads if it shall", async () => {
    const town = await threeOf(8, SMALL);
    await town.led(A);
    for (let at = 0; at < 50; at += 1) await town.set(`n${at}=${at}`);
    const wanted = { generation: 2n, members: [D, A, B] };
    town.open(D, { ...SMALL, wanted });
    for (const id of ABC) town.group(id).setWanted(wanted);
    await town.led(D);
    await town.grid.time.until(() => town.group(D).view().reachedGeneration === 2n, "reached");
    expect(town.group(D).view().config).toMatchObject({ voters: [A, B, D], learners: [] });
    expect(wordOf(town.group(D).state, "n49")).toBe("49");
    town.kill(C);
    await town.set("with=d");
    await town.everywhere("with", "d", [A, B, D]);
  });

  it("that have left are told so, or ask; what they hold is deleted, what they promised is not", async () => {
    for (const isAway of [false, true]) {
      const town = await threeOf(18);
      await town.led(A);
      await town.set("k=v");
      const { disk } = town.grid.members.get(C) ?? {};
      assert(disk !== undefined, "it has a disk");
      const wanted = { generation: 2n, members: [A, B] };
      if (isAway) town.grid.isolate(C, true);
      for (const id of ABC) town.group(id).setWanted(wanted);
      await town.grid.time.until(() => town.group(A).view().reachedGeneration === 2n, "left");
      town.grid.isolate(C, false);
      await town.grid.time.until(() => !town.group(C).takesPart, "it knows");
      town.group(C).remove();
      await town.grid.time.until(() => disk.values.size === 2, "hard state and base are left");
      expect(town.grid.members.get(C)?.host.holds(GROUP)).toBe(false);
      // It comes back as one that has everything to learn.
      const again = { generation: 3n, members: ABC };
      for (const id of [A, B]) town.group(id).setWanted(again);
      town.kill(C);
      town.open(C, { wanted: again });
      await town.grid.time.until(() => town.group(A).view().reachedGeneration === 3n, "back");
      await town.everywhere("k", "v");
    }
  });

  it("stay as they are while a new one is not there", async () => {
    const town = await threeOf(9);
    await town.led(A);
    const wanted = { generation: 2n, members: [A, B, D] };
    for (const id of ABC) town.group(id).setWanted(wanted);
    await town.grid.time.pass(3_000);
    const { config, reachedGeneration } = town.group(A).view();
    expect([config.voters, config.learners, reachedGeneration]).toEqual([ABC, [D], 0n]);
    await town.set("still=here");
  });

  it("are one at first and become three without a pause of the writes", async () => {
    const town = new Town(10);
    town.open(A, { founders: [A], wanted: { generation: 1n, members: [A] } });
    await town.led(A);
    await town.set("alone=1");
    const wanted = { generation: 2n, members: ABC };
    for (const id of [B, C]) town.open(id, { founders: [A], wanted });
    town.group(A).setWanted(wanted);
    await town.grid.time.until(() => town.group(A).view().reachedGeneration === 2n, "three");
    await town.everywhere("alone", "1");
    town.kill(A);
    await town.led();
    await town.set("without=a");
  });

  it("hand on leadership when they resign, and take it back afterwards", async () => {
    const town = await threeOf(11);
    await town.led(A);
    town.grid.members.get(A)?.host.resign(10_000);
    await town.grid.time.until(
      () => ![undefined, A].includes(town.leader()),
      "another leads",
      2_000,
    );
    await town.grid.time.pass(6_000);
    expect(town.leader()).not.toBe(A);
    await town.led(A);
  });
});

describe("damage", () => {
  it("of the log's end is refetched before the member votes again", async () => {
    const town = await threeOf(12);
    await town.led(A);
    for (let at = 0; at < 10; at += 1) await town.set(`n${at}=${at}`);
    const last = town.group(C).view().commitIndex;
    town.kill(C);
    const { disk } = town.grid.members.get(C) ?? {};
    disk?.damage(logKey(GROUP, last));
    // Its state on disk is older than the entry that is lost.
    for (let at = 0; at < 3; at += 1) await town.set(`x${at}=${at}`);
    const group = town.open(C);
    expect(group.view().standing).toBe("rebuilding");
    await town.grid.time.until(() => group.view().standing === "ready", "whole again");
    await town.everywhere("x2", "2");
  });

  it("of the state makes the member learn everything anew", async () => {
    const town = await threeOf(13);
    await town.led(A);
    for (let at = 0; at < 10; at += 1) await town.set(`n${at}=${at}`);
    await town.everywhere("n9", "9");
    town.group(C).stateDamaged("a checksum is wrong");
    expect(town.group(C).view().standing).toBe("rebuilding");
    expect(wordOf(town.group(C).state, "n1")).toBeUndefined();
    await town.grid.time.until(() => town.group(C).view().standing === "ready", "whole again");
    await town.everywhere("n1", "1");
  });

  it("of the state of a group that is alone fails it, and says why", async () => {
    const town = new Town(14);
    const alone = { founders: [A], wanted: { generation: 1n, members: [A] } };
    const group = town.open(A, alone);
    await town.led(A);
    await town.set("k=v");
    group.stateDamaged("a checksum is wrong");
    expect(group.view()).toMatchObject({ standing: "failed" });
    expect(await town.propose("k=w", A)).toMatchObject({ kind: "refused", reason: "failed" });
  });

  it("of the state that is met at the start makes the member learn everything anew", async () => {
    const town = await threeOf(20);
    await town.led(A);
    for (let at = 0; at < 10; at += 1) await town.set(`n${at}=${at}`);
    await town.everywhere("n9", "9");
    town.kill(C);
    town.grid.members.get(C)?.disk.damage(shardKey(GROUP));
    const group = town.open(C);
    expect(group.view().standing).toBe("rebuilding");
    await town.everywhere("n9", "9");
    await town.grid.time.until(() => group.view().standing === "ready", "whole again");
  });

  it("of a log that nobody else has is not touched, and the group fails", async () => {
    const town = new Town(21);
    const alone = { founders: [A], wanted: { generation: 1n, members: [A] } };
    town.open(A, alone);
    await town.led(A);
    for (let at = 0; at < 5; at += 1) await town.set(`n${at}=${at}`);
    const { disk } = town.grid.members.get(A) ?? {};
    assert(disk !== undefined, "it has a disk");
    town.kill(A);
    disk.damage(logKey(GROUP, 4));
    const before = new Map(disk.values);
    const group = town.open(A, alone);
    await town.grid.time.pass(3_000);
    expect(group.view()).toMatchObject({ standing: "failed" });
    expect(group.view().message).toContain("no other replica");
    expect(disk.values).toEqual(before);
  });

  it("that is met while an entry is applied leaves nobody without an answer", async () => {
    const town = await threeOf(22);
    const leader = await town.led(A);
    await town.set("k=v");
    await town.everywhere("k", "v");
    await town.grid.time.pass(100);
    town.grid.members.get(leader)?.disk.damage(objectKey(GROUP, "k"));
    expect(await town.propose("k=w")).toEqual({ kind: "unknown" });
    await town.everywhere("k", "w");
  });

  it("of hard state or base is no log at all: the group cannot be opened", async () => {
    for (const key of [hardKey(GROUP), baseKey(GROUP)]) {
      const town = await threeOf(15);
      town.kill(B);
      town.grid.members.get(B)?.disk.damage(key);
      expect(() => town.open(B)).toThrow("checksum");
    }
  });
});

it("a state that differs from the leader's is rebuilt", async () => {
  const town = await threeOf(16, { settings: { digestEntries: 50 } });
  await town.led(A);
  for (let at = 0; at < 10; at += 1) await town.set(`n${at}=${at}`);
  const machine = town.machines.get(C);
  assert(machine !== undefined, "it is open");
  // Something forgets a command here.
  machine.count -= 1;
  for (let at = 0; at < 60; at += 1) await town.set(`k=${at}`);
  // At the start, when it was given up, and when the snapshot was there.
  await town.grid.time.until(() => machine.loads === 3, "learned anew");
  expect(town.machines.get(B)?.loads).toBe(1);
  await town.everywhere("k", "59");
  expect(town.machines.get(C)?.count).toBe(town.machines.get(A)?.count);
});

it("entries have keys in the order of their indexes", () => {
  const keys = [1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 52].map((index) => logKey(GROUP, index));
  expect(keys.map(indexOf)).toEqual([1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 52]);
  const texts = keys.map((key) => String.fromCharCode(...key));
  expect([...texts].sort()).toEqual(texts);
  const { end } = logRange(GROUP, 1);
  for (const text of texts) expect(text < String.fromCharCode(...end)).toBe(true);
});
