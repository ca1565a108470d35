// One test per rule of the Raft paper (Ongaro and Ousterhout, extended version); the section is in
// the name. Indexes begin at 2: index 1 is the base of every log here.
import { describe, expect, it } from "@jest/globals";

import { seededRng } from "#api/base/testing/seeded-rng.ts";

import { foundingBase, makeConfiguration } from "./index.ts";
import type { SnapshotHandle } from "./index.ts";
import { makeEntries, N1, N2, N3, N4, N5, NO_COMMIT, Solo, SOUND } from "./testing/solo.ts";

const FIVE = [N1, N2, N3, N4, N5];

const emptyAppend = (term: number) => ({
  term,
  prevIndex: 1,
  prevTerm: 0,
  entries: [],
  commit: 1,
  refetch: undefined,
});

describe("terms (5.1)", () => {
  it("a server with a smaller term takes the larger one", () => {
    const solo = new Solo().hear(N2, "append", emptyAppend(4));
    expect(solo.status).toMatchObject({ term: 4, role: "follower", leader: N2 });
    expect(solo.log.hard.term).toBe(4);
  });

  it.each(["candidate", "leader"] as const)("a %s whose term is out of date follows", (role) => {
    const solo = new Solo();
    if (role === "leader") solo.lead();
    else solo.step({ kind: "campaign" });
    expect(solo.status.role).toBe(role);
    solo.hear(N2, "append", emptyAppend(4));
    expect(solo.status).toMatchObject({ term: 4, role: "follower", leader: N2 });
  });

  it("a request with a stale term changes nothing but tells the term", () => {
    const solo = new Solo({ hard: { term: 3 } });
    solo.hear(N2, "append", { ...emptyAppend(2), entries: makeEntries(2, [2]) });
    expect(solo.said()).toEqual([{ from: N1, to: N2, term: 3, kind: "newer-term" }]);
    expect(solo.status).toMatchObject({ last: 1, leader: undefined });
    solo.hear(N2, "vote", { term: 2, lastIndex: 9, lastTerm: 2, transfer: false });
    expect(solo.said()).toEqual([]);
  });
});

