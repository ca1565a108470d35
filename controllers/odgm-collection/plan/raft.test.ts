// What the plan does about a collection of Raft groups, from what their members report.
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";

import type { CollectionSpec, MemberStatus } from "#api/gen/oaas-admin_pb.ts";
import {
  MemberStatusSchema,
  RaftRole,
  RaftStatusSchema,
  ShardState,
  ShardStatusSchema,
  StoreState,
} from "#api/gen/oaas-admin_pb.ts";

import { computeStatus } from "../status.ts";
import type { MemberRecord, MemberSeen, Observed, ObservedPod } from "./observed.ts";
import type { CollectionPlan } from "./plan.ts";
import { plan } from "./plan.ts";

const now = new Date("2030-01-01T00:00:00Z");
const PARTITIONS = 2;

/** What the members shall say; everything else follows from the generation. */
interface Story {
  readonly nodes?: number;
  readonly replicas?: number;
  /** Members that exist, by ordinal: their incarnation. */
  readonly stores?: readonly string[];
  readonly record?: readonly (string | MemberRecord)[];
  /** Ordinals that do not answer. */
  readonly away?: readonly number[];
  /** Ordinals whose store is empty. */
  readonly empty?: readonly number[];
  /** Ordinals that have not caught up. */
  readonly behind?: readonly number[];
  readonly resigned?: readonly number[];
  /** Ordinal that leads everything, instead of the primaries. */
  readonly leader?: number;
  /** No partition has a leader. */
  readonly isLeaderless?: boolean;
  /** Members whose disk is full. */
  readonly full?: readonly number[];
  /** Incarnations that vote, if not those of the generation. */
  readonly voters?: readonly string[];
  readonly committed?: CollectionSpec;
  readonly set?: Observed["set"];
  readonly claims?: Observed["claims"];
  readonly revision?: string;
}

const pod = (ordinal: number, revision: string): ObservedPod => ({
  name: `notes-${ordinal}`,
  uid: `p${ordinal}`,
  ordinal,
  ready: true,
  revision,
  deleting: false,
});

function raft(spec: CollectionSpec, members: readonly bigint[], self: string, story: Story) {
  const named = members.map((id) => spec.members.find((member) => member.id === id));
  const lead = story.leader === undefined ? named[0] : spec.members[story.leader];
  const voters = story.voters ?? named.flatMap((member) => member?.incarnation ?? []);
  const isLeader = lead?.incarnation === self && story.isLeaderless !== true;
  const ordinalOf = (incarnation: string): number =>
    spec.members.find((member) => member.incarnation === incarnation)?.ordinal ?? -1;
  return create(RaftStatusSchema, {
    role: isLeader ? RaftRole.LEADER : RaftRole.FOLLOWER,
    term: 3n,
    leader: story.isLeaderless === true ? "" : (lead?.incarnation ?? ""),
    voters: [...voters].sort(),
    reachedGeneration: isLeader && story.voters === undefined ? spec.generation : 0n,
    members: isLeader
      ? voters
          .filter((voter) => voter !== self)
          .map((incarnation) => {
            const ordinal = ordinalOf(incarnation);
            const out = [...(story.away ?? []), ...(story.empty ?? [])].includes(ordinal);
            const isBehind = out || (story.behind ?? []).includes(ordinal);
            const lagEntries = isBehind ? 7n : 0n;
            return { incarnation, active: !out, caughtUp: !isBehind, lagEntries };
          })
      : [],
  });
}

