// The controller on a fake API server, with scripted members and a kubelet of the test: bring-up,
// restarts, changes and ends, as they look from outside.
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import type { CollectionSpec, MemberStatus } from "#api/gen/oaas-admin_pb.ts";
import { MemberStatusSchema, ShardState, StoreState } from "#api/gen/oaas-admin_pb.ts";
import { LABELS } from "#api/meta/index.ts";
import type { OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { ODGM_COLLECTION } from "#api/oaas/v1alpha1/index.ts";
import { collectionNames } from "#api/workload/odgm-names.ts";
import type { KubeObject } from "#controllers/runtime/index.ts";
import { KINDS } from "#controllers/runtime/index.ts";
import { Manager } from "#controllers/runtime/lifecycle/operator-process.ts";
import { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";
import { fakeWorld, settle } from "#controllers/runtime/testing/fake-clock.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import { memoryLogger } from "#controllers/runtime/testing/memory-logger.ts";

import { COLLECTION } from "./observe.ts";
import type {
  CertificateRequest,
  CollectionKey,
  CollectionPort,
  MemberTarget,
  MemberView,
  Trust,
} from "./port.ts";
import { CERTIFICATE_ANNOTATIONS } from "./port.ts";
import { odgmCollectionController } from "./reconcile.ts";

const KEY = { namespace: "shop", name: "cart" };
const NAMES = collectionNames(KEY.namespace, KEY.name);
const DEFAULTS = { image: "odgm:1", systemNamespace: "oaas-system" };

interface Store {
  state: StoreState;
  identity: string;
  incarnation: string;
  spec?: CollectionSpec;
}

/** Members whose stores outlive pods and operators, and the CA. */
class FakePort implements CollectionPort {
  readonly stores = new Map<number, Store>();
  /** Every call that changed something, oldest first. */
  readonly calls: string[] = [];
  committed: CollectionSpec | undefined;
  /** Changing calls that this operator may still make; then it is as good as dead. */
  budget = Number.POSITIVE_INFINITY;
  readonly #server: FakeApiServer;
  #wakes = new Set<(key: CollectionKey) => void>();

  constructor(server: FakeApiServer) {
    this.#server = server;
  }

  members(
    _key: CollectionKey,
    targets: readonly MemberTarget[],
  ): Promise<ReadonlyMap<number, MemberView>> {
    return Promise.resolve(
      new Map(
        targets.map(({ ordinal }) => [ordinal, { kind: "known", status: this.#status(ordinal) }]),
      ),
    );
  }

  forget(): void {
    // Nothing is held per collection.
  }

  trust(): Trust {
    return { clusterUid: "uid", bundle: "b", issuer: "i" };
  }

  start(wake: (key: CollectionKey) => void): () => void {
    this.#wakes.add(wake);
    return () => this.#wakes.delete(wake);
  }

  format(target: MemberTarget, collection: string, identity: string): Promise<void> {
    return this.#change(`format ${target.ordinal} ${collection}`, () => {
      const store = this.store(target.ordinal);
      if (store.state !== StoreState.EMPTY) throw new Error("formatted twice");
      const incarnation = `inc-${target.ordinal}`;
      this.stores.set(target.ordinal, { state: StoreState.READY, identity, incarnation });
    });
  }

  propose(_target: MemberTarget, expected: bigint, wanted: CollectionSpec): Promise<void> {
    return this.#change(`propose ${wanted.generation}`, () => {
      if ((this.committed?.generation ?? 0n) !== expected) throw new Error("GENERATION_CONFLICT");
      this.committed = wanted;
    });
  }

  apply(target: MemberTarget, spec: CollectionSpec): Promise<void> {
    return this.#change(`apply ${target.ordinal} ${spec.generation}`, () => {
      this.store(target.ordinal).spec = spec;
    });
  }

  adoptGeneration(from: MemberTarget): Promise<void> {
    return this.#change(`adopt from ${from.ordinal}`, () => {
      this.committed = this.store(from.ordinal).spec;
    });
  }

  resign(target: MemberTarget): Promise<void> {
    return this.#change(`resign ${target.ordinal}`, () => undefined);
  }

  deleteClaim(claim: { readonly namespace: string; readonly name: string }): Promise<void> {
    return this.#change(`delete ${claim.name}`, () =>
      this.#server.userDelete(KINDS.PersistentVolumeClaim, claim),
    );
  }

  issueCertificate(request: CertificateRequest): Promise<void> {
    return this.#change("issue-certificate", () => {
      this.#server.userApply(KINDS.Secret, {
        apiVersion: "v1",
        kind: "Secret",
        metadata: {
          namespace: request.namespace,
          name: request.secretName,
          labels: request.labels,
          annotations: {
            [CERTIFICATE_ANNOTATIONS.bundle]: "b",
            [CERTIFICATE_ANNOTATIONS.issuer]: "i",
            [CERTIFICATE_ANNOTATIONS.renewAt]: "2030-06-01T00:00:00Z",
            "oaas.io/certificate-expiry": "2030-09-01T00:00:00Z",
          },
        },
      });
    });
  }

  restartPod(pod: { readonly namespace: string; readonly name: string }): Promise<void> {
    return this.#change(`restart ${pod.name.slice(-1)}`, () =>
      this.#server.userDelete(KINDS.Pod, { namespace: pod.namespace, name: pod.name }),
    );
  }

  setReclaimPolicy(volume: string, policy: "Retain" | "Delete"): Promise<void> {
    return this.#change(`reclaim ${volume} ${policy}`, () =>
      this.#server.userPatch(
        KINDS.PersistentVolume,
        { namespace: "", name: volume },
        { spec: { persistentVolumeReclaimPolicy: policy } },
      ),
    );
  }

  store(ordinal: number): Store {
    const found = this.stores.get(ordinal);
    if (found !== undefined) return found;
    const fresh = { state: StoreState.EMPTY, identity: "", incarnation: "" };
    this.stores.set(ordinal, fresh);
    return fresh;
  }

  #status(ordinal: number): MemberStatus {
    const { state, identity, incarnation, spec } = this.store(ordinal);
    const id = spec?.members.find((member) => member.ordinal === ordinal)?.id;
    const own = spec?.partitions.filter((entry) => entry.members[0] === id) ?? [];
    return create(MemberStatusSchema, {
      storeState: state,
      ordinal,
      identity,
      incarnation,
      generation: spec?.generation ?? 0n,
      shards: own.map(({ partition }) => ({ partition, state: ShardState.READY })),
      ...(ordinal === 0 && this.committed !== undefined
        ? { metaGeneration: this.committed.generation, committed: this.committed }
        : {}),
    });
  }

  async #change(call: string, run: () => void): Promise<void> {
    await Promise.resolve();
    if (this.budget <= 0) throw new Error("this operator is dead");
    this.budget -= 1;
    run();
    this.calls.push(call);
    for (const wake of this.#wakes) wake(KEY);
  }
}

