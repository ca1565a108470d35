// One replica: what goes beyond the paper. Leases, sleeping, limits, forwarding, transfer, feature
// levels, digests, members that lost part of their log. Source: design 5b.
import { describe, expect, it } from "@jest/globals";

import { encodeDigest, encodeLevel } from "./entry-data.ts";
import type { Entry, RaftSettings } from "./index.ts";
import { DEFAULT_SETTINGS, foundingBase, leaseMs, makeConfiguration, RaftGroup } from "./index.ts";
import { makeEntries, N1, N2, N3, N4, NO_COMMIT, PLAIN, Solo, SOUND } from "./testing/solo.ts";

const LEASES: Partial<RaftSettings> = {
  ...{ checkQuorum: true, leaseReads: true, tickMs: 50, leaseDriftMs: 40 },
};
/** (10 - 1) ticks of 50 ms less the drift. */
const LEASE_MS = 410;

const vote = { term: 9, lastIndex: 99, lastTerm: 9, transfer: false };
const heartbeat = { term: 1, commit: 1, round: 1, refetch: undefined };

/** A leader that has sent a heartbeat at `atMs`; the number of its round. */
function beat(solo: Solo, atMs: number): number {
  solo.said();
  solo.tick(1, atMs);
  return solo.saidOf("heartbeat")[0]?.round ?? 0;
}

function answer(solo: Solo, round: number): void {
  solo.hear(N2, "heartbeat-ack", { term: 1, round, ...SOUND });
}

describe("lease reads", () => {
  it("count from the sending of a heartbeat that a majority answered, less the drift", () => {
    expect(leaseMs({ ...PLAIN, ...LEASES })).toBe(LEASE_MS);
    const solo = new Solo({ settings: LEASES }).lead();
    const round = beat(solo, 1000);
    solo.tick(1, 1050);
    answer(solo, round);
    solo.step({ kind: "read", id: 1, mode: "lease" });
    expect(solo.reads).toEqual([{ kind: "ready", id: 1, index: 2, leaseUntilMs: 1000 + LEASE_MS }]);
  });

  it("fall back to a majority when the lease is over", () => {
    const solo = new Solo({ settings: LEASES }).lead();
    answer(solo, beat(solo, 1000));
    solo.tick(1, 1000 + LEASE_MS);
    solo.said();
    solo.step({ kind: "read", id: 1, mode: "lease" });
    expect(solo.reads).toEqual([]);
    answer(solo, solo.saidOf("heartbeat")[0]?.round ?? 0);
    expect(solo.reads).toMatchObject([{ kind: "ready", leaseUntilMs: undefined }]);
  });

  it.each([
    { name: "the event loop stood still", break: (solo: Solo) => solo.step({ kind: "lag" }) },
    {
      name: "somebody was asked to campaign, until the term ends",
      break: (solo: Solo) => {
        solo.step({ kind: "transfer", target: N2 }).tick(11, 1100);
        solo.hear(N2, "heartbeat-ack", { term: 1, round: 12, ...SOUND });
        expect(solo.status).toMatchObject({ role: "leader", transferee: undefined });
      },
    },
    {
      name: "the members have changed",
      break: (solo: Solo) => {
        const changes = [{ kind: "add-voter" as const, member: N4 }];
        solo.step({ kind: "change", id: 1, change: { transition: "auto", changes } });
        solo.acknowledge(N2);
      },
    },
  ])("have no lease after $name", ({ break: breakIt }) => {
    const solo = new Solo({ settings: LEASES }).lead();
    answer(solo, beat(solo, 1000));
    breakIt(solo);
    solo.step({ kind: "read", id: 9, mode: "lease" });
    expect(solo.reads).toEqual([]);
  });

  it("are kept by who has answered, even if it forgets the leader or hears a newer term", () => {
    const solo = new Solo({ settings: LEASES }).tick(9).hear(N2, "heartbeat", heartbeat);
    solo.step({ kind: "peer-down", member: N2 });
    solo.hear(N2, "newer-term", { term: 8 });
    expect(solo.status).toMatchObject({ term: 8, leader: undefined });
    solo.tick(9);
    solo.said();
    solo.hear(N3, "vote", vote).hear(N3, "pre-vote", vote);
    expect(solo.said()).toEqual([]);
  });

  it("are kept by who has just started, for it may have answered before", () => {
    const solo = new Solo({ settings: LEASES });
    solo.hear(N3, "vote", vote);
    expect(solo.said()).toEqual([]);
    solo.tick(9);
    solo.step({ kind: "election-delay", ticks: 20 }).tick(1);
    solo.hear(N3, "vote", vote);
    expect(solo.saidOf("vote-reply")).toMatchObject([{ granted: true }]);
  });

  it("need members that keep them", () => {
    const settings = { ...DEFAULT_SETTINGS, checkQuorum: false, leaseReads: true };
    expect(() => new Solo({ settings })).toThrow("checkQuorum");
  });
});

