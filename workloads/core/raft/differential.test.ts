// The same random traces on our core and on the published port of etcd's. After every step the two
// must agree about role, term, vote, leader, commit index, configuration and log of every member.
// Where the designs differ on purpose, the difference is named here or in testing/pair.ts:
// - votes tell what is committed (left out of our messages);
// - an old leader is told of a newer term whatever the options are (left out if the port would not);
// - changes of members wait for an entry of the own term, and take effect at commit (proposed only
//   when both take them, applied at once);
// - after "unreachable" nothing is sent before the next answer (not part of the traces);
// - a leader that is removed steps down (only learners are changed).
import { describe, expect, it } from "@jest/globals";

import { seededRng } from "#api/base/testing/seeded-rng.ts";

import type { MemberId } from "./index.ts";
import type { Side } from "./testing/pair.ts";
import { MEMBERS, OurSide, TheirSide } from "./testing/pair.ts";

const OPTIONS = [
  { preVote: true, checkQuorum: true },
  { preVote: false, checkQuorum: true },
  { preVote: true, checkQuorum: false },
  { preVote: false, checkQuorum: false },
];
const SEEDS = 40;
const STEPS = 250;

interface Choice {
  readonly what: number;
  readonly a: MemberId;
  readonly b: MemberId;
  readonly step: number;
}

/** What one step does to a side; undefined for nothing. */
function action(us: OurSide, choice: Choice): ((side: Side) => void) | undefined {
  const { what, a, b, step } = choice;
  const isPair = a !== b;
  if (what < 55) return isPair ? (side) => side.deliver(a, b) : undefined;
  if (what < 75) return (side) => side.tick(a);
  if (what < 77) return (side) => side.campaign(a);
  if (what < 89) return (side) => side.propose(a, `p${step}`);
  if (what < 94) return isPair ? (side) => side.drop(a, b) : undefined;
  if (what < 96) return isPair ? (side) => side.transfer(a, b) : undefined;
  if (what < 97) return (side) => side.compact(a);
  if (!us.mayChange(a)) return undefined;
  return (side) => side.changeLearner(a, "n4" as MemberId, step % 2 === 0);
}

describe("a trace on both cores", () => {
  it.each([...Array(SEEDS).keys()])("is the same with seed %i", (seed) => {
    const rng = seededRng(seed);
    const pick = (count: number): number => Math.floor(rng.next() * count);
    const options = OPTIONS[seed % OPTIONS.length] ?? { preVote: true, checkQuorum: true };
    const us = new OurSide(options);
    const them = new TheirSide(options);
    for (let step = 0; step < STEPS; step += 1) {
      const a = MEMBERS[pick(3)] ?? MEMBERS[0];
      const b = MEMBERS[pick(3)] ?? MEMBERS[0];
      if (a === undefined || b === undefined) throw new Error("three members");
      const act = action(us, { what: pick(100), a, b, step });
      act?.(us);
      act?.(them);
      if (act === undefined) continue;
      const [ours, theirs] = [us, them].map((side) => MEMBERS.map((member) => side.seen(member)));
      // The costly comparison only to tell what differs.
      if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
        expect({ step, members: ours }).toEqual({ step, members: theirs });
      }
    }
  });

  it("gets somewhere", () => {
    const options = { preVote: true, checkQuorum: true };
    const us = new OurSide(options);
    us.campaign("n1" as MemberId);
    for (let round = 0; round < 4; round += 1) {
      for (const from of MEMBERS) for (const to of MEMBERS) us.deliver(from, to);
    }
    us.propose("n1" as MemberId, "x");
    for (const from of MEMBERS) for (const to of MEMBERS) us.deliver(from, to);
    for (const from of MEMBERS) for (const to of MEMBERS) us.deliver(from, to);
    expect(us.seen("n1" as MemberId)).toMatchObject({ role: "leader", commit: 3 });
  });
});