describe("elections (5.2)", () => {
  it("a server starts as follower", () => {
    expect(new Solo().status.role).toBe("follower");
  });

  it("a server stays follower as long as it hears a leader", () => {
    const solo = new Solo();
    for (let round = 0; round < 5; round += 1) {
      solo.hear(N2, "heartbeat", { term: 1, commit: 1, round, refetch: undefined });
      solo.tick(9);
    }
    expect(solo.status).toMatchObject({ role: "follower", term: 1 });
  });

  it("a leader sends heartbeats to all followers, periodically", () => {
    const solo = new Solo().lead();
    solo.tick(2);
    const sent = solo.saidOf("heartbeat").map(({ to, term }) => `${to} ${term}`);
    expect(sent).toEqual(["n2 1", "n3 1", "n2 1", "n3 1"]);
  });

  it("a follower that hears nothing campaigns: next term, own vote, requests to all", () => {
    const solo = new Solo({ hard: { term: 4 } }).tick(9);
    expect(solo.status.role).toBe("follower");
    solo.tick();
    expect(solo.status).toMatchObject({ role: "candidate", term: 5, vote: N1 });
    expect(solo.said()).toEqual(
      [N2, N3].map((to) => ({
        ...{ from: N1, to, term: 5, kind: "vote" },
        ...{ lastIndex: 1, lastTerm: 0, transfer: false },
      })),
    );
  });

  it.each([
    { voters: 1, yes: 0, no: 0, want: "leader" },
    { voters: 3, yes: 2, no: 0, want: "leader" },
    { voters: 3, yes: 1, no: 0, want: "leader" },
    { voters: 3, yes: 0, no: 1, want: "candidate" },
    { voters: 3, yes: 0, no: 2, want: "follower" },
    { voters: 5, yes: 2, no: 2, want: "leader" },
    { voters: 5, yes: 1, no: 2, want: "candidate" },
    { voters: 5, yes: 1, no: 3, want: "follower" },
    { voters: 5, yes: 0, no: 0, want: "candidate" },
  ])("of $voters voters, $yes others for and $no against: $want", ({ voters, yes, no, want }) => {
    const solo = new Solo({ voters: FIVE.slice(0, voters) }).step({ kind: "campaign" });
    for (const [at, from] of FIVE.slice(1, 1 + yes + no).entries()) {
      solo.hear(from, "vote-reply", { term: 1, granted: at < yes, ...NO_COMMIT });
    }
    expect(solo.status).toMatchObject({ role: want, term: 1 });
  });

  it("a server votes for one candidate per term, first come first served", () => {
    const solo = new Solo();
    const vote = { term: 1, lastIndex: 1, lastTerm: 0, transfer: false };
    solo.hear(N2, "vote", vote).hear(N3, "vote", vote).hear(N2, "vote", vote);
    const said = solo.saidOf("vote-reply").map(({ to, granted }) => `${to} ${granted}`);
    expect(said).toEqual(expect.arrayContaining(["n2 true", "n3 false", "n2 true"]));
    expect(said).toHaveLength(3);
    expect(solo.log.hard.vote).toBe(N2);
  });

  it("a new leader asserts itself at once", () => {
    const solo = new Solo().step({ kind: "campaign" });
    solo.said();
    solo.hear(N2, "vote-reply", { term: 1, granted: true, ...NO_COMMIT });
    expect(solo.saidOf("append").map(({ to }) => to)).toEqual([N2, N3]);
  });

  it("a candidate that hears the leader of its own term follows, of an older one does not", () => {
    const solo = new Solo({ hard: { term: 4 } }).step({ kind: "campaign" });
    solo.hear(N2, "append", emptyAppend(4));
    expect(solo.status).toMatchObject({ role: "candidate", term: 5 });
    solo.hear(N2, "append", emptyAppend(5));
    expect(solo.status).toMatchObject({ role: "follower", term: 5, leader: N2 });
  });

  it("timeouts are random in one to two election timeouts, and differ", () => {
    const rng = seededRng(7);
    const waits = new Set<number>();
    for (let run = 0; run < 200; run += 1) {
      const solo = new Solo({ random: rng.next });
      let ticks = 0;
      while (solo.status.role === "follower") {
        solo.tick();
        ticks += 1;
      }
      waits.add(ticks);
    }
    expect([...waits].sort((a, b) => a - b)).toEqual([...Array(10).keys()].map((at) => at + 10));
  });

  it("after a split vote each candidate starts a new election with a new timeout", () => {
    // For the run's number, the first timeout and that of the first campaign.
    const random = [0, 0, 0.5];
    const solo = new Solo({ random: () => random.shift() ?? 0.9 }).tick(10);
    expect(solo.status).toMatchObject({ role: "candidate", term: 1 });
    solo.tick(14);
    expect(solo.status.term).toBe(1);
    solo.tick(6);
    expect(solo.status).toMatchObject({ role: "candidate", term: 2 });
  });
});

