import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";

import type { MemberStatus } from "#api/gen/oaas-admin_pb.ts";
import {
  CollectionSpecSchema,
  MemberStatusSchema,
  RaftRole,
  RaftStatusSchema,
  ShardState,
  ShardStatusSchema,
  StoreState,
} from "#api/gen/oaas-admin_pb.ts";
import { computeKstatus } from "#controllers/runtime/index.ts";

import type { MemberSeen, Observed, ObservedPod } from "./plan/observed.ts";
import { plan } from "./plan/plan.ts";
import { computeStatus } from "./status.ts";

const now = new Date("2030-01-01T00:00:00Z");
const PARTITIONS = 4;

interface Picture {
  readonly spec?: Partial<Observed["collection"]["spec"]>;
  readonly pods?: readonly ObservedPod[];
  readonly set?: Observed["set"];
  readonly members?: ReadonlyMap<number, MemberSeen>;
  readonly identity?: Observed["identity"];
}

const pod = (ordinal: number, more: Partial<ObservedPod> = {}): ObservedPod => ({
  name: `cart-${ordinal}`,
  uid: `p${ordinal}`,
  ordinal,
  ready: true,
  revision: "r1",
  deleting: false,
  ...more,
});

const formatted: Observed["identity"] = {
  identity: "c-uid",
  collection: "shop.Cart",
  members: new Map([0, 1].map((n) => [n, { kind: "formatted", incarnation: `i${n}` }])),
};

function observe(picture: Picture): Observed {
  const spec = { collection: "shop.Cart", partitions: PARTITIONS, nodes: 2, ...picture.spec };
  const members = picture.members ?? new Map<number, MemberSeen>();
  return {
    collection: {
      apiVersion: "oaas.io/v1alpha1",
      kind: "OdgmCollection",
      metadata: { name: "cart", namespace: "shop", uid: "c-uid" },
      spec,
    },
    set: picture.set ?? { replicas: 2, updateRevision: "r1" },
    pods: picture.pods ?? [pod(0), pod(1)],
    claims: [],
    trust: { clusterUid: "uid", bundle: "b", issuer: "i" },
    certificate: { renewAtMs: now.getTime() + 1000, bundle: "b", issuer: "i" },
    ...(picture.identity === undefined ? {} : { identity: picture.identity }),
    members,
    targets: new Map(
      [...members.keys()].map((n) => [
        n,
        { ordinal: n, address: `10.0.0.${n}:8082`, identity: "" },
      ]),
    ),
  };
}

function member(ordinal: number, more: Partial<MemberStatus> = {}): MemberSeen {
  const { $typeName: _, ...fields } = more;
  return {
    kind: "known",
    status: create(MemberStatusSchema, {
      storeState: StoreState.READY,
      identity: "c-uid",
      incarnation: `i${ordinal}`,
      ordinal,
      ...fields,
    }),
  };
}

/** Two members that serve all partitions of this spec, changed by `more`. */
function serving(
  more: (ordinal: number) => Partial<MemberStatus> = () => ({}),
  spec: Picture["spec"] = {},
): ReadonlyMap<number, MemberSeen> {
  const bare = new Map([0, 1].map((n) => [n, member(n)]));
  const first = plan(observe({ members: bare, identity: formatted, spec }), now).calls;
  const proposed = first.find((call) => call.kind === "propose");
  if (proposed?.kind !== "propose") throw new Error("nothing was proposed");
  const committed = create(CollectionSpecSchema, proposed.spec);
  return new Map(
    [0, 1].map((ordinal) => {
      const id = committed.members.find((entry) => entry.ordinal === ordinal)?.id;
      const shards = committed.partitions
        .filter((entry) => entry.members.some((holder) => holder === id))
        .map(({ partition }) =>
          create(ShardStatusSchema, {
            partition,
            state: ShardState.READY,
            leader: true,
            objects: 3n,
            bytes: 100n,
            appliedIndex: 1n,
          }),
        );
      const meta = create(RaftStatusSchema, {
        role: RaftRole.LEADER,
        voters: ["i0"],
        reachedGeneration: 1n,
      });
      const voter = ordinal === 0 ? { metaGeneration: 1n, committed, meta } : {};
      return [ordinal, member(ordinal, { generation: 1n, shards, ...voter, ...more(ordinal) })];
    }),
  );
}

function withShards(state: ShardState, message = "") {
  return [0, 1, 2, 3].map((partition) => {
    const counts = { objects: 1n, bytes: 1n, appliedIndex: 1n };
    return create(ShardStatusSchema, { partition, state, leader: true, message, ...counts });
  });
}

const away = (message: string): MemberSeen => ({ kind: "unreachable", message });
const trouble = (reason: string) => ({ reason, message: `pod cart-0: ${reason}` });