function memberOf(spec: CollectionSpec | undefined, ordinal: number, story: Story): MemberSeen {
  if ((story.away ?? []).includes(ordinal)) return { kind: "unreachable", message: "no route" };
  if ((story.empty ?? []).includes(ordinal)) {
    return {
      kind: "known",
      status: create(MemberStatusSchema, { ordinal, storeState: StoreState.EMPTY }),
    };
  }
  const incarnation = (story.stores ?? [])[ordinal] ?? `i${ordinal}`;
  const fields: Partial<MemberStatus> = {
    ordinal,
    storeState: StoreState.READY,
    identity: "uid-1",
    incarnation,
    resigned: (story.resigned ?? []).includes(ordinal),
  };
  const me = spec?.members.find((member) => member.incarnation === incarnation);
  const { $typeName: _, ...plain } = fields;
  if (spec === undefined || me === undefined) {
    return { kind: "known", status: create(MemberStatusSchema, plain) };
  }
  const voters = story.voters ?? [];
  const shards = spec.partitions
    .filter(({ members }) => members.includes(me.id) || voters.includes(incarnation))
    .map(({ partition, members }) => {
      const status = raft(spec, members, incarnation, story);
      const isFull = (story.full ?? []).includes(ordinal);
      const ready = isFull ? ShardState.STORAGE_FULL : ShardState.READY;
      const state = status.leader === "" ? ShardState.STARTING : ready;
      const leader = status.role === RaftRole.LEADER;
      return create(ShardStatusSchema, { partition, state, leader, bytes: 10n, raft: status });
    });
  const { generation } = spec;
  const votes = spec.metaVoters.includes(me.id);
  const { voters: _voters, isLeaderless: _none, ...meta } = story;
  const known = votes
    ? {
        meta: raft(spec, spec.metaVoters, incarnation, meta),
        metaGeneration: generation,
        committed: spec,
      }
    : {};
  return {
    kind: "known",
    status: create(MemberStatusSchema, { ...plain, generation, shards, ...known }),
  };
}

function observe(story: Story): Observed {
  const nodes = story.nodes ?? 3;
  const stores = story.stores ?? Array.from({ length: nodes }, (_, ordinal) => `i${ordinal}`);
  const record = story.record ?? stores;
  const ordinals = stores.map((_, ordinal) => ordinal);
  const members = new Map(
    ordinals.map((ordinal) => [ordinal, memberOf(story.committed, ordinal, { ...story, stores })]),
  );
  return {
    collection: {
      apiVersion: "oaas.io/v1alpha1",
      kind: "OdgmCollection",
      metadata: { name: "notes", namespace: "shop", uid: "uid-1" },
      spec: {
        collection: "shop.Note",
        partitions: PARTITIONS,
        shardType: "Raft",
        replicas: story.replicas ?? 3,
        nodes,
      },
    },
    set: story.set ?? { replicas: stores.length, updateRevision: "r1" },
    pods: ordinals.map((ordinal) => pod(ordinal, story.revision ?? "r1")),
    claims: story.claims ?? [],
    identity: {
      identity: "uid-1",
      collection: "shop.Note",
      members: new Map(
        record.map((entry, ordinal): [number, MemberRecord] => [
          ordinal,
          typeof entry === "string" ? { kind: "formatted", incarnation: entry } : entry,
        ]),
      ),
    },
    trust: { clusterUid: "uid", bundle: "b", issuer: "i" },
    certificate: { renewAtMs: now.getTime() + 1000, bundle: "b", issuer: "i" },
    members,
    targets: new Map(
      ordinals.map((ordinal) => [
        ordinal,
        { ordinal, address: `10.0.0.${ordinal}:8082`, identity: "x" },
      ]),
    ),
  };
}

const planOf = (story: Story): CollectionPlan => plan(observe(story), now);

function proposed(result: CollectionPlan): CollectionSpec {
  const call = result.calls.find((entry) => entry.kind === "propose");
  if (call?.kind !== "propose") {
    throw new Error(`nothing proposed: ${result.calls.map(({ kind }) => kind).join()}`);
  }
  return call.spec;
}

/** The first generation of so many members, as it was committed. */
function first(nodes = 3): CollectionSpec {
  return proposed(planOf({ nodes }));
}

const kinds = (result: CollectionPlan): readonly string[] =>
  result.calls.map((call) =>
    "target" in call ? `${call.kind} ${call.target.ordinal}` : call.kind,
  );

function conditionOf(story: Story, type: string) {
  const observed = observe(story);
  const { conditions, fields } = computeStatus(observed, plan(observed, now));
  const found = conditions.find((condition) => condition.type === type);
  return { text: `${found?.status} ${found?.reason}`, message: found?.message ?? "", fields };
}