/** What Kubernetes does: pods, claims and volumes of the StatefulSet, and its status. */
function kubelet(server: FakeApiServer): void {
  const set = server.read(KINDS.StatefulSet, { ...KEY, name: NAMES.statefulSet });
  const labels = { [LABELS.component]: "odgm", [LABELS.instance]: KEY.name };
  const wanted = set?.spec?.replicas ?? 0;
  const image = set?.spec?.template.spec?.containers[0]?.image ?? "";
  for (const { metadata } of server.readAll(KINDS.Pod)) {
    const ordinal = Number(metadata.name.split("-").at(-1));
    if (ordinal >= wanted) server.userDelete(KINDS.Pod, { ...KEY, name: metadata.name });
  }
  if (set === undefined) return;
  const status = {
    observedGeneration: set.metadata.generation,
    updateRevision: image,
    replicas: wanted,
  };
  server.userPatch(
    KINDS.StatefulSet,
    { ...KEY, name: NAMES.statefulSet },
    { status },
    "status",
    "kcm",
  );
  for (let ordinal = 0; ordinal < wanted; ordinal += 1) {
    const name = `${NAMES.statefulSet}-${ordinal}`;
    if (server.read(KINDS.Pod, { ...KEY, name }) !== undefined) continue;
    server.userApply(KINDS.Pod, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...KEY, name, labels: { ...labels, "controller-revision-hash": image } },
    });
    const running = {
      phase: "Running",
      podIP: `10.0.0.${ordinal + 1}`,
      conditions: [{ type: "Ready", status: "True" }],
    };
    server.userPatch(KINDS.Pod, { ...KEY, name }, { status: running }, "status", "kubelet");
    bindClaim(server, ordinal, labels);
  }
}