describe("log replication (5.3)", () => {
  it("a leader appends and sends the entry to all in parallel", () => {
    const solo = new Solo().lead().propose("x");
    const appends = solo.saidOf("append");
    expect(
      appends.map(({ to, prevIndex, prevTerm, entries }) => [
        to,
        prevIndex,
        prevTerm,
        entries.length,
      ]),
    ).toEqual([
      [N2, 2, 1, 1],
      [N3, 2, 1, 1],
    ]);
    expect(solo.terms).toEqual([1, 1]);
  });

  it.each([
    { voters: 1, acks: 0, commits: true },
    { voters: 3, acks: 0, commits: false },
    { voters: 3, acks: 1, commits: true },
    { voters: 5, acks: 1, commits: false },
    { voters: 5, acks: 2, commits: true },
  ])(
    "of $voters, the leader and $acks more hold it: committed $commits",
    ({ voters, acks, commits }) => {
      const others = FIVE.slice(1, voters);
      const solo = new Solo({ voters: FIVE.slice(0, voters) }).lead(others).propose("x");
      for (const other of others.slice(0, acks)) solo.acknowledge(other);
      expect(solo.status.committed).toBe(commits ? 3 : 2);
      expect(solo.applied.map(({ index }) => index)).toEqual(commits ? [2, 3] : [2]);
    },
  );

  it("a leader that commits an entry commits all before it, also of former leaders", () => {
    const solo = new Solo({ terms: [1, 2] }).step({ kind: "campaign" });
    solo.hear(N2, "vote-reply", { term: 3, granted: true, ...NO_COMMIT }).acknowledge(N2);
    expect(solo.applied.map(({ term }) => term)).toEqual([1, 2, 3]);
  });

  it("the commit index goes along with the next append, and followers apply in log order", () => {
    const leader = new Solo().lead().propose("x").acknowledge(N2);
    expect(leader.saidOf("append").find(({ commit }) => commit === 3)).toBeDefined();
    const follower = new Solo().hear(N2, "append", {
      ...emptyAppend(1),
      entries: makeEntries(2, [1, 1]),
      commit: 2,
    });
    expect(follower.applied.map(({ index }) => index)).toEqual([2]);
    follower.hear(N2, "append", { ...emptyAppend(1), prevIndex: 3, prevTerm: 1, commit: 3 });
    expect(follower.applied.map(({ index }) => index)).toEqual([2, 3]);
  });

  it("a follower never commits beyond what it was sent", () => {
    const solo = new Solo().hear(N2, "append", {
      ...emptyAppend(1),
      entries: makeEntries(2, [1]),
      commit: 9,
    });
    expect(solo.status.committed).toBe(2);
  });

  it("a follower never commits what it holds beyond what was compared", () => {
    const solo = new Solo({ terms: [1, 1, 1] });
    solo.hear(N2, "append", { ...emptyAppend(3), prevIndex: 2, prevTerm: 1, commit: 9 });
    expect(solo.status).toMatchObject({ last: 4, committed: 2 });
  });

  it.each([
    { name: "the same log", prev: [3, 2], want: { ack: 3 } },
    { name: "an earlier entry", prev: [2, 1], want: { ack: 2 } },
    { name: "an entry of another term", prev: [3, 3], want: { hint: [3, 2] } },
    { name: "an entry that is missing", prev: [4, 2], want: { hint: [3, 2] } },
    { name: "an older term there", prev: [3, 1], want: { hint: [2, 1] } },
  ])("consistency check: $name", ({ prev: [prevIndex = 0, prevTerm = 0], want }) => {
    const solo = new Solo({ terms: [1, 2] });
    solo.hear(N2, "append", { ...emptyAppend(3), prevIndex, prevTerm });
    const [answer] = solo.said();
    if (answer?.kind === "append-ack") expect({ ack: answer.index }).toEqual(want);
    else if (answer?.kind === "append-reject") {
      expect({ hint: [answer.hintIndex, answer.hintTerm] }).toEqual(want);
    } else expect(answer).toBeUndefined();
    expect(solo.terms).toEqual([1, 2]);
  });

  it.each([
    {
      name: "conflicting entries go with all that follow",
      prev: [3, 2],
      sent: [3],
      want: [1, 2, 3],
    },
    { name: "a conflict in the middle", prev: [2, 1], sent: [3, 4], want: [1, 3, 4] },
    { name: "all conflict", prev: [1, 0], sent: [2, 3], want: [2, 3] },
    { name: "a stale append removes nothing", prev: [1, 0], sent: [1], want: [1, 2, 2] },
    { name: "what is there already stays", prev: [2, 1], sent: [2, 2], want: [1, 2, 2] },
    { name: "the rest is added", prev: [2, 1], sent: [2, 2, 4], want: [1, 2, 2, 4] },
  ])("follower's log: $name", ({ prev: [prevIndex = 0, prevTerm = 0], sent, want }) => {
    const solo = new Solo({ terms: [1, 2, 2] });
    const entries = makeEntries(prevIndex + 1, sent);
    solo.hear(N2, "append", { ...emptyAppend(4), prevIndex, prevTerm, entries });
    expect(solo.terms).toEqual(want);
    expect(solo.saidOf("append-ack").map(({ index }) => index)).toEqual([prevIndex + sent.length]);
  });

  it("a leader never overwrites or deletes entries of its own log", () => {
    const solo = new Solo({ terms: [1, 1] }).step({ kind: "campaign" });
    solo.hear(N2, "vote-reply", { term: 2, granted: true, ...NO_COMMIT });
    const entries = makeEntries(2, [2, 2]);
    solo.hear(N3, "append", { ...emptyAppend(2), entries });
    expect(solo.terms).toEqual([1, 1, 2]);
    expect(solo.status.role).toBe("leader");
  });

  it("a leader that is refused goes back until the logs meet", () => {
    const solo = new Solo({ terms: [1, 1, 1, 3] }).step({ kind: "campaign" });
    solo.hear(N2, "vote-reply", { term: 4, granted: true, ...NO_COMMIT });
    solo.said();
    // N2 has 1 1 2 2: it cannot have entries of term 3, so index 4 is not worth a try.
    const hints = { prevIndex: 5, hintIndex: 5, hintTerm: 2, ...SOUND };
    solo.hear(N2, "append-reject", { term: 4, ...hints });
    expect(solo.saidOf("append").map(({ prevIndex }) => prevIndex)).toEqual([4]);
  });
});