describe("proposals", () => {
  it("are refused beyond the bytes that wait for their commit; one always passes", () => {
    const settings = { uncommittedBytesMax: 10 };
    const solo = new Solo({ settings }).lead().propose("0123456789abc", "x");
    expect(solo.proposals).toMatchObject([{ kind: "appended" }, { reason: "overloaded" }]);
    solo.acknowledge(N2).propose("y");
    expect(solo.proposals.at(-1)).toMatchObject({ kind: "appended" });
  });

  it("are refused if they are too large", () => {
    const solo = new Solo({ settings: { entryBytesMax: 4 } }).lead().propose("01234", "0123");
    expect(solo.proposals).toMatchObject([{ reason: "too-large" }, { kind: "appended" }]);
  });

  it("are refused with the leader's name if they are not forwarded", () => {
    const solo = new Solo({ settings: { forwardProposals: false } });
    solo.propose("a").hear(N2, "heartbeat", heartbeat).propose("b");
    expect(solo.proposals).toEqual([
      { kind: "refused", id: 1, reason: "not-leader", leader: undefined },
      { kind: "refused", id: 2, reason: "not-leader", leader: N2 },
    ]);
  });

  it("are unknown if the leader says nothing for an election timeout", () => {
    const solo = new Solo().hear(N2, "heartbeat", heartbeat).propose("a");
    expect(solo.saidOf("propose")).toHaveLength(1);
    for (let at = 0; at < 10; at += 1) solo.hear(N2, "heartbeat", heartbeat).tick();
    expect(solo.proposals).toEqual([{ kind: "unknown", id: 1 }]);
  });

  it("are bounded in number while they wait for the leader", () => {
    const solo = new Solo({ settings: { forwardsMax: 2 } }).hear(N2, "heartbeat", heartbeat);
    solo.propose("a", "b", "c");
    expect(solo.proposals).toMatchObject([{ id: 3, reason: "overloaded" }]);
  });

  it("that the network repeats become one entry, in the next run of the member another", () => {
    const solo = new Solo().lead();
    const data = new Uint8Array(1);
    const proposals = [1, 2].map((id) => ({ id, kind: "command" as const, data }));
    const said = { term: 1, run: 5, proposals, settledBelow: 1 };
    solo.hear(N2, "propose", said).hear(N2, "propose", said);
    expect(solo.status.last).toBe(4);
    solo.hear(N2, "propose", { ...said, settledBelow: 3 });
    expect(solo.status.last).toBe(4);
    solo.hear(N2, "propose", { ...said, run: 6 });
    expect(solo.status.last).toBe(6);
  });

  it("of kinds that only a leader writes are not taken from others", () => {
    const solo = new Solo().lead();
    const proposals = [
      { id: 1, kind: "level" as const, data: encodeLevel(9) },
      { id: 2, kind: "config" as const, data: Uint8Array.of(77) },
    ];
    solo.hear(N2, "propose", { term: 1, run: 1, proposals, settledBelow: 1 });
    expect(solo.saidOf("propose-reply")[0]?.outcomes.map(({ refused }) => refused)).toEqual([
      ...["change-invalid", "change-invalid"],
    ]);
    expect(solo.status.last).toBe(2);
  });

  it("of a turn go in one append, and in one write", () => {
    const solo = new Solo({ slow: true, voters: [N1, N2] });
    solo.step({ kind: "campaign" }).finishWrite();
    solo.hear(N2, "vote-reply", { term: 1, granted: true, ...NO_COMMIT });
    solo.finishWrite().acknowledge(N2);
    solo.said();
    for (const id of [1, 2, 3]) {
      solo.group.step({ kind: "propose", id, data: new Uint8Array(1) });
    }
    const effects = solo.group.take();
    expect(effects.persist?.entries).toHaveLength(3);
    expect(effects.send).toMatchObject([{ kind: "append", to: N2, entries: [{}, {}, {}] }]);
  });
});