function bindClaim(
  server: FakeApiServer,
  ordinal: number,
  labels: Readonly<Record<string, string>>,
): void {
  const name = `data-${NAMES.statefulSet}-${ordinal}`;
  if (server.read(KINDS.PersistentVolumeClaim, { ...KEY, name }) !== undefined) return;
  server.userApply(KINDS.PersistentVolume, {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `pv-${ordinal}` },
    spec: {
      persistentVolumeReclaimPolicy: "Delete",
      claimRef: { namespace: KEY.namespace, name },
    },
  } as KubeObject);
  server.userApply(KINDS.PersistentVolumeClaim, {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { ...KEY, name, labels },
    spec: { volumeName: `pv-${ordinal}`, resources: { requests: { storage: "1Gi" } } },
  } as KubeObject);
}

const world = fakeWorld();
let server: FakeApiServer;
let port: FakePort;
let stopOperator: () => Promise<void>;

/** Starts an operator process; answers how to end it. */
function operator(): () => Promise<void> {
  const manager = new Manager({
    name: "oaas-operator",
    identity: "pod-0",
    cluster: server,
    logger: memoryLogger(),
    clock: world.clock,
    timers: world.clock,
    rng: seededRng(1),
    freezeObjects: true,
  });
  manager.add(odgmCollectionController(DEFAULTS, port));
  const stopping = new AbortController();
  const running = manager.run(stopping.signal);
  return async () => {
    stopping.abort();
    for (let turn = 0; turn < 40; turn += 1) {
      await settle();
      await world.clock.advance(1_000);
    }
    await running;
  };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) {
    kubelet(server);
    await world.clock.advance(5_000);
  }
}

function apply(spec: Partial<OdgmCollection["spec"]> = {}): void {
  server.userApply(ODGM_COLLECTION, {
    apiVersion: "oaas.io/v1alpha1",
    kind: "OdgmCollection",
    metadata: KEY,
    spec: { collection: "shop.Cart", partitions: 4, nodes: 2, ...spec },
  } as KubeObject);
}

function told(type: string): string {
  const conditions = server.read(COLLECTION, KEY)?.status?.conditions;
  const found = conditions?.find((condition) => condition.type === type);
  return found === undefined ? "absent" : `${found.status} ${found.reason}`;
}

const record = () => server.read(KINDS.ConfigMap, { ...KEY, name: NAMES.identity })?.data;

beforeEach(() => {
  server = new FakeApiServer({ clock: world.clock, kinds: [ODGM_COLLECTION] });
  port = new FakePort(server);
  stopOperator = operator();
});

afterEach(async () => {
  await stopOperator();
});

describe("bring-up", () => {
  it("formats each store once, proposes once, and is Ready", async () => {
    apply();
    await settled();
    expect(told("Ready")).toBe("True Available");
    expect(port.calls.filter((call) => !call.startsWith("reclaim"))).toEqual([
      "issue-certificate",
      "format 0 shop.Cart",
      "format 1 shop.Cart",
      "propose 1",
      "apply 0 1",
      "apply 1 1",
    ]);
    expect(record()).toMatchObject({ "member-0": "inc-0", "member-1": "inc-1" });
  });

  it("ends the same with an operator that dies after every single step", async () => {
    await stopOperator();
    apply();
    let lives = 0;
    for (let before = -1; before !== port.calls.length || lives < 4; lives += 1) {
      before = port.calls.length;
      port.budget = 1;
      stopOperator = operator();
      await settled();
      await stopOperator();
    }
    expect(lives).toBeGreaterThan(6);
    port.budget = Number.POSITIVE_INFINITY;
    stopOperator = operator();
    await settled();
    expect(told("Ready")).toBe("True Available");
    for (const once of ["format 0 shop.Cart", "format 1 shop.Cart", "propose 1"]) {
      expect(port.calls.filter((call) => call === once)).toHaveLength(1);
    }
    expect(record()).toMatchObject({ "member-0": "inc-0", "member-1": "inc-1" });
  });

  it("writes nothing more once it is Ready", async () => {
    apply();
    await settled();
    server.log.length = 0;
    port.calls.length = 0;
    await world.clock.advance(60_000);
    expect(server.log.filter((request) => request.method !== "GET")).toEqual([]);
    expect(port.calls).toEqual([]);
  });
});

