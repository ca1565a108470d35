// Entries are applied some at a time, whole ones, in order.
import { describe, expect, it } from "@jest/globals";

import { utf8Encode } from "#api/base/index.ts";
import type { Entry, MemberId } from "#workloads/core/raft/index.ts";
import { silentLogger } from "#workloads/platform/index.ts";

import type { ApplierReplica } from "./applier.ts";
import { Applier } from "./applier.ts";
import { encodeCommands } from "./commands.ts";
import { DEFAULT_GROUP_SETTINGS } from "./group.ts";
import type { Holdings } from "./holdings.ts";
import { Requests } from "./requests.ts";

const NEVER = (): boolean => false;
const AT_ONCE = (): boolean => true;

function entriesOf(from: number, count: number): readonly Entry[] {
  return Array.from({ length: count }, (_, at) => {
    const commands = ["x", "y"].map((name) => utf8Encode(`${name}${from + at}`));
    const data = encodeCommands({ timeMs: 1, commands });
    return { index: from + at, term: 1, kind: "command", data };
  });
}

function testApplier() {
  const steps: unknown[] = [];
  const applied: string[] = [];
  const state = {
    applied: 0,
    flushes: 0,
    begin: (index: number): void => void (state.applied = index),
    flush: (): void => void (state.flushes += 1),
  };
  const replica: ApplierReplica = {
    // Of what a replica holds, applying needs the state alone.
    holdings: { state } as unknown as Holdings,
    requests: requests(),
    machine: {
      apply: ({ data }) => {
        applied.push(String.fromCharCode(...data));
        return data;
      },
      seal: () => new Uint8Array(0),
      load: () => undefined,
    },
    settings: DEFAULT_GROUP_SETTINGS,
    hasher: () => 0n,
    leader: undefined as MemberId | undefined,
    step: (input) => void steps.push(input),
  };
  return { applier: new Applier(replica), state, steps, applied };
}

function requests(): Requests {
  let id = 0;
  return new Requests({
    clock: { nowMs: () => 1, monotonicMs: () => 1 },
    log: silentLogger,
    observer: {
      proposed: () => undefined,
      commandApplied: () => undefined,
      leaderChanged: () => undefined,
      loopLag: () => undefined,
      snapshot: () => undefined,
    },
    nextRequest: () => (id += 1),
  });
}

describe("applying", () => {
  it("ends between two entries when its time is over, and goes on there", () => {
    const { applier, applied, state, steps } = testApplier();
    applier.add(entriesOf(1, 3));
    applier.apply(AT_ONCE);
    expect(applied).toEqual(["x1", "y1"]);
    expect(steps).toEqual([{ kind: "applied", index: 1 }]);
    expect(state.flushes).toBe(1);
    applier.add(entriesOf(4, 1));
    applier.apply(NEVER);
    expect(applied).toEqual(["x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"]);
    expect(steps).toEqual([1, 4].map((index) => ({ kind: "applied", index })));
    expect(applier.hasWork).toBe(false);
  });

  it("of what a snapshot replaces never happens", () => {
    const { applier, applied } = testApplier();
    applier.add(entriesOf(1, 3));
    applier.apply(AT_ONCE);
    applier.drop();
    expect(applier.hasWork).toBe(false);
    applier.add(entriesOf(9, 1));
    applier.apply(NEVER);
    expect(applied).toEqual(["x1", "y1", "x9", "y9"]);
  });
});

it("the commands of a turn are entries of at most 32, in order", () => {
  const queue = requests();
  for (let at = 0; at < 70; at += 1) queue.add(new Uint8Array([at]), () => undefined);
  const counts = queue.take().map(({ data }) => data);
  expect(counts).toHaveLength(3);
  expect(counts.map((data) => data.byteLength > 2 * 32)).toEqual([true, true, false]);
  expect(queue.take()).toEqual([]);
});