describe("flow control", () => {
  it("bounds appends on their way in number and in bytes", () => {
    for (const settings of [{ inflightMessagesMax: 2 }, { inflightBytesMax: 40 }]) {
      const solo = new Solo({ voters: [N1, N2], settings }).lead([N2]);
      for (const data of ["abcd", "efgh", "ijkl"]) solo.propose(data);
      expect(solo.saidOf("append")).toHaveLength(2);
      solo.acknowledge(N2, 3);
      expect(solo.saidOf("append").map(({ prevIndex }) => prevIndex)).toEqual([4]);
    }
  });

  it("cuts appends at their limit, but carries one entry of any size", () => {
    const settings = { appendBytesMax: 50 };
    const solo = new Solo({ voters: [N1, N2], settings }).lead([N2]);
    solo.propose("a", "b", "c".repeat(400), "d");
    expect(solo.saidOf("append").map(({ entries }) => entries.length)).toEqual([2, 1, 1]);
  });

  it("sends one append per answer while it does not know where the logs meet", () => {
    const solo = new Solo({ voters: [N1, N2] }).step({ kind: "campaign" });
    solo.hear(N2, "vote-reply", { term: 1, granted: true, ...NO_COMMIT });
    solo.propose("a").propose("b");
    expect(solo.saidOf("append")).toHaveLength(1);
    solo.tick();
    expect(solo.saidOf("append")).toHaveLength(0);
    solo.hear(N2, "heartbeat-ack", { term: 1, round: 1, ...SOUND });
    expect(solo.saidOf("append")).toHaveLength(1);
  });

  it("hands out no more entries for applying than its bytes", () => {
    const data = new Uint8Array(84);
    const entries: Entry[] = makeEntries(2, [1, 1, 1]).map((entry) => ({ ...entry, data }));
    const solo = new Solo({ settings: { applyBytesMax: 250 } });
    const append = { prevIndex: 1, prevTerm: 0, commit: 4, refetch: undefined };
    solo.group.step({
      kind: "receive",
      message: { kind: "append", from: N2, to: N1, term: 1, ...append, entries },
    });
    const write = solo.group.take().persist;
    if (write === undefined) throw new Error("entries are written");
    solo.log.write(write);
    solo.group.step({ kind: "persisted", id: write.id });
    expect(solo.group.take().apply.map(({ index }) => index)).toEqual([2, 3]);
    expect(solo.group.take().apply).toEqual([]);
    solo.group.step({ kind: "applied", index: 3 });
    expect(solo.group.take().apply.map(({ index }) => index)).toEqual([4]);
  });
});

describe("leader transfer", () => {
  it("refuses proposals until it is done, and gives up after an election timeout", () => {
    const solo = new Solo().lead().propose("a").acknowledge(N3);
    solo.step({ kind: "transfer", target: N2 });
    solo.propose("b");
    expect(solo.proposals.at(-1)).toMatchObject({ reason: "transferring" });
    expect(solo.saidOf("timeout-now")).toEqual([]);
    solo.acknowledge(N2);
    expect(solo.saidOf("timeout-now").map(({ to }) => to)).toEqual([N2]);
    solo.tick(10).propose("c");
    expect(solo.proposals.at(-1)).toMatchObject({ kind: "appended" });
  });

  it("goes to no learner, to nobody outside, and not to itself", () => {
    const base = foundingBase(makeConfiguration([N1, N2], [N3]));
    const solo = new Solo({ base }).lead([N2]);
    for (const target of [N3, N4, N1]) solo.step({ kind: "transfer", target });
    expect(solo.status.transferee).toBeUndefined();
  });

  it("is asked of the leader by others", () => {
    const solo = new Solo().hear(N2, "heartbeat", heartbeat);
    solo.said();
    solo.step({ kind: "transfer", target: N1 });
    expect(solo.said()).toMatchObject([{ kind: "transfer", to: N2, target: N1 }]);
  });
});

