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

import type { IdentityRecord, MemberSeen, Observed, ObservedPod } from "./observed.ts";
import type { CollectionPlan } from "./plan.ts";
import { ACCEPT_DATA_LOSS } from "./generation.ts";
import { ADOPT_IDENTITY, plan } from "./plan.ts";

const now = new Date("2030-01-01T00:00:00Z");
const trust = { clusterUid: "uid", bundle: "b1", issuer: "i1" };
const certificate = { renewAtMs: now.getTime() + 1000, bundle: "b1", issuer: "i1" };

function known(status: Partial<MemberStatus>): MemberSeen {
  const { $typeName: _, ...fields } = status;
  return { kind: "known", status: create(MemberStatusSchema, fields) };
}

function ready(ordinal: number, more: Partial<MemberStatus> = {}): MemberSeen {
  return known({
    storeState: StoreState.READY,
    identity: "c-uid",
    incarnation: `i${ordinal}`,
    ordinal,
    ...more,
  });
}

function observed(
  change: Partial<Observed> = {},
  annotations: Record<string, string> = {},
): Observed {
  const members = change.members ?? new Map<number, MemberSeen>();
  return {
    collection: {
      apiVersion: "oaas.io/v1alpha1",
      kind: "OdgmCollection",
      metadata: { name: "cart", namespace: "shop", uid: "c-uid", annotations },
      spec: { collection: "shop.Cart", partitions: 4, nodes: 2 },
    },
    pods: [],
    claims: [],
    trust,
    certificate,
    members,
    targets: new Map(
      [...members.keys()].map((ordinal) => [
        ordinal,
        { ordinal, address: `10.0.0.${ordinal}:8082`, identity: "x" },
      ]),
    ),
    ...change,
  };
}

function record(...members: readonly string[]): IdentityRecord {
  return {
    identity: "c-uid",
    collection: "shop.Cart",
    members: new Map(
      members.map((text, ordinal) => [
        ordinal,
        text === "intent" ? { kind: "intent" } : { kind: "formatted", incarnation: text },
      ]),
    ),
  };
}

function kinds(result: CollectionPlan): readonly string[] {
  return result.calls.map((call) => call.kind);
}

const EMPTY = known({ storeState: StoreState.EMPTY });
const pod = (ordinal: number, more: Partial<ObservedPod> = {}): ObservedPod => ({
  name: `cart-${ordinal}`,
  uid: `p${ordinal}`,
  ordinal,
  ready: true,
  revision: "r1",
  deleting: false,
  ...more,
});

function committedBy(first: CollectionPlan): CollectionSpec {
  const call = first.calls.find((entry) => entry.kind === "propose");
  if (call?.kind !== "propose") throw new Error(`nothing proposed: ${kinds(first).join()}`);
  return call.spec;
}

/** A collection of two members that serve generation 1 of its spec. */
function served(change: Partial<Observed> = {}): Observed {
  const bare = new Map([
    [0, ready(0)],
    [1, ready(1)],
  ]);
  const identity = record("i0", "i1");
  const committed = committedBy(plan(observed({ members: bare, identity }), now));
  return observed({ members: serving(committed), identity, ...change });
}

/** Members that serve this generation, ordinal 0 as the only voter of its meta group. */
function serving(committed: CollectionSpec): ReadonlyMap<number, MemberSeen> {
  return new Map(
    committed.members.map(({ id, ordinal, incarnation }) => {
      const shards = committed.partitions
        .filter(({ members }) => members.includes(id))
        .map(({ partition }) =>
          create(ShardStatusSchema, { partition, state: ShardState.READY, leader: true }),
        );
      const { generation } = committed;
      const meta = create(RaftStatusSchema, {
        role: RaftRole.LEADER,
        voters: [incarnation],
        reachedGeneration: generation,
      });
      const voter = ordinal === 0 ? { metaGeneration: generation, committed, meta } : {};
      return [ordinal, ready(ordinal, { incarnation, generation, shards, ...voter })];
    }),
  );
}

function withSpec(base: Observed, spec: Partial<Observed["collection"]["spec"]>): Observed {
  const { collection } = base;
  return { ...base, collection: { ...collection, spec: { ...collection.spec, ...spec } } };
}