describe("a collection of Raft groups that is well", () => {
  const story: Story = { committed: first() };

  it("has three voters in its meta group and founders in every partition", () => {
    expect(first().metaVoters).toEqual([1n, 2n, 3n]);
    expect(first().partitions.map(({ founders }) => founders)).toEqual([
      ["i0", "i1", "i2"],
      ["i0", "i1", "i2"],
    ]);
    expect(first(5).metaVoters).toHaveLength(5);
  });

  it("is left alone, and a pod may be taken away", () => {
    const result = planOf(story);
    expect(result).toMatchObject({ calls: [], troubles: [], mayLoseOne: true, nodes: 3 });
    expect(result.progress).toBeUndefined();
  });

  it("says so", () => {
    expect(conditionOf(story, "DataReady").text).toBe("True Available");
    expect(conditionOf(story, "FullyReplicated").text).toBe("True Available");
    expect(conditionOf(story, "Rebalancing").text).toBe("False Succeeded");
    const { fields } = conditionOf(story, "Ready");
    expect(fields).toMatchObject({ leadersBalanced: true, bytes: 10 * PARTITIONS });
    expect(fields.partitions).toEqual({
      total: 2,
      serving: 2,
      unavailable: 0,
      degraded: 0,
      moving: 0,
    });
    expect(fields).not.toHaveProperty("lagEntries");
  });

  it("asks the leader of the meta group, whoever that is", () => {
    const routes = { ...story, leader: 1, replicas: 1 };
    expect(kinds(planOf(routes))[0]).toBe("propose 1");
  });
});

describe("a collection of Raft groups that is not well", () => {
  it("lets nobody take a pod away while a member is away, and says which", () => {
    const story: Story = { committed: first(), away: [2] };
    expect(planOf(story)).toMatchObject({ mayLoseOne: false, calls: [] });
    expect(conditionOf(story, "DataReady").text).toBe("True Available");
    const degraded = conditionOf(story, "FullyReplicated");
    expect(degraded.text).toBe("False WaitingForData");
    expect(degraded.message).toContain("member 2 does not answer: no route");
    expect(degraded.fields.partitions).toMatchObject({ serving: 2, degraded: 2 });
  });

  it("tells how far behind a replica is", () => {
    const { fields, message } = conditionOf({ committed: first(), behind: [2] }, "FullyReplicated");
    expect(fields.lagEntries).toBe(7);
    expect(message).toContain("member 2 is 7 entries behind");
  });

  it("does not serve without a leader", () => {
    const story: Story = { committed: first(), isLeaderless: true };
    expect(conditionOf(story, "DataReady").text).toBe("False WaitingForData");
    expect(conditionOf(story, "DataReady").message).toContain("nobody leads it");
  });

  it("takes data as long as its leaders say so, and tells whose disk is full", () => {
    const one: Story = { committed: first(), full: [0], leader: 1 };
    expect(conditionOf(one, "DataReady").text).toBe("True Available");
    const degraded = conditionOf(one, "FullyReplicated");
    expect(degraded.text).toBe("False WaitingForData");
    expect(degraded.message).toContain("the disk of member 0 is full");
    // What the leader says is not about its own disk.
    const refused = conditionOf({ ...one, full: [0, 1] }, "DataReady");
    expect(refused.text).toBe("False StorageFull");
    expect(refused.message).toMatch(/2 take no new data: the disk of member 0 is full$/);
    const alone = conditionOf({ ...one, full: [1] }, "DataReady");
    expect(alone.message).toMatch(/2 take no new data: the disk of member 1 is full$/);
  });

  it("is not balanced when one member leads all", () => {
    const { fields } = conditionOf({ committed: first(), leader: 0 }, "Ready");
    expect(fields.leadersBalanced).toBe(false);
  });
});

describe("a lost store", () => {
  it("is replaced while every group lives without it: forgotten, formatted, made a member", () => {
    const committed = first();
    const lost: Story = { committed, empty: [1], leader: 0 };
    const forgets = planOf(lost);
    expect(forgets.identity?.members.get(1)).toEqual({ kind: "intent" });
    expect(forgets.troubles).toEqual([]);
    const formats = planOf({ ...lost, record: ["i0", { kind: "intent" }, "i2"] });
    expect(kinds(formats)).toEqual(["format 1"]);
    const stores = ["i0", "new", "i2"];
    const joins = planOf({ committed, leader: 0, behind: [1], stores });
    const next = proposed(joins);
    expect(next.members.map(({ incarnation }) => incarnation)).toEqual(stores);
    expect(next.partitions.every(({ members }) => members.includes(4n))).toBe(true);
    expect(next.metaVoters).toContain(4n);
  });

  it.each([
    ["a majority would be gone", { empty: [1], away: [2], leader: 0 }],
    ["the others have not caught up", { empty: [1], behind: [2], leader: 0 }],
    ["nobody leads", { empty: [1], isLeaderless: true }],
  ])("is kept for a person if %s", (_name, story: Story) => {
    const result = planOf({ committed: first(), ...story });
    expect(result.troubles).toMatchObject([{ ordinal: 1, reason: "EmptyDisk" }]);
    expect(result.identity?.members.get(1)).toEqual({ kind: "formatted", incarnation: "i1" });
  });
});