describe("votes that tell what is committed", () => {
  it.each([
    { name: "the same entry", commitTerm: 1, want: 3 },
    { name: "another entry at its index", commitTerm: 2, want: 1 },
  ])("are believed about $name: committed $want", ({ commitTerm, want }) => {
    const solo = new Solo({ terms: [1, 1] }).step({ kind: "campaign" });
    const known = { commitIndex: 3, commitTerm };
    solo.hear(N2, "vote-reply", { term: 2, granted: false, ...known });
    expect(solo.status.committed).toBe(want);
  });
});

describe("a leader that the node hears no more", () => {
  it.each([
    { lostAt: 5, want: 14 },
    // The timeout has got to its random part by itself: it does not begin again.
    { lostAt: 16, want: 19 },
    { lostAt: 99, want: 19 },
  ])("from tick $lostAt on is given up at tick $want of 10 to 20", ({ lostAt, want }) => {
    const solo = new Solo({ random: () => 0.9 }).hear(N2, "heartbeat", heartbeat);
    let ticks = 0;
    for (; solo.status.role === "follower"; ticks += 1) {
      if (ticks === lostAt) solo.step({ kind: "peer-down", member: N2 });
      solo.tick();
    }
    expect(ticks).toBe(want);
  });
});

describe("sleeping", () => {
  const settings = { quiesceTicks: 4 };

  it("waits for every member that can be reached", () => {
    const solo = new Solo({ settings }).lead().propose("a").acknowledge(N2).tick(20);
    expect(solo.status.quiesced).toBe(false);
    solo.step({ kind: "peer-down", member: N3 }).tick(4);
    expect(solo.status.quiesced).toBe(true);
    solo.step({ kind: "peer-up", member: N3 });
    expect(solo.status.quiesced).toBe(false);
  });

  it("is refused by a member that is not exactly as far", () => {
    const solo = new Solo({ terms: [1, 1] });
    const append = { term: 1, commit: 2, refetch: undefined, entries: [] };
    solo.hear(N2, "append", { ...append, prevIndex: 2, prevTerm: 1 });
    solo.said();
    solo.hear(N2, "quiesce", { term: 1, commit: 2 });
    expect(solo.status.quiesced).toBe(false);
    expect(solo.said()).toMatchObject([{ kind: "heartbeat-ack", round: 0 }]);
    solo.hear(N2, "append", { ...append, prevIndex: 3, prevTerm: 1 });
    solo.hear(N2, "quiesce", { term: 1, commit: 3 });
    expect(solo.status).toMatchObject({ quiesced: true, committed: 3 });
  });

  it("ends at a leader that is told of a member that cannot sleep, not at late answers", () => {
    const solo = new Solo({ settings }).lead().tick(4);
    expect(solo.status.quiesced).toBe(true);
    solo.acknowledge(N2).hear(N2, "heartbeat-ack", { term: 1, round: 1, ...SOUND });
    expect(solo.status.quiesced).toBe(true);
    solo.hear(N2, "heartbeat-ack", { term: 1, round: 0, ...SOUND });
    expect(solo.status.quiesced).toBe(false);
  });
});

describe("election delay", () => {
  it("lets a preferred member campaign first", () => {
    const solo = new Solo().step({ kind: "election-delay", ticks: 5 }).tick(14);
    expect(solo.status.role).toBe("follower");
    expect(solo.tick().status.role).toBe("candidate");
  });
});