describe("safety (5.4)", () => {
  it.each([
    { name: "an older last term", terms: [1, 2], last: [9, 1], granted: false },
    { name: "the same last term, shorter", terms: [2, 2], last: [2, 2], granted: false },
    { name: "the same log", terms: [2, 2], last: [3, 2], granted: true },
    { name: "the same last term, longer", terms: [2], last: [3, 2], granted: true },
    { name: "a newer last term, shorter", terms: [1, 1, 1], last: [2, 2], granted: true },
  ])(
    "election restriction (5.4.1): $name",
    ({ terms, last: [lastIndex = 0, lastTerm = 0], granted }) => {
      const solo = new Solo({ terms });
      solo.hear(N2, "vote", { term: 5, lastIndex, lastTerm, transfer: false });
      expect(solo.saidOf("vote-reply").map((reply) => reply.granted)).toEqual([granted]);
    },
  );

  it("figure 8: an entry of an older term on a majority is not committed by counting", () => {
    // (c): S1, leader again in term 4, brings its entry of term 2 to S3; S5 has one of term 3.
    const solo = new Solo({ voters: FIVE, terms: [1, 2], hard: { term: 3, commit: 2 } });
    solo.step({ kind: "campaign" });
    for (const from of [N2, N3]) {
      solo.hear(from, "vote-reply", { term: 4, granted: true, ...NO_COMMIT });
    }
    expect(solo.status).toMatchObject({ role: "leader", term: 4, last: 4 });
    solo.acknowledge(N2, 3).acknowledge(N3, 3);
    expect(solo.status.committed).toBe(2);
    // (e): only an entry of term 4 on a majority commits it.
    solo.acknowledge(N2, 4);
    expect(solo.status.committed).toBe(2);
    solo.acknowledge(N3, 4);
    expect(solo.status.committed).toBe(4);
  });
});

describe("durability (figure 2, 5.1)", () => {
  it("term, vote and log are durable before anything is answered", () => {
    const solo = new Solo({ slow: true });
    solo.hear(N2, "vote", { term: 1, lastIndex: 1, lastTerm: 0, transfer: false });
    expect(solo.said()).toEqual([]);
    solo.finishWrite();
    expect(solo.log.hard).toMatchObject({ term: 1, vote: N2 });
    expect(solo.said()).toMatchObject([{ kind: "vote-reply", granted: true }]);
    solo.hear(N2, "append", { ...emptyAppend(1), entries: makeEntries(2, [1]) });
    expect(solo.said()).toEqual([]);
    solo.finishWrite();
    expect(solo.terms).toEqual([1]);
    expect(solo.said()).toMatchObject([{ kind: "append-ack", index: 2 }]);
  });

  it("a candidate's own vote and a leader's own entry count when they are durable", () => {
    const solo = new Solo({ voters: [N1], slow: true }).step({ kind: "campaign" });
    expect(solo.status.role).toBe("candidate");
    solo.finishWrite();
    expect(solo.status).toMatchObject({ role: "leader", committed: 1 });
    solo.finishWrite();
    expect(solo.status).toMatchObject({ role: "leader", committed: 2 });
  });

  it("a restarted server knows its term, its vote and its log", () => {
    const solo = new Solo({ terms: [1, 3], hard: { term: 5, vote: N3 } });
    solo.hear(N2, "vote", { term: 5, lastIndex: 9, lastTerm: 5, transfer: false });
    expect(solo.saidOf("vote-reply").map(({ granted }) => granted)).toEqual([false]);
    expect(solo.status).toMatchObject({ term: 5, last: 3 });
  });
});

