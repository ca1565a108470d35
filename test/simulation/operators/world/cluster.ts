// What Kubernetes' own controllers and the kubelets do to the objects of our operators, as far as
// they look at it: rollouts of Deployments, pods and claims of StatefulSets, volumes, pod readiness.
import { createHash } from "node:crypto";

import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import type { Pod } from "kubernetes-types/core/v1.js";

import type { Kind, KubeObject, Live, ObjectKey } from "#controllers/runtime/index.ts";
import { KINDS, keyOf } from "#controllers/runtime/index.ts";
import type { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";
import type { FakeClock } from "#controllers/runtime/testing/fake-clock.ts";

import type { Dice } from "#controllers/runtime/testing/index.ts";
import type { Fleet } from "./fleet.ts";
import { all, one } from "./look.ts";

const WORKLOADS = new Set([
  "deployments",
  "statefulsets",
  "pods",
  "persistentvolumeclaims",
  "persistentvolumes",
  "secrets",
]);
const KCM = "kube-controller-manager";
const ADMIN_PORT = 8082;

/** See the head of this file. Level-triggered: looks at everything a moment after any change. */
export class SimCluster {
  readonly #server: FakeApiServer;
  readonly #clock: FakeClock;
  readonly #dice: Dice;
  readonly #fleet: Fleet;
  #scheduled = false;
  #volumes = 0;
  #addresses = 0;

  constructor(server: FakeApiServer, clock: FakeClock, dice: Dice, fleet: Fleet) {
    this.#server = server;
    this.#clock = clock;
    this.#dice = dice;
    this.#fleet = fleet;
    server.storage.subscribe((entry) => {
      if (!WORKLOADS.has(entry.kind.plural)) return;
      if (entry.kind.plural === "pods" && entry.type === "DELETED") {
        const gone = entry.stored.object as unknown as Live<Pod>;
        this.#ended(gone);
        const ip = gone.status?.podIP;
        if (ip !== undefined) this.#later(() => this.#fleet.changed(`${ip}:${ADMIN_PORT}`), 0);
      }
      this.#soon();
    });
  }

  /** A pod dies; its set makes it anew. */
  killPod(key: ObjectKey): void {
    this.#server.userDelete(KINDS.Pod, key, "Background", KCM);
  }

  /** What its process alone knew is gone with it. */
  #ended({ metadata }: Live<Pod>): void {
    const { namespace = "", name } = metadata;
    const claim = one(this.#server, KINDS.PersistentVolumeClaim, {
      namespace,
      name: `data-${name}`,
    });
    if (claim?.spec?.volumeName !== undefined) this.#fleet.restarted(claim.spec.volumeName);
  }

  #soon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#later(
      () => {
        this.#scheduled = false;
        this.#look();
      },
      this.#dice.int(50, 600),
    );
  }

  #later(run: () => void, delayMs: number): void {
    this.#clock.schedule(delayMs, run);
  }

  #look(): void {
    for (const deployment of all(this.#server, KINDS.Deployment)) {
      const count = deployment.spec?.replicas ?? 1;
      this.#status(KINDS.Deployment, deployment, {
        observedGeneration: deployment.metadata.generation,
        replicas: count,
        readyReplicas: count,
        availableReplicas: count,
        updatedReplicas: count,
      });
    }
    for (const set of all(this.#server, KINDS.StatefulSet)) this.#lookAtSet(set);
    for (const pod of all(this.#server, KINDS.Pod)) this.#startPod(pod);
    this.#reclaim();
  }

  #lookAtSet(set: Live<StatefulSet>): void {
    if (set.metadata.deletionTimestamp !== undefined) return;
    const { name, namespace = "" } = set.metadata;
    const count = set.spec?.replicas ?? 1;
    const revision = hash(set.spec?.template);
    for (let ordinal = 0; ordinal < count; ordinal += 1) {
      if (this.#isClaimStale(set, ordinal)) continue;
      this.#keepClaim(set, ordinal);
      const key = { namespace, name: `${name}-${ordinal}` };
      if (one(this.#server, KINDS.Pod, key) === undefined) this.#makePod(set, ordinal, revision);
    }
    const pods = all(this.#server, KINDS.Pod).filter(
      (pod) => pod.metadata.ownerReferences?.[0]?.uid === set.metadata.uid,
    );
    for (const pod of pods) {
      if (ordinalOf(pod) >= count)
        this.#server.userDelete(KINDS.Pod, keyOf(pod), "Background", KCM);
    }
    const ready = pods.filter((pod) => pod.status?.phase === "Running").length;
    this.#status(KINDS.StatefulSet, set, {
      observedGeneration: set.metadata.generation,
      replicas: pods.length,
      readyReplicas: ready,
      availableReplicas: ready,
      currentRevision: revision,
      updateRevision: revision,
    });
  }

  /** True for a claim that goes with an earlier set of this name; the next one waits for it to go. */
  #isClaimStale({ metadata }: Live<StatefulSet>, ordinal: number): boolean {
    const { name, namespace = "", uid } = metadata;
    const key = { namespace, name: `data-${name}-${ordinal}` };
    const claim = one(this.#server, KINDS.PersistentVolumeClaim, key);
    const owners = claim?.metadata.ownerReferences ?? [];
    return owners.some((owner) => owner.name === name && owner.uid !== uid);
  }

  /** The claim of an ordinal with its volume; it belongs to the set only if it goes with it. */
  #keepClaim(set: Live<StatefulSet>, ordinal: number): void {
    const { name, namespace = "", uid } = set.metadata;
    const template = set.spec?.volumeClaimTemplates?.[0];
    if (template === undefined) return;
    const key = { namespace, name: `data-${name}-${ordinal}` };
    const goes = set.spec?.persistentVolumeClaimRetentionPolicy?.whenDeleted === "Delete";
    const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name, uid };
    const ownerReferences = goes ? [owner] : [];
    const live = one(this.#server, KINDS.PersistentVolumeClaim, key);
    const owned = live?.metadata.ownerReferences?.some((one) => one.uid === uid) ?? false;
    if (live !== undefined && owned === goes) return;
    const volumeName = live?.spec?.volumeName ?? this.#makeVolume(key);
    this.#server.userApply(
      KINDS.PersistentVolumeClaim,
      {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { ...key, labels: { ...template.metadata?.labels }, ownerReferences },
        spec: { ...template.spec, volumeName },
      } as KubeObject,
      KCM,
    );
  }

  #makeVolume(claimRef: ObjectKey): string {
    this.#volumes += 1;
    const name = `pv-${this.#volumes}`;
    this.#server.userApply(
      KINDS.PersistentVolume,
      {
        apiVersion: "v1",
        kind: "PersistentVolume",
        metadata: { name },
        spec: { claimRef: { ...claimRef }, persistentVolumeReclaimPolicy: "Delete" },
      } as KubeObject,
      KCM,
    );
    return name;
  }

  #makePod(set: Live<StatefulSet>, ordinal: number, revision: string): void {
    const { name, namespace = "", uid } = set.metadata;
    const template = set.spec?.template;
    this.#server.userApply(
      KINDS.Pod,
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: {
          namespace,
          name: `${name}-${ordinal}`,
          labels: { ...template?.metadata?.labels, "controller-revision-hash": revision },
          ownerReferences: [
            { apiVersion: "apps/v1", kind: "StatefulSet", name, uid, controller: true },
          ],
        },
        spec: { volumes: template?.spec?.volumes ?? [], containers: [] },
      } as KubeObject,
      KCM,
    );
  }

  /** The kubelet: a pod starts once the Secrets that it mounts are there. */
  #startPod(pod: Live<Pod>): void {
    if (pod.status?.phase === "Running") return;
    const { namespace = "" } = pod.metadata;
    const secrets = (pod.spec?.volumes ?? []).flatMap((volume) => volume.secret?.secretName ?? []);
    const missing = secrets.some(
      (name) => one(this.#server, KINDS.Secret, { namespace, name }) === undefined,
    );
    if (missing) return;
    this.#addresses += 1;
    const podIP = `10.0.${this.#addresses >> 8}.${this.#addresses & 0xff}`;
    const conditions = [{ type: "Ready", status: "True" }];
    this.#status(KINDS.Pod, pod, { phase: "Running", podIP, conditions });
    // Its groups may have a majority now, and elect.
    this.#fleet.changed(`${podIP}:${ADMIN_PORT}`);
  }

  /** A volume whose claim has gone goes too, unless it is to be retained. */
  #reclaim(): void {
    for (const volume of all(this.#server, KINDS.PersistentVolume)) {
      const { namespace = "", name = "" } = volume.spec?.claimRef ?? {};
      const claim = one(this.#server, KINDS.PersistentVolumeClaim, {
        namespace,
        name,
      });
      if (claim?.spec?.volumeName === volume.metadata.name) continue;
      if (volume.spec?.persistentVolumeReclaimPolicy !== "Delete") continue;
      this.#server.userDelete(KINDS.PersistentVolume, keyOf(volume), "Background", KCM);
      this.#fleet.discard(volume.metadata.name);
      this.#fleet.stores.delete(volume.metadata.name);
    }
  }

  #status<T extends object>(kind: Kind<T>, live: Live<T>, status: object): void {
    const now = (live as { readonly status?: object }).status;
    const { namespace = "", name } = live.metadata;
    if (JSON.stringify(now) === JSON.stringify(status)) return;
    this.#server.userPatch(kind, { namespace, name }, { status }, "status", KCM);
  }
}

function ordinalOf(pod: Live<Pod>): number {
  return Number(/-(\d+)$/.exec(pod.metadata.name)?.[1]);
}

function hash(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 10);
}