describe("a member that lost part of its log", () => {
  const damaged = (): Solo => {
    return new Solo({
      terms: [1],
      hard: { commit: 4 },
      damaged: true,
      settings: { preVote: true },
    });
  };

  it("is suspect, durably, before it says anything", () => {
    const solo = damaged();
    expect(solo.log.hard).toMatchObject({ suspect: true, logEpoch: 1, commit: 2 });
    const again = new Solo({ terms: [1], hard: solo.log.hard });
    expect(again.status).toMatchObject({ suspect: true, logEpoch: 1 });
  });

  it("neither campaigns nor votes", () => {
    const solo = damaged().tick(50).step({ kind: "campaign" });
    expect(solo.status).toMatchObject({ role: "follower", term: 1 });
    solo.hear(N2, "vote", vote).hear(N2, "pre-vote", { ...vote, term: 10 });
    const granted = solo.said().map((said) => "granted" in said && said.granted);
    expect(granted).toEqual([false, false]);
  });

  it("does not believe commits that a heartbeat takes for acknowledged", () => {
    const solo = damaged().hear(N2, "heartbeat", { ...heartbeat, commit: 4 });
    expect(solo.status.committed).toBe(2);
    expect(() =>
      new Solo({ terms: [1] }).hear(N2, "heartbeat", { ...heartbeat, commit: 4 }),
    ).toThrow("entries were lost");
  });

  it("heals when it holds what the leader had, and only for its own epoch", () => {
    const solo = damaged();
    const append = { term: 2, prevIndex: 2, prevTerm: 1, commit: 2 };
    const entries = makeEntries(3, [1, 1]);
    solo.hear(N2, "append", { ...append, entries, refetch: { epoch: 0, target: 2 } });
    expect(solo.status.suspect).toBe(true);
    const refetch = { epoch: 1, target: 5 };
    solo.hear(N2, "append", { ...append, entries, refetch });
    expect(solo.status.suspect).toBe(true);
    const more = { ...append, prevIndex: 4, entries: makeEntries(5, [1]), refetch };
    solo.hear(N2, "append", more);
    expect(solo.log.hard).toMatchObject({ suspect: false, logEpoch: 1 });
  });

  it("is not counted by what it acknowledged before", () => {
    const solo = new Solo().lead().propose("a");
    const { last } = solo.status;
    solo.hear(N2, "heartbeat-ack", { term: 1, round: 1, ...SOUND, logEpoch: 1, suspect: true });
    solo.acknowledge(N2, last);
    expect(solo.status.committed).toBe(2);
    const n2 = solo.status.members.find(({ member }) => member === N2);
    expect(n2).toMatchObject({ match: 0, logEpoch: 1 });
    const sound = { ...SOUND, logEpoch: 1, suspect: true };
    solo.hear(N2, "append-ack", { term: 1, index: last, ...sound });
    expect(solo.status.committed).toBe(last);
  });

  it("stands in the way of a change that would need its vote", () => {
    const solo = new Solo().lead();
    const suspect = { ...SOUND, logEpoch: 1, suspect: true };
    solo.hear(N2, "heartbeat-ack", { term: 1, round: 1, ...suspect });
    const change = (member: typeof N2) => {
      const changes = [{ kind: "remove" as const, member }];
      solo.step({ kind: "change", id: 1, change: { transition: "auto", changes } });
      return solo.proposals.at(-1);
    };
    expect(change(N3)).toMatchObject({ reason: "change-pending" });
    expect(change(N2)).toMatchObject({ kind: "appended" });
  });
});