describe("nodes of Raft", () => {
  const five = first(5);
  const stores = ["i0", "i1", "i2", "i3", "i4"];

  it("leave in order: replicas and votes first, then the record, the pod, the claim", () => {
    const asked: Story = { nodes: 3, stores, committed: five };
    const moves = planOf(asked);
    expect(moves).toMatchObject({ nodes: 5, progress: { reason: "Progressing" } });
    const next = proposed(moves);
    expect(next.members).toHaveLength(5);
    expect(next.partitions.flatMap(({ members }) => members).every((id) => id <= 3n)).toBe(true);
    expect(next.metaVoters).toEqual([1n, 2n, 3n]);

    const arriving = planOf({ ...asked, committed: next, voters: ["i0", "i1", "i4"] });
    expect(arriving.nodes).toBe(5);
    expect(arriving.identity?.members.get(4)).toEqual({ kind: "formatted", incarnation: "i4" });

    const silent: Story = { ...asked, committed: next, voters: ["i0", "i1", "i4"], away: [4] };
    expect(planOf(silent).identity?.members.get(4)).toEqual({
      kind: "formatted",
      incarnation: "i4",
    });

    const arrived = planOf({ ...asked, committed: next });
    expect(arrived.nodes).toBe(5);
    expect(arrived.identity?.members.get(4)).toEqual({ kind: "evacuated" });

    const marked: MemberRecord = { kind: "evacuated" };
    const record = ["i0", "i1", "i2", marked, marked];
    const lowered = planOf({ ...asked, committed: next, record });
    expect(lowered.nodes).toBe(3);
    const claims = [{ name: "data-4", uid: "u4", ordinal: 4, size: "1Gi", deleting: false }];
    expect(kinds(lowered)).not.toContain("delete-claim");

    const down: Story = { committed: next, record, claims, set: { replicas: 3 } };
    expect(kinds(planOf(down))).toContain("delete-claim");
  });

  it("give their volume back what it was before the claim goes", () => {
    const volume = { name: "pv-4", reclaimPolicy: "Retain", originalReclaimPolicy: "Delete" };
    const claim = { name: "data-4", uid: "u4", ordinal: 4, size: "1Gi", deleting: false, volume };
    const marked: MemberRecord = { kind: "evacuated" };
    const record = ["i0", "i1", "i2", { ...marked }, marked];
    const down: Story = { committed: first(), record, claims: [claim], set: { replicas: 3 } };
    expect(kinds(planOf(down))).toContain("set-reclaim-policy");
    expect(kinds(planOf(down))).not.toContain("delete-claim");
  });

  it("woken with fewer than there are all come up first, so that they can leave", () => {
    const result = planOf({ nodes: 3, stores: [], record: stores, set: { replicas: 0 } });
    expect(result).toMatchObject({ nodes: 5 });
    expect(result.refusal).toBeUndefined();
  });
});

describe("another image", () => {
  const set = { replicas: 3, updateRevision: "r2" };
  const story: Story = { committed: first(), set, revision: "r1" };

  it("makes the last member hand over what it leads before its pod restarts", () => {
    const leading: Story = { ...story, leader: 2 };
    expect(kinds(planOf(leading))).toEqual(["resign 2"]);
    expect(planOf(leading).wakeAtMs).toBe(now.getTime() + 1000);
    const waiting = planOf({ ...leading, resigned: [2] });
    expect(waiting.calls).toEqual([]);
    const free = planOf({ ...story, leader: 0, resigned: [2] });
    expect(free.calls).toEqual([{ kind: "restart-pod", name: "notes-2", uid: "p2" }]);
  });

  it.each([
    ["a replica is behind", { behind: [0], leader: 1 }],
    ["a member is away", { away: [0], leader: 1 }],
    ["a group has no leader", { isLeaderless: true }],
    ["a group has not its members yet", { voters: ["i0", "i1"] }],
  ])("waits while %s", (_name, change: Story) => {
    expect(planOf({ ...story, ...change }).calls).toEqual([]);
  });
});