const table: readonly {
  readonly name: string;
  readonly picture: Picture;
  readonly ready: string;
  readonly says: string;
  readonly data: string;
  readonly kstatus: string;
}[] = [
  {
    name: "all well",
    picture: { identity: formatted, members: serving() },
    ready: "True Available",
    says: "4 of 4 partitions serve",
    data: "True Available",
    kstatus: "Current",
  },
  {
    name: "pods pending",
    picture: { pods: [pod(0, { ready: false, trouble: trouble("Unschedulable") })] },
    ready: "False Unschedulable",
    says: "0 of 4 partitions serve; pod cart-0: Unschedulable",
    data: "False Unschedulable",
    kstatus: "InProgress",
  },
  {
    name: "image pull failing",
    picture: { pods: [pod(0, { ready: false, trouble: trouble("ImagePullFailed") })] },
    ready: "False ImagePullFailed",
    says: "pod cart-0: ImagePullFailed",
    data: "False ImagePullFailed",
    kstatus: "InProgress",
  },
  {
    name: "pods that quota or Pod Security reject",
    picture: { pods: [] },
    ready: "False WaitingForPods",
    says: "0 of 2 pods are ready and 2 are not created; if this stays, see: kubectl describe",
    data: "False WaitingForPods",
    kstatus: "InProgress",
  },
  {
    name: "a StatefulSet that nobody has looked at yet",
    picture: { pods: [], set: { replicas: 2 } },
    ready: "False WaitingForPods",
    says: "0 of 4 partitions serve; 0 of 2 pods are ready",
    data: "False WaitingForPods",
    kstatus: "InProgress",
  },
  {
    name: "a member that cannot be reached",
    picture: {
      identity: formatted,
      members: new Map([...serving(), [1, away("no route to host")]]),
    },
    ready: "False Unreachable",
    says: "2 of 4 partitions serve; member 1 does not answer: no route to host",
    data: "False Unreachable",
    kstatus: "InProgress",
  },
  {
    name: "a full disk",
    picture: {
      identity: formatted,
      members: serving((n) =>
        n === 0
          ? { shards: withShards(ShardState.STORAGE_FULL).filter((_, i) => i % 2 === 0) }
          : {},
      ),
    },
    ready: "False StorageFull",
    says: "4 of 4 partitions serve, 2 take no new data: the disk of member 0 is full",
    data: "False StorageFull",
    kstatus: "InProgress",
  },
  {
    name: "a foreign store",
    picture: {
      identity: formatted,
      members: serving((n) => (n === 1 ? { identity: "else" } : {})),
    },
    ready: "False WrongDisk",
    says: "member 1: its store is of identity else",
    data: "False WrongDisk",
    kstatus: "Failed",
  },
  {
    name: "a store that is being formatted",
    picture: {
      members: new Map([0, 1].map((n) => [n, member(n, { storeState: StoreState.EMPTY })])),
    },
    ready: "False Formatting",
    says: "0 of 2 stores are formatted",
    data: "False Formatting",
    kstatus: "InProgress",
  },
  {
    name: "pods of an old revision that serve",
    picture: {
      identity: formatted,
      members: serving(),
      set: { replicas: 2, updateRevision: "r2" },
    },
    ready: "True Available",
    says: "4 of 4",
    data: "True Available",
    kstatus: "InProgress",
  },
  {
    name: "rest",
    picture: { spec: { nodes: 0 }, pods: [], set: { replicas: 0 }, identity: formatted },
    ready: "True Disabled",
    says: "spec.nodes is 0: it rests, the data is kept in its claims",
    data: "False Disabled",
    kstatus: "Current",
  },
  {
    name: "suspended: as it was, and it says so",
    picture: { spec: { suspend: true }, identity: formatted, members: serving() },
    ready: "True Suspended",
    says: "spec.suspend is set: nothing is changed; 4 of 4 partitions serve",
    data: "True Available",
    kstatus: "Current",
  },
  {
    name: "going to rest",
    picture: { spec: { nodes: 0 }, set: { replicas: 0 }, identity: formatted },
    ready: "True Disabled",
    says: "spec.nodes is 0",
    data: "False Disabled",
    kstatus: "InProgress",
  },
];

