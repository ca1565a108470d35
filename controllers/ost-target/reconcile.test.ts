// The controller on a fake API server, with a program that answers what a test says: how a target
// comes to be, what it does to the API server while nothing changes, and how it goes.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import { parse } from "yaml";

import type { Condition } from "#api/meta/index.ts";
import type { OstTarget } from "#api/rawstor/v1alpha1/index.ts";
import { OST_TARGET } from "#api/rawstor/v1alpha1/index.ts";
import type { OstStatus } from "#api/workload/ost.ts";
import type { KubeObject } from "#controllers/runtime/index.ts";
import { defineKind, KINDS, Manager } from "#controllers/runtime/index.ts";
import { computeKstatus } from "#controllers/runtime/conditions/kstatus.ts";
import { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";
import { fakeWorld, settle } from "#controllers/runtime/testing/fake-clock.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import { memoryLogger } from "#controllers/runtime/testing/memory-logger.ts";

import { ACCEPT_DATA_LOSS } from "./plan/finalize.ts";
import type { CloseDisk, OpenDisk, RestartPod, TargetDefaults } from "./plan/plan.ts";
import type { TargetPort } from "./port.ts";
import { ostTargetController } from "./reconcile.ts";
import { targetNames } from "./render.ts";

const TARGETS = defineKind<OstTarget>(OST_TARGET);
const KEY = { namespace: "", name: "disk-a" };
const SYSTEM = "rawstor-system";
const names = targetNames(KEY.name);
const inSystem = (name: string) => ({ namespace: SYSTEM, name });

function read<T>(name: string): T {
  return parse(readFileSync(join(import.meta.dirname, "testdata", name), "utf8")) as T;
}

const { defaults, observed } = read<{
  readonly defaults: TargetDefaults;
  readonly observed: { readonly seen: { readonly status: OstStatus } };
}>("serving.yaml");
const folder = read<OstTarget>("folder.yaml");

function targetWith(spec: Partial<OstTarget["spec"]> = {}): KubeObject {
  const { apiVersion, kind } = folder;
  return {
    apiVersion,
    kind,
    metadata: { name: KEY.name },
    spec: { ...folder.spec, ...spec },
  } as KubeObject;
}

/** A program that says what it is told to, and pods that are only asked to go. */
class FakePort implements TargetPort {
  status: OstStatus | undefined;
  readonly restarts: RestartPod[] = [];
  readonly orders: (CloseDisk | OpenDisk)[] = [];
  #wake: ((name: string) => void) | undefined;

  seen(): ReturnType<TargetPort["seen"]> {
    return this.status === undefined ? { kind: "absent" } : { kind: "known", status: this.status };
  }

  start(wake: (name: string) => void): () => void {
    this.#wake = wake;
    return () => {
      this.#wake = undefined;
    };
  }

  say(status: OstStatus | undefined): void {
    this.status = status;
    this.#wake?.(KEY.name);
  }

  restarted(podUid: string): boolean {
    return this.restarts.some((call) => call.uid === podUid);
  }

  restartPod(pod: Omit<RestartPod, "kind">): Promise<void> {
    this.restarts.push({ kind: "restart-pod", ...pod });
    return Promise.resolve();
  }

  turnDisk(order: CloseDisk | OpenDisk): Promise<void> {
    this.orders.push(order);
    if (this.status === undefined) return Promise.reject(new Error("connection refused"));
    const { closedFor: _, ...open } = this.status;
    this.say(order.kind === "open-disk" ? open : { ...open, closedFor: order.holder });
    return Promise.resolve();
  }
}

function start() {
  const world = fakeWorld();
  const server = new FakeApiServer({ clock: world.clock, kinds: [OST_TARGET] });
  const port = new FakePort();
  const manager = new Manager({
    name: "rawstor-operator",
    identity: "pod-0",
    cluster: server,
    logger: memoryLogger(),
    clock: world.clock,
    timers: world.clock,
    rng: seededRng(1),
    freezeObjects: true,
  });
  manager.add(ostTargetController(defaults, port));
  const stopping = new AbortController();
  const running = manager.run(stopping.signal);
  return {
    server,
    port,
    settled: async () => world.clock.advance(20_000),
    stop: async () => {
      stopping.abort();
      for (let turn = 0; turn < 40; turn += 1) {
        await settle();
        await world.clock.advance(1_000);
      }
      await running;
    },
  };
}

let world: ReturnType<typeof start>;

beforeEach(() => {
  world = start();
  const node = { apiVersion: "v1", kind: "Node", metadata: { name: "node-1" } };
  world.server.userApply(KINDS.Node, node);
});

afterEach(async () => {
  await world.stop();
});

function target() {
  const found = world.server.read(TARGETS, KEY);
  if (found === undefined) throw new Error("the target is gone");
  return found;
}

function conditionOf(type: string): Condition | undefined {
  return target().status?.conditions?.find((condition) => condition.type === type);
}

function statefulSet() {
  return world.server.read<StatefulSet>(KINDS.StatefulSet, inSystem(names.statefulSet));
}

function record(): Readonly<Record<string, string>> | undefined {
  return world.server.read(KINDS.ConfigMap, inSystem(names.identity))?.data;
}

/** The pod as the StatefulSet controller and the kubelet would make it from the present template. */
function runPod(): void {
  const template = statefulSet()?.spec?.template;
  if (template === undefined) throw new Error("there is no template");
  const key = inSystem(`${names.statefulSet}-0`);
  const pod = { apiVersion: "v1", kind: "Pod", ...template };
  const metadata = { ...template.metadata, ...key };
  world.server.userApply(KINDS.Pod, { ...pod, metadata });
  const conditions = [{ type: "Ready", status: "True" }];
  world.server.userPatch(KINDS.Pod, key, { status: { conditions } }, "status", "kubelet");
}

function replacePod(): void {
  world.server.userDelete(KINDS.Pod, inSystem(`${names.statefulSet}-0`));
  runPod();
}

/** From nothing to Ready, as it goes in a cluster. */
async function becomeReady(): Promise<void> {
  const { server, port, settled } = world;
  server.userApply(OST_TARGET, targetWith());
  await settled();
  const clusterIP = "10.96.0.7";
  server.userPatch(KINDS.Service, inSystem(names.service), { spec: { clusterIP } });
  runPod();
  port.say({ ...observed.seen.status, target: target().metadata.uid });
  await settled();
  replacePod();
  await settled();
}

describe("a new target", () => {
  it("records the intent, lets one pod format, records the disk, and replaces that pod", async () => {
    const { server, port, settled } = world;
    server.userApply(OST_TARGET, targetWith());
    await settled();
    expect(record()).toEqual({ target: target().metadata.uid, incarnation: "intent" });
    expect(JSON.stringify(statefulSet()?.spec)).toContain("IfBlank");
    runPod();
    port.say({ ...observed.seen.status, target: target().metadata.uid });
    await settled();
    expect(record()?.["incarnation"]).toBe(observed.seen.status.incarnation);
    expect(JSON.stringify(statefulSet()?.spec)).not.toContain("IfBlank");
    expect(port.restarts).toHaveLength(1);
    expect(conditionOf("Ready")?.status).toBe("False");
  });

  it("is Ready then, and the API server is not asked for anything more", async () => {
    await becomeReady();
    expect(conditionOf("Ready")).toMatchObject({ status: "True", reason: "Available" });
    expect(computeKstatus(target())).toBe("Current");
    await world.settled();
    world.server.log.length = 0;
    await world.settled();
    await world.settled();
    expect(world.server.log).toEqual([]);
  });
});

describe("a target that is refused", () => {
  it.each([
    ["Invalid", "spec.path", { path: "/etc/disk" }],
    ["Unsupported", "spec.maintenance", { maintenance: "Drain" as const }],
    ["Unsupported", "spec.weight", { weight: 5 }],
  ])("as %s at %s has no child", async (reason, path, spec) => {
    world.server.userApply(OST_TARGET, targetWith(spec));
    await world.settled();
    const stalled = conditionOf("Stalled");
    expect(stalled).toMatchObject({ status: "True", reason });
    expect(stalled?.message).toContain(`${path}: `);
    expect(computeKstatus(target())).toBe("Failed");
    for (const kind of [KINDS.ConfigMap, KINDS.StatefulSet, KINDS.PersistentVolume]) {
      expect(world.server.readAll<object>(kind)).toEqual([]);
    }
  });

  it("after it served goes on as it was", async () => {
    await becomeReady();
    const before = statefulSet()?.spec;
    world.server.userApply(OST_TARGET, targetWith({ maintenance: "Cordon", image: "new:1" }));
    await world.settled();
    expect(conditionOf("Stalled")?.reason).toBe("Unsupported");
    expect(statefulSet()?.spec).toEqual(before);
  });
});

describe("a record that is deleted", () => {
  it("is written again while the disk is served", async () => {
    await becomeReady();
    const before = record();
    world.server.userDelete(KINDS.ConfigMap, inSystem(names.identity));
    await world.settled();
    expect(record()).toEqual(before);
  });

  it("stalls the target otherwise, and nothing may format", async () => {
    await becomeReady();
    world.port.say(undefined);
    await world.settled();
    world.server.userDelete(KINDS.ConfigMap, inSystem(names.identity));
    await world.settled();
    expect(conditionOf("Stalled")?.reason).toBe("IdentityLost");
    expect(record()).toBeUndefined();
    expect(JSON.stringify(statefulSet()?.spec)).not.toContain("IfBlank");
  });

  it("is taken as a person writes it, see docs/runbooks/identity-lost.md", async () => {
    await becomeReady();
    const before = record();
    const said = world.port.status;
    world.port.say(undefined);
    world.server.userDelete(KINDS.ConfigMap, inSystem(names.identity));
    await world.settled();
    const labels = { "rawstor.io/owner-uid": target().metadata.uid };
    const metadata = { ...inSystem(names.identity), labels };
    const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata, data: before };
    world.server.userApply(KINDS.ConfigMap, configMap);
    await world.settled();
    expect(conditionOf("Stalled")).toBeUndefined();
    world.port.say(said);
    await world.settled();
    expect(conditionOf("Ready")?.status).toBe("True");
    expect(record()).toEqual(before);
  });
});

