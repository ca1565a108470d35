// All our controllers on the framework's API server, with what a cluster would do around them: pods
// that run, members and disks that answer. Everything outside answers at once and rightly; here it
// is specs that go wrong.
import { create } from "@bufbuild/protobuf";

import { ShardState, MemberStatusSchema, StoreState } from "#api/gen/oaas-admin_pb.ts";
import type { CollectionSpec, MemberStatus } from "#api/gen/oaas-admin_pb.ts";
import type { Condition } from "#api/meta/index.ts";
import { KINDS as OWN_KINDS } from "../kinds/api-server.ts";
import { classRuntimeController } from "#controllers/class-runtime/reconcile.ts";
import { environmentController } from "#controllers/environment/reconcile.ts";
import type {
  CertificateRequest,
  CollectionKey,
  CollectionPort,
  MemberTarget,
  MemberView,
} from "#controllers/odgm-collection/port.ts";
import { CERTIFICATE_ANNOTATIONS } from "#controllers/odgm-collection/port.ts";
import { odgmCollectionController } from "#controllers/odgm-collection/reconcile.ts";
import { opackageController } from "#controllers/opackage/reconcile.ts";
import type { OstSeen } from "#controllers/ost-target/plan/plan.ts";
import type { TargetPort } from "#controllers/ost-target/port.ts";
import { ostTargetController } from "#controllers/ost-target/reconcile.ts";
import { rawstorVolumeController } from "#controllers/rawstor-volume/reconcile.ts";
import type { KubeObject, Live, ObjectKey } from "#controllers/runtime/index.ts";
import { KINDS, Manager } from "#controllers/runtime/index.ts";
import { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import { FakeClock } from "#controllers/runtime/testing/fake-clock.ts";
import type { LogLine } from "#controllers/runtime/testing/memory-logger.ts";
import { memoryLogger } from "#controllers/runtime/testing/memory-logger.ts";

import { runPods } from "./kubelet.ts";
import type { Snapshot } from "./snapshot.ts";
import { snapshotOf } from "./snapshot.ts";

const ROUND_MS = 1_100;
const ROUNDS_MAX = 60;
const PAUSE_MS = 30_000;
const SYSTEM = "rawstor-system";

interface Store {
  readonly identity: string;
  readonly incarnation: string;
  spec?: CollectionSpec;
  committed?: CollectionSpec;
}

/** Members whose stores outlive their pods; a store is found by its pod's address. */
class Members implements CollectionPort {
  readonly stores = new Map<string, Store>();
  readonly #server: FakeApiServer;
  readonly #wakes = new Set<(key: CollectionKey) => void>();
  readonly #keys = new Map<string, CollectionKey>();

  constructor(server: FakeApiServer) {
    this.#server = server;
  }

  /** The volume of the pod at this host is gone. */
  lose(host: string): void {
    for (const address of this.stores.keys()) {
      if (address.startsWith(`${host}:`)) this.stores.delete(address);
    }
  }

  members(
    key: CollectionKey,
    targets: readonly MemberTarget[],
  ): Promise<ReadonlyMap<number, MemberView>> {
    for (const { address } of targets) this.#keys.set(address, key);
    return Promise.resolve(
      new Map(targets.map((one) => [one.ordinal, { kind: "known", status: this.#status(one) }])),
    );
  }

  forget(): void {
    // Nothing is held per collection.
  }

  trust(): { readonly clusterUid: string; readonly bundle: string; readonly issuer: string } {
    return { clusterUid: "cluster", bundle: "b", issuer: "i" };
  }

  start(wake: (key: CollectionKey) => void): () => void {
    this.#wakes.add(wake);
    return () => this.#wakes.delete(wake);
  }

  format({ address }: MemberTarget, _collection: string, identity: string): Promise<void> {
    return this.#change(address, () => {
      this.stores.set(address, { identity, incarnation: `store-${address}` });
    });
  }

  propose({ address }: MemberTarget, expected: bigint, wanted: CollectionSpec): Promise<void> {
    return this.#change(address, () => {
      const store = this.stores.get(address);
      if (store === undefined) throw new Error("no store");
      if ((store.committed?.generation ?? 0n) !== expected) throw new Error("GENERATION_CONFLICT");
      store.committed = wanted;
    });
  }

  apply({ address }: MemberTarget, spec: CollectionSpec): Promise<void> {
    return this.#change(address, () => {
      const store = this.stores.get(address);
      if (store !== undefined) store.spec = spec;
    });
  }

  issueCertificate({ namespace, secretName, labels }: CertificateRequest): Promise<void> {
    this.#server.userApply(KINDS.Secret, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        namespace,
        name: secretName,
        labels: { ...labels },
        annotations: {
          [CERTIFICATE_ANNOTATIONS.bundle]: "b",
          [CERTIFICATE_ANNOTATIONS.issuer]: "i",
          [CERTIFICATE_ANNOTATIONS.renewAt]: "2035-06-01T00:00:00Z",
          "oaas.io/certificate-expiry": "2035-09-01T00:00:00Z",
        },
      },
    });
    return Promise.resolve();
  }

  restartPod({ namespace, name }: { namespace: string; name: string }): Promise<void> {
    this.#server.userDelete(KINDS.Pod, { namespace, name });
    return Promise.resolve();
  }

  deleteClaim(claim: { namespace: string; name: string }): Promise<void> {
    this.#server.userDelete(KINDS.PersistentVolumeClaim, claim);
    return Promise.resolve();
  }

  adoptGeneration(): Promise<void> {
    return Promise.reject(new Error("no store of this world is ever lost"));
  }

  resign(): Promise<void> {
    return Promise.resolve();
  }

  setReclaimPolicy(volume: string, policy: "Retain" | "Delete"): Promise<void> {
    const spec = { persistentVolumeReclaimPolicy: policy };
    this.#server.userPatch(KINDS.PersistentVolume, { namespace: "", name: volume }, { spec });
    return Promise.resolve();
  }

  #status({ address, ordinal }: MemberTarget): MemberStatus {
    const store = this.stores.get(address);
    if (store === undefined) {
      return create(MemberStatusSchema, { storeState: StoreState.EMPTY, ordinal });
    }
    const { identity, incarnation, spec, committed } = store;
    const id = spec?.members.find((member) => member.ordinal === ordinal)?.id;
    const own = spec?.partitions.filter((entry) => entry.members.some((one) => one === id)) ?? [];
    return create(MemberStatusSchema, {
      storeState: StoreState.READY,
      ordinal,
      identity,
      incarnation,
      generation: spec?.generation ?? 0n,
      shards: own.map(({ partition }) => ({ partition, state: ShardState.READY })),
      ...(committed === undefined ? {} : { metaGeneration: committed.generation, committed }),
    });
  }

  async #change(address: string, run: () => void): Promise<void> {
    await Promise.resolve();
    run();
    const key = this.#keys.get(address);
    if (key !== undefined) for (const wake of this.#wakes) wake(key);
  }
}