describe("feature levels", () => {
  const settings = { supports: 2 };
  const old = { ...SOUND, supports: 1 };
  const current = { ...SOUND, supports: 2 };

  it("are raised by an entry once all members know them, and gate kinds of entries", () => {
    const solo = new Solo({ settings }).lead();
    const digest = { kind: "digest" as const, index: 10_000, digest: new Uint8Array(8) };
    solo.step(digest);
    expect(solo.status.last).toBe(2);
    solo.hear(N2, "heartbeat-ack", { term: 1, round: 1, ...current }).tick();
    expect(solo.status.last).toBe(2);
    solo.hear(N3, "heartbeat-ack", { term: 1, round: 1, ...old }).tick();
    expect(solo.status.last).toBe(2);
    solo.hear(N3, "heartbeat-ack", { term: 1, round: 2, ...current }).tick();
    expect(solo.log.entries(3, 3, 1)).toMatchObject([{ kind: "level" }]);
    expect(solo.status.level).toBe(1);
    solo.tick().acknowledge(N2);
    expect(solo.status).toMatchObject({ level: 2, last: 3 });
    solo.step(digest);
    expect(solo.log.entries(4, 4, 1)).toMatchObject([{ kind: "digest" }]);
  });

  it("that this release does not know end the replica", () => {
    const entries: Entry[] = [{ index: 2, term: 1, kind: "level", data: encodeLevel(3) }];
    const solo = new Solo({ settings });
    const append = { prevIndex: 1, prevTerm: 0, commit: 2, refetch: undefined, entries };
    const message = { kind: "append", from: N2, to: N1, term: 1, ...append } as const;
    solo.group.step({ kind: "receive", message });
    expect(solo.group.take().halted).toBe("level");
    solo.group.step({ kind: "campaign" });
    expect(solo.group.take().send).toEqual([]);
    expect(
      () => new Solo({ base: { ...foundingBase(makeConfiguration([N1])), level: 3 } }),
    ).toThrow("beyond this release");
  });
});

describe("digests", () => {
  it("tell a replica whose state differs from the leader's, in any order", () => {
    for (const isLate of [false, true]) {
      const solo = new Solo();
      const data = encodeDigest({ index: 2, digest: Uint8Array.of(1, 2) });
      const entries: Entry[] = [{ index: 2, term: 1, kind: "digest", data }];
      const append = { prevIndex: 1, prevTerm: 0, commit: 2, refetch: undefined, entries };
      const message = { kind: "append", from: N2, to: N1, term: 1, ...append } as const;
      const own = { kind: "digest", index: 2, digest: Uint8Array.of(1, 3) } as const;
      if (!isLate) solo.group.step(own);
      solo.group.step({ kind: "receive", message });
      const write = solo.group.take().persist;
      if (write === undefined) throw new Error("the entry is written");
      solo.log.write(write);
      solo.group.step({ kind: "persisted", id: write.id });
      const early = solo.group.take().diverged;
      solo.group.step({ ...own, digest: isLate ? own.digest : Uint8Array.of(1, 2) });
      expect([early, solo.group.take().diverged]).toEqual(isLate ? [undefined, 2] : [2, undefined]);
    }
  });
});

describe("a damaged log", () => {
  it("that cannot be read for applying ends the replica", () => {
    const solo = new Solo({ voters: [N1] }).lead([]);
    const broken = Object.assign(Object.create(solo.log) as typeof solo.log, {
      entries: () => undefined,
      base: () => solo.log.base(),
      lastIndex: () => solo.log.lastIndex(),
      term: (index: number) => solo.log.term(index),
    });
    const hard = { ...solo.log.hard, commit: 2 };
    const rng = { next: () => 0, bytes: (count: number) => new Uint8Array(count) };
    const start = { self: N1, settings: PLAIN, rng, view: broken, hard, applied: 0 };
    expect(() => new RaftGroup(start)).toThrow("cannot be read");
  });
});

describe("messages that make no sense", () => {
  it("change nothing", () => {
    const solo = new Solo().lead();
    const before = solo.status;
    solo.hear(N4, "append-ack", { term: 1, index: 2, ...SOUND });
    solo.hear(N2, "append-ack", { term: 1, index: 99, ...SOUND });
    solo.hear(N2, "heartbeat-ack", { term: 1, round: 99, ...SOUND });
    solo.hear(N2, "append", {
      term: 1,
      prevIndex: 2,
      prevTerm: 1,
      entries: [],
      commit: 2,
      refetch: undefined,
    });
    solo.hear(N1, "timeout-now", { term: 9 });
    solo.step({ kind: "receive", message: { kind: "timeout-now", from: N2, to: N3, term: 9 } });
    expect({ ...solo.status, members: [] }).toEqual({ ...before, members: [] });
    expect(solo.status.members.map(({ match }) => match)).toEqual([2, 2, 2]);
  });
});
