import { describe, expect, it } from "@jest/globals";

import type { MemberId, RaftNode } from "#workloads/core/raft/index.ts";
import { makeConfiguration } from "#workloads/core/raft/index.ts";
import { silentLogger } from "#workloads/platform/index.ts";

import type { GroupView, ReadReady } from "./group.ts";
import type { LeadingReplica } from "./leading.ts";
import { Leading } from "./leading.ts";

const SELF = "a" as MemberId;
const OTHERS = ["b", "c"] as MemberId[];
const ALL = [SELF, ...OTHERS];

type Input = Parameters<RaftNode["step"]>[1];

/** A replica of which the test says what it knows. */
class TestReplica implements LeadingReplica {
  readonly log = silentLogger;
  isLeading = false;
  leader: MemberId | undefined = undefined;
  config = makeConfiguration(ALL);
  readonly steps: Input[] = [];
  readonly reads: ((outcome: ReadReady) => void)[] = [];

  view(): GroupView {
    return {
      ...{ self: SELF, role: "leader", term: 1, leader: this.leader, config: this.config },
      ...{ commitIndex: 1, appliedIndex: 1, durableIndex: 1, firstIndex: 1, level: 1 },
      ...{ standing: "ready", message: "", stateBytes: 0, reachedGeneration: 0n, members: [] },
    };
  }

  read(_mode: "quorum", done: (outcome: ReadReady) => void): void {
    this.reads.push(done);
  }

  step(input: Input): void {
    this.steps.push(input);
  }

  silentProposal(): number {
    return 1;
  }

  changed(): void {
    // Nobody looks.
  }
}

function leading(wanted: readonly MemberId[] = ALL) {
  const replica = new TestReplica();
  const host = {
    ...{ self: SELF, isResigned: false, disk: "room" as const, nowMs: () => 10_000 },
    board: {
      ...{ diskOf: () => "room" as const, isAnyFull: false },
      ...{ isDown: () => false, isResigned: () => false },
    },
  };
  return { replica, leading: new Leading(replica, host, { generation: 1n, members: wanted }) };
}

describe("steering", () => {
  it("goes on for who was elected and has committed nothing of its term yet", () => {
    const { replica, leading: steered } = leading([SELF, ...OTHERS, "d" as MemberId]);
    replica.leader = SELF;
    expect(steered.steer()).toBe(true);
    expect(replica.steps).toEqual([]);
    replica.isLeading = true;
    expect(steered.steer()).toBe(true);
    expect(replica.steps).toMatchObject([{ kind: "change" }]);
  });

  it("ends for who follows", () => {
    const { replica, leading: steered } = leading();
    replica.leader = "b" as MemberId;
    expect(steered.steer()).toBe(false);
  });
});

describe("belonging", () => {
  it("is over when the configuration is without the member, and known by then", () => {
    const { replica, leading: member } = leading(OTHERS);
    expect(member.takesPart).toBe(true);
    expect(member.isAdrift).toBe(true);
    replica.config = makeConfiguration(OTHERS);
    expect(member.takesPart).toBe(false);
    expect(member.isAdrift).toBe(false);
  });

  it("is told by who still leads alone", () => {
    const { replica, leading: leader } = leading();
    const told: boolean[] = [];
    const tell = (isSo: boolean): void => void told.push(isSo);
    leader.hasLetGoOf("d" as MemberId, tell);
    expect(told).toEqual([false]);
    replica.isLeading = true;
    leader.hasLetGoOf("d" as MemberId, tell);
    leader.hasLetGoOf("b" as MemberId, tell);
    leader.hasLetGoOf("d" as MemberId, tell);
    const [gone, there, deposed] = replica.reads;
    gone?.({ kind: "ready", stillHolds: undefined });
    there?.({ kind: "ready", stillHolds: undefined });
    deposed?.({ kind: "refused", reason: "not-leader", leader: undefined });
    expect(told).toEqual([false, true, false, false]);
  });
});