describe("changes", () => {
  beforeEach(async () => {
    apply();
    await settled();
    port.calls.length = 0;
  });

  it("of routes are one more generation and restart nobody", async () => {
    const routes = [{ name: "add", url: "http://add.shop.svc:80" }];
    apply({ routes });
    await settled();
    expect(port.calls).toEqual(["propose 2", "apply 0 2", "apply 1 2"]);
    expect(port.store(1).spec?.functions).toMatchObject([{ name: "add" }]);
    expect(told("Ready")).toBe("True Available");
  });

  it("of the image restart one pod at a time, the last one first", async () => {
    apply({ image: "odgm:2" });
    await world.clock.advance(5_000);
    kubelet(server);
    // The pod that went is not back: whatever time goes by, the other one stays.
    await world.clock.advance(60_000);
    expect(port.calls).toEqual(["restart 1"]);
    await settled();
    expect(port.calls).toEqual(["restart 1", "restart 0"]);
    expect(told("Reconciling")).toBe("absent");
  });

  it("to nodes 0 rest, and wake with the same data under the same generation", async () => {
    const before = record();
    apply({ nodes: 0 });
    await settled();
    expect(server.readAll(KINDS.Pod)).toEqual([]);
    expect([told("Ready"), told("DataReady"), told("Reconciling")]).toEqual([
      "True Disabled",
      "False Disabled",
      "absent",
    ]);
    expect(record()).toEqual(before);
    expect(server.readAll(KINDS.PersistentVolumeClaim)).toHaveLength(2);
    apply();
    await settled();
    expect(told("Ready")).toBe("True Available");
    expect(port.calls).toEqual([]);
  });

  it("to fewer nodes than there are owners are refused by path, and no pod goes", async () => {
    apply({ nodes: 1 });
    await settled();
    expect(told("Stalled")).toBe("True Unsupported");
    expect(server.read(COLLECTION, KEY)?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Stalled", message: expect.stringContaining("spec.nodes") }),
    );
    expect(server.readAll(KINDS.Pod)).toHaveLength(2);
    expect(
      server.read(KINDS.StatefulSet, { ...KEY, name: NAMES.statefulSet })?.spec?.replicas,
    ).toBe(2);
  });
});

describe("the end", () => {
  it("under Retain keeps record and volumes, and the data is found again", async () => {
    apply({ deletionPolicy: "Retain" });
    await settled();
    const before = record();
    expect(port.calls).toContain("reclaim pv-0 Retain");
    server.userDelete(ODGM_COLLECTION, KEY);
    await settled();
    expect(server.readAll(KINDS.StatefulSet)).toEqual([]);
    expect(record()).toEqual(before);
    port.calls.length = 0;
    apply({ deletionPolicy: "Retain" });
    await settled();
    expect(told("Ready")).toBe("True Available");
    expect(record()).toEqual(before);
    expect(port.calls.filter((call) => call.startsWith("format"))).toEqual([]);
  });

  it("under Delete leaves nothing of ours", async () => {
    apply({ deletionPolicy: "Delete" });
    await settled();
    expect(port.calls.filter((call) => call.startsWith("reclaim"))).toEqual([]);
    server.userDelete(ODGM_COLLECTION, KEY);
    await settled();
    expect(record()).toBeUndefined();
    for (const kind of [KINDS.StatefulSet, KINDS.Service, KINDS.ServiceAccount]) {
      expect(server.readAll<object>(kind)).toEqual([]);
    }
  });
});
