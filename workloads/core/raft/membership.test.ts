// Changes of members: examples, and the law that makes them safe.
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { ConfigChange, Configuration, MemberChange, MemberId } from "./index.ts";
import { changeConfiguration, isJoint, makeConfiguration, membersOf } from "./index.ts";
import { isQuorum } from "./quorum.ts";

const ALL = ["a", "b", "c", "d", "e"] as MemberId[];
const [A, B, C, D] = ALL as [MemberId, MemberId, MemberId, MemberId];

const add = (member: MemberId): MemberChange => ({ kind: "add-voter", member });
const learn = (member: MemberId): MemberChange => ({ kind: "add-learner", member });
const remove = (member: MemberId): MemberChange => ({ kind: "remove", member });
const auto = (...changes: readonly MemberChange[]): ConfigChange => ({
  transition: "auto",
  changes,
});
const abc = makeConfiguration([A, B, C]);

describe("a change of members", () => {
  it.each([
    { name: "adds a voter", change: auto(add(D)), want: makeConfiguration([A, B, C, D]) },
    { name: "adds a learner", change: auto(learn(D)), want: makeConfiguration([A, B, C], [D]) },
    { name: "removes a voter", change: auto(remove(C)), want: makeConfiguration([A, B]) },
    { name: "demotes a voter", change: auto(learn(C)), want: makeConfiguration([A, B], [C]) },
    { name: "changes nothing twice", change: auto(add(A)), want: abc },
    {
      name: "of two voters is joint and left automatically",
      change: auto(add(D), remove(A)),
      want: { ...makeConfiguration([B, C, D]), outgoing: [A, B, C], autoLeave: true },
    },
    {
      name: "of one voter is joint if it wants to be",
      change: { transition: "joint-explicit" as const, changes: [add(D)] },
      want: { ...makeConfiguration([A, B, C, D]), outgoing: [A, B, C] },
    },
    {
      name: "that demotes in a joint configuration waits for its end",
      change: { transition: "joint" as const, changes: [learn(C)] },
      want: {
        ...makeConfiguration([A, B]),
        ...{ outgoing: [A, B, C], learnersNext: [C], autoLeave: true },
      },
    },
  ])("$name", ({ change, want }) => {
    expect(changeConfiguration(abc, change)).toEqual({ kind: "changed", config: want });
  });

  it("leaves a joint configuration and lets the demoted learn", () => {
    const joint = { ...makeConfiguration([A, B], [D]), outgoing: [A, C], learnersNext: [C] };
    const result = changeConfiguration(joint, auto());
    expect(result).toEqual({ kind: "changed", config: makeConfiguration([A, B], [C, D]) });
  });

  it.each([
    { name: "leaving what is not joint", config: abc, change: auto() },
    { name: "removing the last voter", config: makeConfiguration([A]), change: auto(remove(A)) },
    {
      name: "anything but leaving what is joint",
      config: { ...abc, outgoing: [A] },
      change: auto(learn(D)),
    },
  ])("rejects $name", ({ config, change }) => {
    expect(changeConfiguration(config, change).kind).toBe("rejected");
  });

  it("never lets the old and the new decide without each other", () => {
    const kinds = fc.constantFrom("add-voter" as const, "add-learner" as const, "remove" as const);
    const one = fc.record({ kind: kinds, member: fc.constantFrom(...ALL) });
    const changes = fc.record({
      transition: fc.constantFrom("auto" as const, "joint" as const, "joint-explicit" as const),
      changes: fc.array(one, { maxLength: 3 }),
    });
    const sets = fc.tuple(fc.subarray(ALL), fc.subarray(ALL));
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 6 }), sets, (list, [left, right]) => {
        let config: Configuration = abc;
        for (const change of list) {
          const result = changeConfiguration(config, change);
          if (result.kind === "rejected") continue;
          const decides = (at: Configuration, set: readonly MemberId[]): boolean =>
            isQuorum(at, (member) => set.includes(member));
          const apart = !left.some((member) => right.includes(member));
          const both = decides(config, left) && decides(result.config, right);
          expect(apart && both).toBe(false);
          ({ config } = result);
          expect(config.voters.length).toBeGreaterThan(0);
          const { voters, outgoing, learners, learnersNext } = config;
          expect(learners.some((id) => voters.includes(id) || outgoing.includes(id))).toBe(false);
          expect(learnersNext.every((id) => outgoing.includes(id))).toBe(true);
          expect(isJoint(config) || learnersNext.length === 0).toBe(true);
          expect(membersOf(config)).toEqual([...membersOf(config)].sort());
        }
      }),
    );
  });
});