describe("bring-up", () => {
  it("records the intent before it formats", () => {
    const result = plan(
      observed({
        members: new Map([
          [0, EMPTY],
          [1, EMPTY],
        ]),
      }),
      now,
    );
    expect(kinds(result)).toEqual([]);
    expect(result.identity?.members.get(0)).toEqual({ kind: "intent" });
    expect(result.progress?.reason).toBe("Formatting");
  });

  it("formats only what the stored record intends", () => {
    const members = new Map([
      [0, EMPTY],
      [1, EMPTY],
    ]);
    const result = plan(observed({ members, identity: record("intent") }), now);
    expect(result.calls).toEqual([expect.objectContaining({ kind: "format", identity: "c-uid" })]);
    expect(result.identity?.members.get(1)).toEqual({ kind: "intent" });
  });

  it("records what the store answered, then proposes once and applies to all", () => {
    const members = new Map([
      [0, ready(0)],
      [1, ready(1)],
    ]);
    const recorded = plan(observed({ members, identity: record("intent", "intent") }), now);
    expect(recorded.identity?.members.get(1)).toEqual({ kind: "formatted", incarnation: "i1" });
    const result = plan(observed({ members, identity: record("i0", "i1") }), now);
    expect(kinds(result)).toEqual(["propose", "apply", "apply"]);
    expect(committedBy(result).generation).toBe(1n);
  });

  it("is settled when every member serves the committed generation", () => {
    const bare = new Map([
      [0, ready(0)],
      [1, ready(1)],
    ]);
    const committed = committedBy(
      plan(observed({ members: bare, identity: record("i0", "i1") }), now),
    );
    const members = serving(committed);
    const result = plan(observed({ members, identity: record("i0", "i1") }), now);
    expect(result.calls).toEqual([]);
    expect(result.progress).toBeUndefined();
    expect(result.wakeAtMs).toBe(certificate.renewAtMs);
  });

  it("proposes nothing while the voter is away, whatever the others say", () => {
    const members = new Map<number, MemberSeen>([
      [0, { kind: "unreachable", message: "no route" }],
      [1, ready(1)],
    ]);
    expect(plan(observed({ members, identity: record("i0", "i1") }), now).calls).toEqual([]);
  });

  it("proposes nothing to a voter that has committed what it does not tell", () => {
    const members = new Map([
      [0, ready(0, { metaGeneration: 7n })],
      [1, ready(1)],
    ]);
    expect(plan(observed({ members, identity: record("i0", "i1") }), now).calls).toEqual([]);
  });
});

