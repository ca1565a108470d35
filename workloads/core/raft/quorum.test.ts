// Majorities beside the slow, obvious way of counting them.
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { MemberId } from "./index.ts";
import { makeConfiguration } from "./index.ts";
import { isQuorum, quorumValue, voteResult } from "./quorum.ts";

const ALL = ["a", "b", "c", "d", "e", "f", "g"] as MemberId[];
const voters = fc.subarray(ALL);
const values = fc.array(fc.nat(5), { minLength: ALL.length, maxLength: ALL.length });

/** The highest value that more than half have reached, tried one by one. */
function obvious(set: readonly MemberId[], reached: (member: MemberId) => number): number {
  if (set.length === 0) return Number.POSITIVE_INFINITY;
  let best = 0;
  for (let value = 1; value <= 5; value += 1) {
    if (set.filter((member) => reached(member) >= value).length * 2 > set.length) best = value;
  }
  return best;
}

describe("a majority", () => {
  it("has reached what counting says, in both halves", () => {
    fc.assert(
      fc.property(voters, voters, values, (incoming, outgoing, list) => {
        const config = { ...makeConfiguration(incoming), outgoing };
        const reached = (member: MemberId): number => list[ALL.indexOf(member)] ?? 0;
        const want = Math.min(obvious(incoming, reached), obvious(outgoing, reached));
        expect(quorumValue(config, reached)).toBe(want);
      }),
    );
  });

  it("has voted what every way of the missing votes would give", () => {
    const votes = fc.array(fc.constantFrom(true, false, undefined), {
      minLength: ALL.length,
      maxLength: ALL.length,
    });
    fc.assert(
      fc.property(voters, voters, votes, (incoming, outgoing, list) => {
        const config = { ...makeConfiguration(incoming), outgoing };
        const known = new Map<MemberId, boolean>();
        for (const [at, vote] of list.entries()) {
          const member = ALL[at];
          if (member !== undefined && vote !== undefined) known.set(member, vote);
        }
        const wins = (missing: boolean): boolean =>
          [incoming, outgoing].every((set) => {
            const yes = set.filter((member) => known.get(member) ?? missing).length;
            return set.length === 0 || yes * 2 > set.length;
          });
        const want = wins(false) ? "won" : wins(true) ? "pending" : "lost";
        expect(voteResult(config, known)).toBe(want);
      }),
    );
  });

  it("always shares a member with another one", () => {
    fc.assert(
      fc.property(voters, voters, voters, (incoming, one, two) => {
        fc.pre(incoming.length > 0);
        const config = makeConfiguration(incoming);
        const both = [one, two].every((set) => isQuorum(config, (member) => set.includes(member)));
        const common = incoming.some((member) => one.includes(member) && two.includes(member));
        expect(both && !common).toBe(false);
      }),
    );
  });
});