/** Programs on disks that serve whatever they are started on. */
class Targets implements TargetPort {
  readonly #server: FakeApiServer;
  readonly #closedFor = new Map<string, string>();

  constructor(server: FakeApiServer) {
    this.#server = server;
  }

  seen(name: string, statusUrl: string | undefined): OstSeen {
    const record = this.#server.read(KINDS.ConfigMap, {
      namespace: SYSTEM,
      name: `${name}-identity`,
    });
    const target = (record?.data ?? {})["target"];
    if (statusUrl === undefined || target === undefined) return { kind: "absent" };
    const closedFor = this.#closedFor.get(name);
    return {
      kind: "known",
      status: {
        cluster: "cluster",
        target,
        incarnation: "33333333-3333-4333-8333-333333333333",
        formatVersion: 1,
        state: "Serving",
        capacityBytes: 1_000,
        usedBytes: 100,
        availableBytes: 900,
        objects: 1,
        lastErrors: [],
        ...(closedFor === undefined ? {} : { closedFor }),
      },
    };
  }

  start(): () => void {
    return () => undefined;
  }

  restarted(): boolean {
    return false;
  }

  restartPod({ namespace, name }: { namespace: string; name: string }): Promise<void> {
    this.#server.userDelete(KINDS.Pod, { namespace, name });
    return Promise.resolve();
  }

  turnDisk({ kind, target, holder }: Parameters<TargetPort["turnDisk"]>[0]): Promise<void> {
    if (kind === "close-disk") this.#closedFor.set(target, holder);
    else this.#closedFor.delete(target);
    return Promise.resolve();
  }
}