describe("data is never taken for something else", () => {
  it("does not format an empty store that held data, and names the way out", () => {
    const members = new Map([[0, EMPTY]]);
    const result = plan(observed({ members, identity: record("i0", "i1") }), now);
    expect(kinds(result)).not.toContain("format");
    expect(result.troubles[0]).toMatchObject({ ordinal: 0, reason: "EmptyDisk" });
    expect(result.troubles[0]?.message).toContain(`${ACCEPT_DATA_LOSS}=i0`);
  });

  it("starts it empty only if that very loss was accepted", () => {
    const members = new Map([[0, EMPTY]]);
    const identity = record("i0", "i1");
    const other = plan(observed({ members, identity }, { [ACCEPT_DATA_LOSS]: "i9" }), now);
    expect(other.identity?.members.get(0)).toEqual({ kind: "formatted", incarnation: "i0" });
    const same = plan(observed({ members, identity }, { [ACCEPT_DATA_LOSS]: "i0" }), now);
    expect(same.identity?.members.get(0)).toEqual({ kind: "intent" });
  });

  it.each([
    ["another identity", { identity: "else" }],
    ["another incarnation", { incarnation: "i7" }],
    ["a foreign store", { storeState: StoreState.FOREIGN, storeMessage: "of shop.Order" }],
  ])("reports %s as WrongDisk", (_name, status) => {
    const members = new Map([[0, ready(0, status)]]);
    const result = plan(observed({ members, identity: record("i0", "i1") }), now);
    expect(result.troubles).toMatchObject([{ ordinal: 0, reason: "WrongDisk" }]);
  });

  const claim = { name: "data-cart-0", uid: "u0", ordinal: 0, size: "1Gi", deleting: false };

  it("refuses claims without an identity record", () => {
    const result = plan(observed({ claims: [claim] }), now);
    expect(result.refusal?.reason).toBe("IdentityLost");
    expect(result.refusal?.message).toContain(ADOPT_IDENTITY);
  });

  it("rebuilds a lost record only from a store, and writes nothing before one answers", () => {
    const adopt = { [ADOPT_IDENTITY]: "true" };
    const waiting = plan(observed({ claims: [claim] }, adopt), now);
    expect(waiting.identity).toBeUndefined();
    expect(waiting.refusal).toBeUndefined();
    const members = new Map([[0, ready(0, { identity: "old-uid" })]]);
    const found = plan(observed({ claims: [claim], members }, adopt), now);
    expect(found.identity).toMatchObject({ identity: "old-uid" });
    expect(found.identity?.members.get(0)).toEqual({ kind: "formatted", incarnation: "i0" });
  });

  it("says so when record and all formatted stores are gone, and begins anew if that is accepted", () => {
    const members = new Map([[0, EMPTY]]);
    const lost = plan(observed({ claims: [claim], members }, { [ADOPT_IDENTITY]: "true" }), now);
    expect(lost.refusal?.reason).toBe("IdentityLost");
    expect(lost.refusal?.message).toContain(`${ADOPT_IDENTITY}=empty`);
    const anew = plan(observed({ claims: [claim], members }, { [ADOPT_IDENTITY]: "empty" }), now);
    expect(anew.refusal).toBeUndefined();
    expect(anew.identity).toMatchObject({ identity: "c-uid" });
    expect(kinds(anew)).toEqual([]);
    const some = new Map([[0, { kind: "connecting" } as const]]);
    const early = observed({ claims: [claim], members: some }, { [ADOPT_IDENTITY]: "empty" });
    expect(plan(early, now).identity).toBeUndefined();
  });

  it("refuses data of another collection under the same name", () => {
    const identity = { ...record("i0"), collection: "shop.Order" };
    expect(plan(observed({ identity }), now).refusal?.path).toBe("spec.collection");
  });
});

describe("volumes", () => {
  const claim = (reclaimPolicy: string, originalReclaimPolicy?: string) => ({
    name: "data-cart-0",
    uid: "u0",
    ordinal: 0,
    size: "1024Mi",
    deleting: false,
    volume: {
      name: "pv-1",
      reclaimPolicy,
      ...(originalReclaimPolicy === undefined ? {} : { originalReclaimPolicy }),
    },
  });

  it("outlive their claims under Retain", () => {
    const result = plan(observed({ claims: [claim("Delete")], identity: record() }), now);
    expect(result.calls).toEqual([
      { kind: "set-reclaim-policy", volume: "pv-1", policy: "Retain", original: "Delete" },
    ]);
    const again = plan(observed({ claims: [claim("Retain", "Delete")], identity: record() }), now);
    expect(again.calls).toEqual([]);
  });

  it("go back to what they were under Delete, and only if we had changed them", () => {
    const base = observed({ identity: record() });
    const collection = {
      ...base.collection,
      spec: { ...base.collection.spec, deletionPolicy: "Delete" as const },
    };
    const changed = plan({ ...base, collection, claims: [claim("Retain", "Delete")] }, now);
    expect(kinds(changed)).toEqual(["set-reclaim-policy"]);
    const foreign = plan({ ...base, collection, claims: [claim("Retain")] }, now);
    expect(foreign.calls).toEqual([]);
  });
});

