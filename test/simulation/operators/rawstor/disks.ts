// Disks of nodes, the kubelet that runs one pod per target on them, and what the program in it does:
// checks or writes the superblock, serves, or refuses the disk with an exit code. Rules as in
// workloads/ost.
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import type { Pod, Service } from "kubernetes-types/core/v1.js";

import type { OstStatus } from "#api/workload/ost.ts";
import { ostExitCodes, settingsOfEnv } from "#api/workload/ost.ts";
import type { CloseDisk, OpenDisk } from "#controllers/ost-target/plan/plan.ts";
import type { Live, ObjectKey } from "#controllers/runtime/index.ts";
import { keyOf, KINDS } from "#controllers/runtime/index.ts";
import type { Dice, SimWorld } from "#controllers/runtime/testing/index.ts";

import { all, one } from "../world/look.ts";

const KCM = "kube-controller-manager";
const WORKLOADS = new Set(["statefulsets", "pods", "services", "persistentvolumeclaims"]);
/** Until a container that ended is started again. */
const RESTART_MS = 10_000;

/** What is on a disk; no superblock: it is blank. */
export interface Disk {
  superblock?: { readonly cluster: string; readonly target: string; readonly incarnation: string };
  objects: number;
  /** As the file of this name. */
  closedFor?: string;
}

/** A disk was given a superblock. */
export interface Formatted {
  readonly path: string;
  readonly target: string;
}

/** See the head of this file. */
export class Disks {
  /** By path; each node has its own paths here. */
  readonly byPath = new Map<string, Disk>();
  readonly #sim: SimWorld;
  readonly #dice: Dice;
  readonly #witnesses: ((formatted: Formatted) => void)[] = [];
  #scheduled = false;
  #addresses = 0;
  #incarnations = 0;

  constructor(sim: SimWorld, dice: Dice) {
    this.#sim = sim;
    this.#dice = dice;
    sim.server.storage.subscribe(({ kind }) => {
      if (WORKLOADS.has(kind.plural)) this.#soon(dice.int(50, 600));
    });
  }

  /** Told of every superblock that is written. */
  witness(tell: (formatted: Formatted) => void): void {
    this.#witnesses.push(tell);
  }

  /** The disk under a path; a blank one if it is new. */
  at(path: string): Disk {
    let disk = this.byPath.get(path);
    if (disk === undefined) {
      disk = { objects: 0 };
      this.byPath.set(path, disk);
    }
    return disk;
  }

  /** What the program behind this status address says; undefined if nobody answers. */
  status(url: string): OstStatus | undefined {
    const disk = this.#behind(url);
    if (disk?.superblock === undefined) return undefined;
    const { superblock, objects, closedFor } = disk;
    return {
      ...superblock,
      formatVersion: 1,
      state: "Serving",
      capacityBytes: 1_000,
      usedBytes: objects,
      availableBytes: 900,
      objects,
      lastErrors: [],
      ...(closedFor === undefined ? {} : { closedFor }),
    };
  }

  /** As `/closed` of the program behind this status address; false if nobody answers. */
  turn(url: string, { kind, holder }: CloseDisk | OpenDisk): boolean {
    const disk = this.#behind(url);
    if (disk?.superblock === undefined) return false;
    if (kind === "close-disk") disk.closedFor = holder;
    else if (disk.closedFor === holder) delete disk.closedFor;
    return true;
  }

  /** Clients leave so many objects on a disk; as many as it takes, none if it is not served. */
  keep(path: string, objects: number): number | undefined {
    const disk = this.at(path);
    const isServed = all(this.#sim.server, KINDS.Pod).some(
      (pod) => isRunning(pod) && isReady(pod) && this.pathOf(pod) === path,
    );
    if (!isServed || disk.superblock === undefined) return undefined;
    const isTaken = disk.closedFor === undefined || objects < disk.objects;
    if (isTaken) disk.objects = objects;
    return disk.objects;
  }