describe("snapshots (7)", () => {
  const base = { ...foundingBase(makeConfiguration([N1, N2, N3])), index: 4, term: 3 };
  const handle = "s" as SnapshotHandle;

  it("a snapshot with new information replaces the whole log", () => {
    const solo = new Solo({ terms: [1, 1] }).hear(N2, "snapshot", { term: 3, base, handle });
    expect(solo.status).toMatchObject({ first: 5, last: 4, committed: 4, applied: 4 });
    expect(solo.saidOf("append-ack").map(({ index }) => index)).toEqual([4]);
  });

  it("a snapshot of a prefix of the log leaves what follows", () => {
    const solo = new Solo({ terms: [1, 1, 3, 3] }).hear(N2, "snapshot", { term: 3, base, handle });
    expect(solo.terms).toEqual([1, 1, 3, 3]);
    expect(solo.status).toMatchObject({ last: 5, committed: 4 });
  });

  it("a snapshot behind the commit index is ignored", () => {
    const solo = new Solo({ terms: [1, 1, 3, 3], hard: { commit: 5 } });
    solo.hear(N2, "snapshot", { term: 3, base, handle });
    expect(solo.saidOf("append-ack").map(({ index }) => index)).toEqual([5]);
  });

  it("a leader sends a snapshot when the entries are gone", () => {
    const solo = new Solo().lead().propose("a", "b").acknowledge(N2);
    solo.step({ kind: "compact", index: 4 });
    solo.hear(N3, "append-reject", { term: 1, prevIndex: 4, hintIndex: 1, hintTerm: 0, ...SOUND });
    expect(solo.status.members.find(({ member }) => member === N3)?.state).toBe("snapshot");
  });
});

describe("clients (8)", () => {
  it("a leader opens its term with an entry that does nothing", () => {
    const solo = new Solo({ terms: [1] }).step({ kind: "campaign" });
    solo.hear(N2, "vote-reply", { term: 2, granted: true, ...NO_COMMIT });
    expect(solo.log.entries(3, 3, 1)).toMatchObject([{ kind: "empty", term: 2 }]);
  });

  it("a read waits for the leader's own term and for a majority's answers", () => {
    const solo = new Solo({ terms: [1], hard: { commit: 2 } }).step({ kind: "campaign" });
    solo.hear(N2, "vote-reply", { term: 2, granted: true, ...NO_COMMIT });
    solo.step({ kind: "read", id: 1, mode: "quorum" });
    expect(solo.saidOf("heartbeat")).toEqual([]);
    solo.acknowledge(N2);
    const [{ round } = { round: 0 }] = solo.saidOf("heartbeat");
    expect(solo.reads).toEqual([]);
    solo.hear(N2, "heartbeat-ack", { term: 2, round, ...SOUND });
    expect(solo.reads).toEqual([{ kind: "ready", id: 1, index: 3, leaseUntilMs: undefined }]);
  });

  it("an answer to an earlier heartbeat confirms no later read", () => {
    const solo = new Solo().lead().tick();
    const [{ round } = { round: 0 }] = solo.saidOf("heartbeat");
    solo.step({ kind: "read", id: 1, mode: "quorum" });
    solo.hear(N2, "heartbeat-ack", { term: 1, round, ...SOUND });
    expect(solo.reads).toEqual([]);
    solo.hear(N2, "heartbeat-ack", { term: 1, round: round + 1, ...SOUND });
    expect(solo.reads).toHaveLength(1);
  });
});