describe("status of", () => {
  it.each(table)("$name", ({ picture, ready, says, data, kstatus }) => {
    const observed = observe(picture);
    const { conditions } = computeStatus(observed, plan(observed, now));
    const told = (type: string) => {
      const found = conditions.find((condition) => condition.type === type);
      return `${found?.status ?? "absent"} ${found?.reason ?? ""}`;
    };
    expect(told("Ready")).toBe(ready);
    expect(told("DataReady")).toBe(data);
    expect(conditions.find(({ type }) => type === "Ready")?.message).toContain(says);
    const seen = { metadata: { generation: 1 }, status: { observedGeneration: 1, conditions } };
    expect(computeKstatus(seen)).toBe(kstatus);
  });

  it("counts objects and bytes, and who leads what", () => {
    const observed = observe({ identity: formatted, members: serving() });
    expect(computeStatus(observed, plan(observed, now)).fields).toMatchObject({
      nodeCount: 2,
      partitions: { total: 4, serving: 4, unavailable: 0 },
      objects: 12,
      bytes: 400,
      leadersBalanced: true,
      assignmentGeneration: 1,
      selector: "app.kubernetes.io/component=odgm,app.kubernetes.io/instance=cart",
    });
  });

  it("says nothing of bytes that its members do not count", () => {
    const uncounted = withShards(ShardState.READY).map((shard) => ({ ...shard, bytes: 0n }));
    const observed = observe({
      identity: formatted,
      members: serving(() => ({ shards: uncounted })),
    });
    const { fields } = computeStatus(observed, plan(observed, now));
    expect(fields.objects).toBeGreaterThan(0);
    expect(fields).not.toHaveProperty("bytes");
  });

  it("counts nothing at rest and troubles nobody", () => {
    const observed = observe({ spec: { nodes: 0 }, pods: [], identity: formatted });
    const { fields } = computeStatus(observed, plan(observed, now));
    expect(fields).not.toHaveProperty("objects");
    expect(fields).not.toHaveProperty("troubledPartitions");
  });

  it("names at most 32 troubled partitions, the ones that do not answer first", () => {
    const spec = { partitions: 100 };
    const members = serving((n) => (n === 1 ? { shards: [] } : {}), spec);
    const full = [...members].map(([n, seen]): [number, MemberSeen] => {
      if (seen.kind !== "known") return [n, seen];
      const shards = seen.status.shards.map((s) => ({ ...s, state: ShardState.STORAGE_FULL }));
      return [n, { kind: "known", status: { ...seen.status, shards } }];
    });
    const observed = observe({ spec, identity: formatted, members: new Map(full) });
    const { fields } = computeStatus(observed, plan(observed, now));
    expect(fields.troubledPartitions).toHaveLength(32);
    expect(new Set(fields.troubledPartitions?.map((entry) => entry.state))).toEqual(
      new Set(["Unavailable"]),
    );
    expect(fields.partitions).toEqual({
      total: 100,
      serving: 50,
      unavailable: 50,
      degraded: 50,
      moving: 0,
    });
  });

  it("serves with one replica of two, and says which partitions lack one", () => {
    const spec = { shardType: "Mst" as const, replicas: 2 };
    const both = observe({ spec, identity: formatted, members: serving(undefined, spec) });
    const whole = computeStatus(both, plan(both, now));
    expect(whole.fields.objects).toBe(3 * PARTITIONS);
    expect(whole.conditions).toContainEqual(
      expect.objectContaining({
        type: "FullyReplicated",
        status: "True",
        message: "every partition has its 2 replicas",
      }),
    );
    const starting = (n: number): Partial<MemberStatus> =>
      n === 1 ? { shards: withShards(ShardState.STARTING, "learning from the others") } : {};
    const half = observe({ spec, identity: formatted, members: serving(starting, spec) });
    const { fields, conditions } = computeStatus(half, plan(half, now));
    expect(fields.partitions).toMatchObject({ total: 4, serving: 4, unavailable: 0, degraded: 4 });
    expect(fields.troubledPartitions?.[0]).toEqual({
      partition: 0,
      state: "Degraded",
      message: "learning from the others",
    });
    const of = (type: string): unknown => conditions.find((entry) => entry.type === type);
    expect(of("DataReady")).toMatchObject({ status: "True" });
    expect(of("FullyReplicated")).toMatchObject({
      status: "False",
      message: "0 of 4 partitions have all 2 replicas; learning from the others",
    });
  });

  it("is not whole while a replica has yet to fetch what another may have written", () => {
    const spec = { shardType: "Mst" as const, replicas: 2 };
    const fetching = (state: ShardState, ordinal: number): Partial<MemberStatus> => {
      const unheard = [`i${1 - ordinal}`];
      return { shards: withShards(state).map((shard) => ({ ...shard, unheard })) };
    };
    const replicated = (member: (n: number) => Partial<MemberStatus>): unknown => {
      const observed = observe({ spec, identity: formatted, members: serving(member, spec) });
      const { conditions } = computeStatus(observed, plan(observed, now));
      return conditions.find(({ type }) => type === "FullyReplicated");
    };
    expect(replicated((n) => (n === 1 ? fetching(ShardState.READY, n) : {}))).toMatchObject({
      status: "False",
      message:
        "0 of 4 partitions have all 2 replicas; " +
        "member 1 has yet to fetch what member 0 may have written",
    });
    // The cause comes first: member 0 cannot fetch from one that does not serve.
    const starting = withShards(ShardState.STARTING, "reading what is stored");
    expect(
      replicated((n) => (n === 0 ? fetching(ShardState.READY, n) : { shards: starting })),
    ).toMatchObject({
      message: "0 of 4 partitions have all 2 replicas; reading what is stored",
    });
  });

  it("bounds what a member says", () => {
    const members = serving(() => ({ shards: withShards(ShardState.FAILED, "x".repeat(5000)) }));
    const observed = observe({ identity: formatted, members });
    const { fields } = computeStatus(observed, plan(observed, now));
    expect(fields.troubledPartitions?.[0]?.message).toHaveLength(512);
  });
});