describe("restarts", () => {
  const set = { replicas: 2, updateRevision: "r2" };
  const identity = record();

  it("are looked at again: the server may not have decided about the pod", () => {
    const renewal = { ...certificate, renewAtMs: now.getTime() + 60_000 };
    const both = { ...served({ set, pods: [pod(0), pod(1)] }), certificate: renewal };
    expect(plan(both, now).wakeAtMs).toBe(now.getTime() + 5_000);
    const pods = [pod(0, { revision: "r2" }), pod(1, { revision: "r2" })];
    expect(plan({ ...both, pods }, now).wakeAtMs).toBe(renewal.renewAtMs);
  });

  it("take one serving pod, and only while all others serve", () => {
    const both = served({ set, pods: [pod(0), pod(1)] });
    expect(plan(both, now).calls).toEqual([{ kind: "restart-pod", name: "cart-1", uid: "p1" }]);
    const pods = [pod(0), pod(1, { revision: "r2", ready: false })];
    expect(plan({ ...both, pods }, now).calls).toEqual([]);
  });

  it("wait for a pod that is gone and not back yet", () => {
    expect(plan(served({ set, pods: [pod(0)] }), now).calls).toEqual([]);
  });

  it("stop at a pod of the new revision whose member says nothing", () => {
    const pods = [pod(0), pod(1, { revision: "r2" })];
    const base = served({ set, pods });
    expect(plan(base, now).calls).toEqual([{ kind: "restart-pod", name: "cart-0", uid: "p0" }]);
    const members = new Map<number, MemberSeen>([...base.members, [1, { kind: "connecting" }]]);
    expect(plan({ ...base, members }, now).calls).toEqual([]);
  });

  it("are not for pods that go anyway, because the collection rests", () => {
    const both = served({ set: { replicas: 0, updateRevision: "r2" }, pods: [pod(0), pod(1)] });
    expect(plan(withSpec(both, { nodes: 0 }), now).calls).toEqual([]);
  });

  it("take a broken pod of the old revision at once", () => {
    const pods = [pod(0, { ready: false }), pod(1)];
    const result = plan(observed({ set, identity, pods }), now);
    expect(result.calls).toEqual([{ kind: "restart-pod", name: "cart-0", uid: "p0" }]);
  });

  it("take a member in trouble at once: a newer program may be its cure", () => {
    const pods = [pod(0), pod(1)];
    const members = new Map([[0, ready(0, { identity: "" })]]);
    const result = plan(observed({ set, pods, members, identity: record("i0", "i1") }), now);
    expect(result.troubles).toMatchObject([{ ordinal: 0 }]);
    expect(result.calls).toEqual([{ kind: "restart-pod", name: "cart-0", uid: "p0" }]);
  });

  it("wait for a pod that is going", () => {
    const pods = [pod(0, { ready: false }), pod(1, { deleting: true })];
    expect(plan(observed({ set, identity, pods }), now).calls).toEqual([]);
  });
});