const CHILDREN = [
  KINDS.PersistentVolume,
  KINDS.PersistentVolumeClaim,
  KINDS.Service,
  KINDS.ServiceAccount,
  KINDS.StatefulSet,
];

function children(): readonly unknown[] {
  return CHILDREN.flatMap((kind) => world.server.readAll<object>(kind));
}

describe("a target that is deleted", () => {
  it("waits while objects are on it; without them it goes and only the record stays", async () => {
    await becomeReady();
    world.server.userDelete(OST_TARGET, KEY);
    await world.settled();
    const { uid, deletionTimestamp = "" } = target().metadata;
    const holder = `${uid}@${deletionTimestamp}`;
    expect(world.port.orders).toEqual([{ kind: "close-disk", target: KEY.name, holder }]);
    const status = { ...observed.seen.status, target: uid, closedFor: holder };
    expect(conditionOf("Reconciling")?.reason).toBe("InUse");
    expect(children()).toHaveLength(CHILDREN.length);
    // As in a cluster the claim stays until its pod, which says nothing any more, is gone.
    const finalizers = ["kubernetes.io/pvc-protection"];
    const claim = inSystem(names.claim);
    world.server.userPatch(KINDS.PersistentVolumeClaim, claim, { metadata: { finalizers } });
    world.port.say({ ...status, objects: 0 });
    await world.settled();
    world.port.say(undefined);
    await world.settled();
    expect(statefulSet()).toBeUndefined();
    const unprotected = { metadata: { finalizers: [] } };
    world.server.userPatch(KINDS.PersistentVolumeClaim, claim, unprotected);
    await world.settled();
    expect(world.server.read(TARGETS, KEY)).toBeUndefined();
    expect(children()).toEqual([]);
    expect(record()?.["incarnation"]).toBe(observed.seen.status.incarnation);
  });

  it("waits until its program has taken the order to take nothing new, and is counted after", async () => {
    await becomeReady();
    const { uid } = target().metadata;
    world.port.say({ ...observed.seen.status, target: uid, objects: 0 });
    await world.settled();
    // The order is carried out while a client still gets an object in.
    world.port.turnDisk = ({ holder }) => {
      world.port.say({ ...observed.seen.status, target: uid, objects: 1, closedFor: holder });
      return Promise.resolve();
    };
    world.server.userDelete(OST_TARGET, KEY);
    await world.settled();
    expect(conditionOf("Reconciling")?.reason).toBe("InUse");
    expect(children()).toHaveLength(CHILDREN.length);
  });

  it("stays while the order does not reach its program", async () => {
    await becomeReady();
    const { uid } = target().metadata;
    world.port.say({ ...observed.seen.status, target: uid, objects: 0 });
    await world.settled();
    world.port.turnDisk = () => Promise.reject(new Error("connection refused"));
    world.server.userDelete(OST_TARGET, KEY);
    await world.settled();
    const reconciling = conditionOf("Reconciling");
    expect(reconciling).toMatchObject({ reason: "Unreachable", message: "connection refused" });
    expect(children()).toHaveLength(CHILDREN.length);
  });

  it("leaves a disk that the next target of its name opens again", async () => {
    await becomeReady();
    const { uid } = target().metadata;
    const closedFor = "11111111-1111-4111-8111-111111111111@2030-01-01T00:00:00Z";
    world.port.say({ ...observed.seen.status, target: uid, closedFor });
    await world.settled();
    const [order] = world.port.orders;
    expect(order).toEqual({ kind: "open-disk", target: KEY.name, holder: closedFor });
    expect(conditionOf("Ready")?.status).toBe("True");
  });

  it("goes with its children once the loss of its disk is accepted by name", async () => {
    await becomeReady();
    world.port.say(undefined);
    world.server.userDelete(OST_TARGET, KEY);
    await world.settled();
    const annotations = { [ACCEPT_DATA_LOSS]: observed.seen.status.incarnation };
    world.server.userPatch(OST_TARGET, KEY, { metadata: { annotations } });
    await world.settled();
    expect(world.server.read(TARGETS, KEY)).toBeUndefined();
    expect(children()).toEqual([]);
  });
});
