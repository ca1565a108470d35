// What a leader does next: one case per rule.
import { describe, expect, it } from "@jest/globals";

import type { Configuration, MemberId } from "#workloads/core/raft/index.ts";
import { makeConfiguration } from "#workloads/core/raft/index.ts";

import type { GroupView } from "./group.ts";
import type { Step } from "./steering.ts";
import { isReached, nextStep } from "./steering.ts";

const [A, B, C, D, E] = ["a", "b", "c", "d", "e"] as MemberId[] as [
  MemberId,
  MemberId,
  MemberId,
  MemberId,
  MemberId,
];

interface Seen {
  readonly config: Configuration;
  readonly wanted: readonly MemberId[];
  /** Members that have not caught up. */
  readonly behind?: readonly MemberId[];
  readonly resigned?: readonly MemberId[];
  readonly full?: readonly MemberId[];
}

/** The next step of A, which leads. */
function next({ config, wanted, behind = [], resigned = [], full = [] }: Seen): Step {
  const others = [...config.voters, ...config.learners].filter((member) => member !== A);
  const view: GroupView = {
    self: A,
    role: "leader",
    term: 3,
    leader: A,
    config,
    commitIndex: 100,
    appliedIndex: 100,
    durableIndex: 100,
    firstIndex: 1,
    level: 2,
    standing: "ready",
    message: "",
    stateBytes: 0,
    members: others.map((member) => ({
      member,
      isLearner: config.learners.includes(member),
      lagEntries: 0,
      isActive: true,
      isCaughtUp: !behind.includes(member),
      isInSnapshot: false,
    })),
    reachedGeneration: 0n,
  };
  return nextStep(view, wanted, {
    isResigned: (member) => resigned.includes(member),
    isFull: (member) => full.includes(member),
  });
}

function changes(step: Step): readonly string[] {
  if (step.kind !== "change") return [step.kind];
  expect(step.change.transition).toBe("auto");
  return step.change.changes.map(({ kind, member }) => `${kind} ${member}`);
}

describe("members", () => {
  it("that are missing become learners, all at once, and stray learners go", () => {
    const config = makeConfiguration([A], [E]);
    expect(changes(next({ config, wanted: [A, B, C] }))).toEqual([
      "add-learner b",
      "add-learner c",
      "remove e",
    ]);
  });

  it("are promoted together with the removal of those that leave, once they have caught up", () => {
    const config = makeConfiguration([A, B, C], [D]);
    expect(next({ config, wanted: [A, B, D], behind: [D] }).kind).toBe("wait");
    expect(changes(next({ config, wanted: [A, B, D] }))).toEqual(["add-voter d", "remove c"]);
  });

  it("are not let go of while no majority of those that stay is there", () => {
    const config = makeConfiguration([A, B, C, D, E]);
    const wanted = [A, B, C];
    expect(next({ config, wanted, behind: [B, C] }).kind).toBe("wait");
    expect(changes(next({ config, wanted, behind: [C] }))).toEqual(["remove d", "remove e"]);
  });

  it("wait until a joint configuration is left", () => {
    const config = { ...makeConfiguration([A, B]), outgoing: [A, C], autoLeave: true };
    expect(next({ config, wanted: [A, B, D] }).kind).toBe("wait");
  });

  it("are the leader, too: it leaves by the same change", () => {
    const config = makeConfiguration([A, B, C], [D]);
    expect(changes(next({ config, wanted: [B, C, D] }))).toEqual(["add-voter d", "remove a"]);
  });
});

describe("leadership", () => {
  const config = makeConfiguration([A, B, C]);

  it("is the first wanted member's once it has caught up", () => {
    expect(next({ config, wanted: [B, A, C] })).toEqual({ kind: "transfer", target: B });
    expect(next({ config, wanted: [B, A, C], behind: [B] }).kind).toBe("wait");
    expect(next({ config, wanted: [A, B, C] }).kind).toBe("settled");
  });

  it("stays where it is while the first member has resigned", () => {
    expect(next({ config, wanted: [B, A, C], resigned: [B] }).kind).toBe("settled");
  });

  it("goes from who resigns to the next that can take it", () => {
    const wanted = [A, B, C];
    expect(next({ config, wanted, resigned: [A], behind: [B] })).toEqual({
      kind: "transfer",
      target: C,
    });
    expect(next({ config, wanted, resigned: [A, B, C] }).kind).toBe("wait");
  });

  it("goes from who is full to the next that is not, and stays if there is none", () => {
    const wanted = [A, B, C];
    expect(next({ config, wanted, full: [A] })).toEqual({ kind: "transfer", target: B });
    expect(next({ config, wanted, full: [A, B] })).toEqual({ kind: "transfer", target: C });
    expect(next({ config, wanted, full: [A, B], behind: [C] }).kind).toBe("settled");
    expect(next({ config, wanted, full: [A, B, C] }).kind).toBe("settled");
  });

  it("does not go back to the first member while that is full", () => {
    expect(next({ config, wanted: [B, A, C], full: [B] }).kind).toBe("settled");
  });

  it("goes from who resigns to who has room, and to who is full rather than to nobody", () => {
    const resigned = [A];
    const wanted = [A, B, C];
    expect(next({ config, wanted, resigned, full: [B] })).toEqual({ kind: "transfer", target: C });
    const all = next({ config, wanted, resigned, full: [A, B, C] });
    expect(all).toEqual({ kind: "transfer", target: B });
  });
});

it("the goal is reached by exactly the wanted voters and nobody else", () => {
  expect(isReached(makeConfiguration([A, B]), [B, A])).toBe(true);
  expect(isReached(makeConfiguration([A, B]), [A])).toBe(false);
  expect(isReached(makeConfiguration([A]), [A, B])).toBe(false);
  expect(isReached(makeConfiguration([A], [B]), [A])).toBe(false);
  expect(isReached({ ...makeConfiguration([A]), outgoing: [B] }, [A])).toBe(false);
});