/** See the head of this file. */
export class MutationWorld {
  readonly #clock = new FakeClock({ settleTurns: 2 });
  readonly #server: FakeApiServer;
  readonly #members: Members;
  readonly #lines: LogLine[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(fixtures: readonly KubeObject[]) {
    this.#server = new FakeApiServer({ clock: this.#clock, kinds: OWN_KINDS });
    this.#members = new Members(this.#server);
    for (const object of fixtures) this.put(object);
    const manager = new Manager({
      name: "operator",
      identity: "pod-0",
      cluster: this.#server,
      logger: memoryLogger(this.#lines),
      clock: this.#clock,
      timers: this.#clock,
      rng: seededRng(1),
    })
      .add(environmentController({ operatorVersion: "test" }))
      .add(opackageController())
      .add(classRuntimeController({ systemNamespace: "oaas-system" }))
      .add(
        odgmCollectionController(
          { image: "example.com/odgm:1", systemNamespace: "oaas-system" },
          this.#members,
        ),
      )
      .add(
        ostTargetController(
          {
            image: "example.com/ost:1",
            namespace: SYSTEM,
            clusterUid: "cluster",
            allowedPathPrefixes: ["/var/lib/rawstor/disks"],
          },
          new Targets(this.#server),
        ),
      )
      .add(rawstorVolumeController());
    this.#running = manager.run(this.#stop.signal);
  }

  /** A user's apply. */
  put(object: KubeObject): void {
    const kind = [...OWN_KINDS, KINDS.Node].find((one) => one.kind === object.kind);
    if (kind === undefined) throw new Error(`nobody knows ${object.kind}`);
    this.#server.userApply(kind, object);
    const { status } = object as { readonly status?: object };
    if (status === undefined) return;
    const { namespace = "", name = "" } = object.metadata;
    this.#server.userPatch(kind, { namespace, name }, { status }, "status", "kubelet");
  }

  /** Lets everything happen until nothing happens any more. */
  async settle(): Promise<void> {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const before = this.#server.storage.version;
      await this.#clock.advance(ROUND_MS);
      runPods(this.#server, (host) => this.#members.lose(host));
      this.#server.log.length = 0;
      if (this.#server.storage.version === before) return;
    }
    throw new Error("nothing comes to rest");
  }

  /** Long enough for everything that looks again by itself. */
  async pause(): Promise<void> {
    await this.#clock.advance(PAUSE_MS);
    await this.settle();
  }

  /** What has come of the object: its children down to the last, its status, what members serve. */
  snapshot(kind: string, key: ObjectKey): Snapshot {
    const committed = [...this.#members.stores.values()].flatMap((one) => one.committed ?? []);
    return snapshotOf(this.#server, { kind, key, committed });
  }

  /** The condition that says why nothing can be done, if there is one. */
  stalled(kind: string, key: ObjectKey): Condition | undefined {
    const own = OWN_KINDS.find((one) => one.kind === kind);
    const live = own === undefined ? undefined : this.#server.storage.get(own, key)?.object;
    const { status } = (live ?? {}) as Live & {
      readonly status?: { readonly conditions?: readonly Condition[] };
    };
    return status?.conditions?.find((one) => one.type === "Stalled" && one.status === "True");
  }

  /** Bugs that were met so far. */
  get bugs(): readonly string[] {
    return this.#lines
      .filter((line) => line.level === "error")
      .map((line) => `${line.message} ${JSON.stringify(line.fields)}`);
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#clock.advance(40_000);
    await this.#running;
  }
}