  #behind(url: string): Disk | undefined {
    const pod = all(this.#sim.server, KINDS.Pod).find(
      (found) => found.status?.podIP !== undefined && url.includes(`//${found.status.podIP}:`),
    );
    return pod === undefined || !isRunning(pod) ? undefined : this.at(this.pathOf(pod) ?? "");
  }

  /** The path of the local volume under a pod. */
  pathOf(pod: Live<Pod>): string | undefined {
    const { namespace = "" } = pod.metadata;
    const name = pod.spec?.volumes?.flatMap(
      (volume) => volume.persistentVolumeClaim?.claimName ?? [],
    )[0];
    if (name === undefined) return undefined;
    const claim = one(this.#sim.server, KINDS.PersistentVolumeClaim, { namespace, name });
    const volume = claim?.spec?.volumeName;
    if (volume === undefined) return undefined;
    const found = one(this.#sim.server, KINDS.PersistentVolume, { namespace: "", name: volume });
    return found?.spec?.local?.path;
  }

  /** Pods die and come again. */
  killPod(key: ObjectKey): void {
    this.#sim.server.userDelete(KINDS.Pod, key, "Background", KCM);
  }

  #soon(delayMs: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#sim.clock.schedule(delayMs, () => {
      this.#scheduled = false;
      this.#look();
    });
  }

  #look(): void {
    const { server } = this.#sim;
    for (const service of all(server, KINDS.Service)) this.#address(service);
    for (const set of all(server, KINDS.StatefulSet)) this.#keepPod(set);
    for (const pod of all(server, KINDS.Pod)) this.#run(pod);
  }

  #address(service: Live<Service>): void {
    if (service.spec?.clusterIP !== undefined) return;
    this.#addresses += 1;
    const spec = { clusterIP: `10.96.0.${this.#addresses % 250}` };
    this.#sim.server.userPatch(KINDS.Service, keyOf(service), { spec }, "", KCM);
  }

  #keepPod(set: Live<StatefulSet>): void {
    if (set.metadata.deletionTimestamp !== undefined) return;
    const { server } = this.#sim;
    const { namespace = "", name, uid } = set.metadata;
    const key = { namespace, name: `${name}-0` };
    if (one(server, KINDS.Pod, key) !== undefined) return;
    const { metadata, spec } = set.spec?.template ?? {};
    const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name, uid, controller: true };
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        ...key,
        labels: { ...metadata?.labels },
        annotations: { ...metadata?.annotations },
        ownerReferences: [owner],
      },
      spec,
    };
    server.userApply(KINDS.Pod, pod, KCM);
  }

  /** The kubelet and the program: serves, or ends with the code of what is wrong. */
  #run(pod: Live<Pod>): void {
    if (pod.status?.phase === "Running" && isReady(pod)) return;
    const path = this.pathOf(pod);
    if (path === undefined) return;
    const refusal = this.#open(path, pod);
    if (refusal === undefined) {
      this.#addresses += 1;
      const podIP = `10.1.${this.#addresses >> 8}.${this.#addresses & 0xff}`;
      this.#status(pod, {
        phase: "Running",
        podIP,
        conditions: [{ type: "Ready", status: "True" }],
        containerStatuses: [{ name: "ost", ready: true, state: { running: {} } }],
      });
      return;
    }
    const terminated = { exitCode: ostExitCodes[refusal], reason: "Error" };
    this.#status(pod, {
      phase: "Running",
      conditions: [{ type: "Ready", status: "False" }],
      containerStatuses: [{ name: "ost", ready: false, state: { terminated } }],
    });
    this.#soon(RESTART_MS);
  }

  #open(path: string, pod: Live<Pod>): "EmptyDisk" | "WrongDisk" | undefined {
    const env = pod.spec?.containers[0]?.env ?? [];
    const settings = settingsOfEnv(Object.fromEntries(env.map((item) => [item.name, item.value])));
    const { target = "", cluster = "" } = settings;
    const disk = this.at(path);
    if (disk.superblock === undefined) {
      if (settings.format !== "IfBlank") return "EmptyDisk";
      this.#incarnations += 1;
      const incarnation = `inc-${this.#incarnations}-${this.#dice.int(0, 0xffff).toString(16)}`;
      disk.superblock = { cluster, target, incarnation };
      for (const witness of this.#witnesses) witness({ path, target });
      return undefined;
    }
    return disk.superblock.target === target ? undefined : "WrongDisk";
  }

  #status(pod: Live<Pod>, status: object): void {
    if (JSON.stringify(pod.status) === JSON.stringify(status)) return;
    this.#sim.server.userPatch(KINDS.Pod, keyOf(pod), { status }, "status", KCM);
  }
}

function isRunning({ status, metadata }: Live<Pod>): boolean {
  return status?.phase === "Running" && metadata.deletionTimestamp === undefined;
}

function isReady(pod: Live<Pod>): boolean {
  return (
    pod.status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") === true
  );
}