describe("nodes", () => {
  const set = { replicas: 2, updateRevision: "r1" };
  const pods = [pod(0), pod(1)];

  it("0: rests; keeps the record, asks nobody and proposes nothing", () => {
    const routes = [{ name: "add", disabled: true }];
    const result = plan(withSpec(served({ set, pods }), { nodes: 0, routes }), now);
    expect(result).toMatchObject({ nodes: 0, calls: [], troubles: [] });
    expect(result.refusal).toBeUndefined();
    expect(result.progress).toBeUndefined();
    expect(result.identity).toEqual(record("i0", "i1"));
  });

  it("0 at its first day: needs nobody either", () => {
    const result = plan(withSpec(observed(), { nodes: 0 }), now);
    expect(result).toMatchObject({ nodes: 0, calls: [], identity: { identity: "c-uid" } });
    expect(result.progress).toBeUndefined();
  });

  it("up again: serves by the generation that it had", () => {
    const asleep = served({ set: { replicas: 0 }, pods: [], members: new Map() });
    const waking = plan(asleep, now);
    expect(waking).toMatchObject({ nodes: 2, calls: [] });
    expect(waking.identity).toEqual(record("i0", "i1"));
    const awake = plan(served({ set, pods }), now);
    expect(awake).toMatchObject({ nodes: 2, calls: [] });
  });

  it("below an owner: refused at spec.nodes, with the least that is allowed", () => {
    const result = plan(withSpec(served({ set, pods }), { nodes: 1 }), now);
    expect(result.refusal).toMatchObject({ reason: "Unsupported", path: "spec.nodes" });
    expect(result.refusal?.message).toContain("at least 2");
    expect(result.calls).toEqual([]);
  });

  it("lower while the voter is silent: the pods stay until it has spoken", () => {
    const members = new Map<number, MemberSeen>([
      [0, { kind: "connecting" }],
      [1, ready(1, { generation: 1n })],
    ]);
    const result = plan(withSpec(served({ set, pods, members }), { nodes: 1 }), now);
    expect(result).toMatchObject({ nodes: 2, calls: [], progress: { reason: "WaitingForPods" } });
  });

  it("lower by a member that holds nothing: recorded first, then its pod, then its claim", () => {
    const stored = record("i0", "i1", "i2");
    const claims = [{ name: "data-cart-2", uid: "u2", ordinal: 2, size: "1Gi", deleting: false }];
    const grown = withSpec(
      served({ set: { replicas: 3 }, pods: [...pods, pod(2)], claims, identity: stored }),
      { nodes: 2 },
    );
    const marked = plan(grown, now);
    expect(marked).toMatchObject({ nodes: 3, calls: [] });
    expect(marked.identity?.members.get(2)).toEqual({ kind: "evacuated" });
    const { identity } = marked;
    if (identity === undefined) throw new Error("no record");
    const lowered = plan({ ...grown, identity }, now);
    expect(lowered).toMatchObject({ nodes: 2, calls: [] });
    const down = plan({ ...grown, identity, set: { replicas: 2 }, pods }, now);
    expect(down.calls).toEqual([{ kind: "delete-claim", name: "data-cart-2", uid: "u2" }]);
    const clean = plan({ ...grown, identity, set: { replicas: 2 }, pods, claims: [] }, now);
    expect(clean.identity).toEqual(record("i0", "i1"));
    expect(clean.calls).toEqual([]);
  });

  it("up again before its claim went: the same store is a member once more", () => {
    const stored = record("i0", "i1");
    const members = new Map([...stored.members, [2, { kind: "evacuated" as const }] as const]);
    const base = served({ set: { replicas: 2 }, pods });
    const back = new Map([...base.members, [2, ready(2)] as const]);
    const targets = new Map([...base.targets, [2, { ordinal: 2, address: "a", identity: "x" }]]);
    const picture = { ...base, members: back, targets, identity: { ...stored, members } };
    const result = plan(withSpec(picture, { nodes: 3 }), now);
    expect(result.identity?.members.get(2)).toEqual({ kind: "formatted", incarnation: "i2" });
  });

  it("woken with fewer than may hold data: refused before a pod comes up", () => {
    const asleep = served({ set: { replicas: 0 }, pods: [], members: new Map() });
    const result = plan(withSpec(asleep, { nodes: 1 }), now);
    expect(result.refusal).toMatchObject({ reason: "Unsupported", path: "spec.nodes" });
    expect(result.refusal?.message).toContain("at least 2");
  });
});

describe("certificates", () => {
  it.each([
    ["missing", undefined],
    ["due", { ...certificate, renewAtMs: now.getTime() }],
    ["of an old CA", { ...certificate, issuer: "i0" }],
    ["with an old bundle", { ...certificate, bundle: "b0" }],
  ])("are issued when %s", (_name, present) => {
    const { certificate: _, ...base } = observed({ identity: record() });
    const seen = present === undefined ? base : { ...base, certificate: present };
    expect(plan(seen, now).calls).toEqual([
      {
        kind: "issue-certificate",
        secretName: "cart-tls",
        identity: "spiffe://uid/ns/shop/odgm/cart",
      },
    ]);
  });
});

describe("values that are not served", () => {
  it.each([
    ["replicas", { replicas: 2 }],
    ["storage.provider", { storage: { provider: "Memory" as const } }],
    ["resolvedClass.persistent", { resolvedClass: { persistent: false } }],
  ])("%s is refused by path", (path, change) => {
    const base = observed();
    const spec = { ...base.collection.spec, ...change };
    const result = plan({ ...base, collection: { ...base.collection, spec } }, now);
    expect(result.refusal).toMatchObject({ reason: "Unsupported", path: `spec.${path}` });
    expect(result.calls).toEqual([]);
  });
});
