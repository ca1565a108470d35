// The three controllers of the control plane together on a fake API server: what a user does to a
// package, and what comes of it down to Deployments and back up to the package's status.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";

import type { Condition, KindId } from "#api/meta/index.ts";
import type {
  ClassRuntime,
  Environment,
  OdgmCollection,
  OPackage,
} from "#api/oaas/v1alpha1/index.ts";
import { CLASS_RUNTIME, ENVIRONMENT, ODGM_COLLECTION, OPACKAGE } from "#api/oaas/v1alpha1/index.ts";
import { classRuntimeController } from "#controllers/class-runtime/reconcile.ts";
import { environmentController } from "#controllers/environment/reconcile.ts";
import type { KubeObject, Live } from "#controllers/runtime/index.ts";
import { defineKind, KINDS, Manager } from "#controllers/runtime/index.ts";
import { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";
import { fakeWorld, settle } from "#controllers/runtime/testing/fake-clock.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import { memoryLogger } from "#controllers/runtime/testing/memory-logger.ts";

import { opackageController } from "./reconcile.ts";

const PACKAGES = defineKind<OPackage>(OPACKAGE);
const RUNTIMES = defineKind<ClassRuntime>(CLASS_RUNTIME);
const COLLECTIONS = defineKind<OdgmCollection>(ODGM_COLLECTION);
const ENVIRONMENTS = defineKind<Environment>(ENVIRONMENT);

const quickstart = parse(
  readFileSync(join(import.meta.dirname, "testdata", "quickstart.yaml"), "utf8"),
) as OPackage;

function packageWith(spec: Partial<OPackage["spec"]>, name = "quickstart"): KubeObject {
  const { apiVersion, kind } = quickstart;
  return {
    apiVersion,
    kind,
    metadata: { namespace: "default", name },
    spec: { ...quickstart.spec, ...spec },
  } as KubeObject;
}

const key = (name: string) => ({ namespace: "default", name });

function start() {
  const world = fakeWorld();
  const kinds: readonly KindId[] = [OPACKAGE, CLASS_RUNTIME, ODGM_COLLECTION, ENVIRONMENT];
  const server = new FakeApiServer({ clock: world.clock, kinds });
  const logger = memoryLogger();
  const manager = new Manager({
    name: "oaas-operator",
    identity: "pod-0",
    cluster: server,
    logger,
    clock: world.clock,
    timers: world.clock,
    rng: seededRng(1),
    freezeObjects: true,
  });
  manager.add(opackageController());
  manager.add(classRuntimeController({ systemNamespace: "oaas-system" }));
  manager.add(environmentController({ operatorVersion: "test" }));
  const stopping = new AbortController();
  const running = manager.run(stopping.signal);
  return {
    server,
    logger,
    /** Lets everything happen that happens without a pod or a person. */
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

type World = ReturnType<typeof start>;

function conditionOf(
  object: { status?: unknown } | undefined,
  type: string,
): Condition | undefined {
  const status = object?.status as { conditions?: readonly Condition[] } | undefined;
  return status?.conditions?.find((condition) => condition.type === type);
}

function deploymentsOf(server: FakeApiServer): readonly Live<{ spec?: { replicas?: number } }>[] {
  return server.readAll(KINDS.Deployment);
}

function deploymentOf(server: FakeApiServer, fn: string) {
  const found = server
    .readAll(KINDS.Deployment)
    .find((one) => one.metadata.labels?.["oaas.io/function"] === fn);
  if (found === undefined) throw new Error(`no Deployment of ${fn}`);
  return found;
}

/** What kubelet and Kubernetes' own controllers would report. */
function makeReady(server: FakeApiServer): void {
  for (const { metadata, spec } of server.readAll(KINDS.Deployment)) {
    const count = spec?.replicas ?? 1;
    const status = {
      observedGeneration: metadata.generation,
      replicas: count,
      readyReplicas: count,
      availableReplicas: count,
      updatedReplicas: count,
    };
    const deploymentKey = { namespace: metadata.namespace ?? "", name: metadata.name };
    server.userPatch(KINDS.Deployment, deploymentKey, { status }, "status", "kcm");
  }
  for (const { metadata } of server.readAll(COLLECTIONS)) {
    const condition = {
      type: "DataReady",
      status: "True",
      reason: "Available",
      message: "4 of 4 partitions serve",
      lastTransitionTime: "2030-01-01T00:00:00Z",
    };
    const status = { observedGeneration: metadata.generation, conditions: [condition] };
    const collectionKey = { namespace: metadata.namespace ?? "", name: metadata.name };
    server.userPatch(COLLECTIONS, collectionKey, { status }, "status", "odgm");
  }
}

let world: World;

beforeEach(() => {
  world = start();
});

afterEach(async () => {
  await world.stop();
});

async function ready(): Promise<void> {
  world.server.userApply(OPACKAGE, packageWith({}));
  await world.settled();
  makeReady(world.server);
  await world.settled();
}

describe("quickstart", () => {
  it("becomes a runtime, its functions and a collection, and Ready only once they are", async () => {
    world.server.userApply(OPACKAGE, packageWith({}));
    await world.settled();
    const { server } = world;
    expect(server.readAll(RUNTIMES).map((r) => r.spec.class)).toEqual(["quickstart.Counter"]);
    expect(server.readAll(COLLECTIONS).map((c) => c.spec.collection)).toEqual([
      "quickstart.Counter",
    ]);
    expect(deploymentsOf(server).map((d) => d.spec?.replicas)).toEqual([2, 2, 2]);
    const waiting = conditionOf(server.read(PACKAGES, key("quickstart")), "Ready");
    expect(waiting).toMatchObject({ status: "False", reason: "WaitingForPods" });
    expect(waiting?.message).toContain("counter in default: function echo: 0 of 2 pods are ready");

    makeReady(server);
    await world.settled();
    const found = server.read(PACKAGES, key("quickstart"));
    expect(conditionOf(found, "Ready")).toMatchObject({ status: "True", reason: "Available" });
    expect(conditionOf(found, "Reconciling")).toBeUndefined();
    expect(found?.status?.deployments).toEqual([
      {
        name: "counter",
        condition: "Running",
        environments: ["default"],
        replicas: 1,
        partitions: 4,
        shardType: "Basic",
        achievedAvailability: "0.99",
        why: [
          "environments default: the deployment says so",
          "partitions 4: the deployment says so",
          "replicas 1: nothing asks for more",
          "shardType Basic: consistency None, 1 replica",
        ],
      },
    ]);
    expect(found?.status?.acceptedGeneration).toBe(found?.metadata.generation);
  });

  it("writes nothing more once it is ready", async () => {
    await ready();
    await world.settled();
    world.server.log.length = 0;
    await world.settled();
    expect(world.server.log.filter((request) => request.method !== "GET")).toEqual([]);
  });

  it.each(["Background", "Foreground"] as const)("goes whole when deleted: %s", async (how) => {
    await ready();
    world.server.userDelete(OPACKAGE, key("quickstart"), how);
    await world.settled();
    const { server } = world;
    expect(server.read(PACKAGES, key("quickstart"))).toBeUndefined();
    for (const kind of [RUNTIMES, COLLECTIONS, KINDS.Deployment, KINDS.Service]) {
      expect(server.readAll<object>(kind)).toEqual([]);
    }
  });
});

describe("drift", () => {
  it("of image, env and count is reverted, and a foreign label stays", async () => {
    await ready();
    const { server } = world;
    const before = deploymentOf(server, "echo");
    const deploymentKey = key(before.metadata.name);
    server.userApply(
      KINDS.Deployment,
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { ...deploymentKey, labels: { "example.com/mine": "yes" } },
        spec: {
          replicas: 5,
          template: {
            spec: {
              containers: [
                { name: "function", image: "evil:1", env: [{ name: "OAAS_CLASS", value: "no" }] },
              ],
            },
          },
        },
      } as KubeObject,
      "someone",
    );
    await world.settled();
    const after = deploymentOf(server, "echo");
    const container = after.spec?.template.spec?.containers[0];
    expect(container?.image).toBe("oaas-operator.local/fn-echo:dev");
    expect(container?.env).toContainEqual({ name: "OAAS_CLASS", value: "quickstart.Counter" });
    expect(after.spec?.replicas).toBe(2);
    expect(after.metadata.labels?.["example.com/mine"]).toBe("yes");
  });

  it("of the count is left alone once an autoscaler is at work", async () => {
    const deployments = (quickstart.spec.deployments ?? []).map((deployment) => ({
      ...deployment,
      members: [{ id: 1, environment: "default", template: "Cloud" as const }],
    }));
    world.server.userApply(OPACKAGE, packageWith({ deployments }));
    await world.settled();
    const { name } = deploymentOf(world.server, "echo").metadata;
    world.server.userPatch(KINDS.Deployment, key(name), { spec: { replicas: 6 } }, "", "hpa");
    await world.settled();
    expect(deploymentOf(world.server, "echo").spec?.replicas).toBe(6);
  });
});

describe("edits", () => {
  it("a function removed from the package takes its objects and its route along", async () => {
    await ready();
    const keep = (one: { readonly name: string }): boolean => one.name !== "random";
    const classes = (quickstart.spec.classes ?? []).map((cls) => ({
      ...cls,
      functions: (cls.functions ?? []).filter(keep),
    }));
    const functions = (quickstart.spec.functions ?? []).filter(keep);
    world.server.userApply(OPACKAGE, packageWith({ classes, functions }));
    await world.settled();
    const { server } = world;
    const names = (kind: typeof KINDS.Deployment | typeof KINDS.Service) =>
      server.readAll<object>(kind).map((one) => one.metadata.labels?.["oaas.io/function"]);
    expect(names(KINDS.Deployment).toSorted()).toEqual(["counter", "echo"]);
    expect(names(KINDS.Service).toSorted()).toEqual(["counter", "echo"]);
    const [collection] = server.readAll(COLLECTIONS);
    expect(collection?.spec.routes?.map((route) => route.name)).toEqual(["echo", "counter"]);
  });

  it("an invalid package is Stalled with its paths, and what runs goes on", async () => {
    await ready();
    const before = world.server.readAll(KINDS.Deployment).map((d) => d.metadata.uid);
    const accepted = world.server.read(PACKAGES, key("quickstart"))?.status?.acceptedGeneration;
    world.server.userApply(OPACKAGE, packageWith({ functions: [] }));
    await world.settled();
    const found = world.server.read(PACKAGES, key("quickstart"));
    expect(conditionOf(found, "Stalled")).toMatchObject({ status: "True", reason: "Invalid" });
    expect(conditionOf(found, "Ready")?.message).toContain(
      "spec.classes[0].functions[0].name: there is no function echo in spec.functions",
    );
    expect(conditionOf(found, "Valid")).toMatchObject({ status: "False", reason: "Invalid" });
    expect(world.server.readAll(KINDS.Deployment).map((d) => d.metadata.uid)).toEqual(before);
    expect(found?.status?.acceptedGeneration).toBe(accepted);
    expect(found?.status?.observedGeneration).toBe(found?.metadata.generation);

    world.server.userApply(OPACKAGE, packageWith({}));
    await world.settled();
    const healed = world.server.read(PACKAGES, key("quickstart"));
    expect(conditionOf(healed, "Stalled")).toBeUndefined();
    expect(conditionOf(healed, "Ready")?.status).toBe("True");
  });

  it("a field that is not served is Stalled Unsupported with its path", async () => {
    await ready();
    const classes = (quickstart.spec.classes ?? []).map((cls) => ({ ...cls, ttlSeconds: 60 }));
    world.server.userApply(OPACKAGE, packageWith({ classes }));
    await world.settled();
    const found = world.server.read(PACKAGES, key("quickstart"));
    expect(conditionOf(found, "Stalled")).toMatchObject({
      reason: "Unsupported",
      message: "spec.classes[0].ttlSeconds: not served yet",
    });
    expect(conditionOf(found, "Planned")).toMatchObject({
      status: "False",
      reason: "Unsupported",
    });
    expect(world.server.readAll(RUNTIMES)[0]?.spec.resolvedClass).not.toHaveProperty("ttlSeconds");
  });

  it.each([
    {
      child: "classruntimes",
      field: "spec.collection.partitioning",
      want: "spec.classes[0].partitioning",
    },
    { child: "odgmcollections", field: "spec.storage.size", want: "spec.classes[0].storage.size" },
  ])("what the API server refuses of $child is told at $want", async ({ child, field, want }) => {
    await ready();
    const message = `${child} "x" is invalid: ${field}: Invalid value: it cannot be changed`;
    world.server.intercept = (request) =>
      request.method === "PATCH" &&
      request.path.includes(`/${child}/`) &&
      !request.path.endsWith("/status")
        ? {
            kind: "answer",
            status: 422,
            body: {
              kind: "Status",
              apiVersion: "v1",
              status: "Failure",
              reason: "Invalid",
              code: 422,
              message,
            },
          }
        : undefined;
    const classes = (quickstart.spec.classes ?? []).map((cls) => ({
      ...cls,
      partitioning: "Explicit" as const,
      storage: { size: "1Mi" },
    }));
    world.server.userApply(OPACKAGE, packageWith({ classes }));
    await world.settled();
    const found = world.server.read(PACKAGES, key("quickstart"));
    expect(conditionOf(found, "Stalled")?.message).toContain(`${want}: Invalid value`);
    expect(conditionOf(found, "Ready")?.status).toBe("False");
  });

  it("a suspended package is not touched, and goes on when it is resumed", async () => {
    await ready();
    const functions = (quickstart.spec.functions ?? []).map((fn) => ({ ...fn, timeoutMs: 1000 }));
    world.server.userApply(OPACKAGE, packageWith({ suspend: true, functions }));
    await world.settled();
    const found = world.server.read(PACKAGES, key("quickstart"));
    expect(conditionOf(found, "Ready")).toMatchObject({ status: "True", reason: "Suspended" });
    expect(world.server.readAll(RUNTIMES)[0]?.spec.functions?.[0]?.timeoutMs).toBeUndefined();
    world.server.userApply(OPACKAGE, packageWith({ functions }));
    await world.settled();
    expect(world.server.readAll(RUNTIMES)[0]?.spec.functions?.[0]?.timeoutMs).toBe(1000);
  });

  it("a deployment that leaves the package takes its runtime along", async () => {
    await ready();
    world.server.userApply(OPACKAGE, packageWith({ deployments: [] }));
    await world.settled();
    expect(world.server.readAll(RUNTIMES)).toEqual([]);
    expect(world.server.readAll(COLLECTIONS)).toEqual([]);
  });

  it("a disabled package keeps its collection, at rest, and no pods of functions", async () => {
    await ready();
    world.server.userApply(OPACKAGE, packageWith({ state: "Disabled" }));
    await world.settled();
    expect(world.server.readAll(KINDS.Deployment)).toEqual([]);
    expect(world.server.readAll(COLLECTIONS).map((c) => c.spec.nodes)).toEqual([0]);
    const found = world.server.read(PACKAGES, key("quickstart"));
    expect(conditionOf(found, "Ready")).toMatchObject({ status: "True", reason: "Disabled" });
  });
});

describe("trouble below", () => {
  it("an image that cannot be pulled shows in function, runtime and package", async () => {
    world.server.userApply(OPACKAGE, packageWith({}));
    await world.settled();
    const { metadata, spec } = deploymentOf(world.server, "echo");
    world.server.userApply(KINDS.Pod, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...key("echo-0"), labels: spec?.template.metadata?.labels ?? {} },
      spec: { containers: [] },
    } as KubeObject);
    const waiting = { reason: "ImagePullBackOff", message: "Back-off pulling image" };
    const status = {
      containerStatuses: [
        {
          name: "function",
          image: "fn-echo:dev",
          imageID: "",
          ready: false,
          restartCount: 0,
          state: { waiting },
        },
      ],
    };
    world.server.userPatch(KINDS.Pod, key("echo-0"), { status }, "status", "kubelet");
    await world.settled();
    const [runtime] = world.server.readAll(RUNTIMES);
    const echo = runtime?.status?.functions?.find((fn) => fn.name === "echo");
    expect(echo).toMatchObject({
      condition: "Down",
      reason: "ImagePullFailed",
      message: "image fn-echo:dev: Back-off pulling image",
    });
    expect(conditionOf(runtime, "FunctionsReady")?.reason).toBe("ImagePullFailed");
    const found = world.server.read(PACKAGES, key("quickstart"));
    expect(conditionOf(found, "Ready")).toMatchObject({
      status: "False",
      reason: "ImagePullFailed",
    });
    expect(found?.status?.deployments?.[0]).toMatchObject({
      condition: "Down",
      message: expect.stringContaining("function echo: image fn-echo:dev: Back-off"),
    });
    expect(metadata.name).toContain("echo");
  });

  it("a stalled collection shows in the package, with paths of the package", async () => {
    await ready();
    const [collection] = world.server.readAll(COLLECTIONS);
    if (collection === undefined) throw new Error("no collection");
    const stalled = {
      type: "Stalled",
      status: "True",
      reason: "Unsupported",
      message: "spec.partitions: expansion is not served yet",
      lastTransitionTime: "2030-01-01T00:00:00Z",
    };
    const status = { observedGeneration: collection.metadata.generation, conditions: [stalled] };
    const collectionKey = key(collection.metadata.name);
    world.server.userPatch(COLLECTIONS, collectionKey, { status }, "status", "odgm");
    await world.settled();
    const found = world.server.read(PACKAGES, key("quickstart"));
    expect(conditionOf(found, "Stalled")?.reason).toBe("ChildStalled");
    expect(conditionOf(found, "Stalled")?.message).toContain(
      "Unsupported: spec.deployments[0].partitions: expansion is not served yet",
    );
    expect(found?.status?.deployments?.[0]?.condition).toBe("Down");
  });

  it("a class that another runtime has claimed first is refused, and served when it is free", async () => {
    const rival: KubeObject = {
      apiVersion: "oaas.io/v1alpha1",
      kind: "ClassRuntime",
      metadata: { namespace: "other", name: "first" },
      spec: { class: "quickstart.Counter" },
    } as KubeObject;
    world.server.userApply(CLASS_RUNTIME, rival);
    await world.settled();
    world.server.userApply(OPACKAGE, packageWith({}));
    await world.settled();
    const found = world.server.read(PACKAGES, key("quickstart"));
    expect(conditionOf(found, "Stalled")?.message).toContain(
      "ClassNameConflict: spec.deployments[0].class: quickstart.Counter is claimed by " +
        "ClassRuntime other/first",
    );
    expect(deploymentsOf(world.server)).toEqual([]);
    world.server.userDelete(CLASS_RUNTIME, { namespace: "other", name: "first" });
    await world.settled();
    expect(deploymentsOf(world.server)).toHaveLength(3);
  });
});

describe("packages that depend on each other", () => {
  const user = packageWith(
    {
      dependencies: [{ name: "quickstart" }],
      classes: [{ name: "Mine", parents: ["quickstart.Counter"] }],
      functions: [],
      deployments: [{ name: "mine", class: "Mine" }],
    },
    "user",
  );

  it("wait for what is missing and then go on", async () => {
    world.server.userApply(OPACKAGE, user);
    await world.settled();
    const waiting = world.server.read(PACKAGES, key("user"));
    expect(conditionOf(waiting, "Ready")).toMatchObject({
      status: "False",
      reason: "WaitingForDependency",
    });
    expect(conditionOf(waiting, "Stalled")).toBeUndefined();
    world.server.userApply(OPACKAGE, packageWith({}));
    await world.settled();
    const classes = world.server.readAll(RUNTIMES).map((r) => r.spec.class);
    expect(classes.toSorted()).toEqual(["quickstart.Counter", "user.Mine"]);
  });

  it("one that is used keeps serving until it is let go", async () => {
    await ready();
    world.server.userApply(OPACKAGE, user);
    await world.settled();
    world.server.userDelete(OPACKAGE, key("quickstart"));
    await world.settled();
    const held = world.server.read(PACKAGES, key("quickstart"));
    expect(conditionOf(held, "Ready")?.message).toContain("packages depend on it: user");
    expect(world.server.readAll(RUNTIMES).map((r) => r.spec.class)).toContain("quickstart.Counter");
    world.server.userDelete(OPACKAGE, key("user"));
    await world.settled();
    expect(world.server.readAll(PACKAGES)).toEqual([]);
    expect(world.server.readAll(RUNTIMES)).toEqual([]);
  });
});

describe("environments", () => {
  const node = (name: string, ready: "True" | "False"): KubeObject =>
    ({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels: { site: "one" } },
      status: {
        conditions: [{ type: "Ready", status: ready }],
        allocatable: { cpu: "2", memory: "4Gi" },
      },
    }) as KubeObject;

  it("tell their nodes and follow them", async () => {
    const { server } = world;
    server.userApply(ENVIRONMENT, {
      apiVersion: "oaas.io/v1alpha1",
      kind: "Environment",
      metadata: { name: "one" },
      spec: { nodeSelector: { site: "one" }, tier: "Edge" },
    } as KubeObject);
    server.userApply(KINDS.Node, node("n1", "True"));
    server.userPatch(KINDS.Node, { namespace: "", name: "n1" }, node("n1", "True"), "status");
    await world.settled();
    const found = server.read(ENVIRONMENTS, { namespace: "", name: "one" });
    expect(found?.status).toMatchObject({
      nodes: 1,
      readyNodes: 1,
      allocatable: { cpu: "2", memory: "4Gi" },
      availability: "0.99",
      availabilitySource: "Assumed",
      operator: { version: "test" },
      defaultTemplate: "Edge",
    });
    expect(conditionOf(found, "Ready")?.status).toBe("True");
    server.userPatch(KINDS.Node, { namespace: "", name: "n1" }, node("n1", "False"), "status");
    await world.settled();
    const down = server.read(ENVIRONMENTS, { namespace: "", name: "one" });
    expect(conditionOf(down, "Ready")).toMatchObject({
      status: "False",
      message: "none of 1 nodes is ready",
    });
  });

  it("in another cluster are refused with the path", async () => {
    world.server.userApply(ENVIRONMENT, {
      apiVersion: "oaas.io/v1alpha1",
      kind: "Environment",
      metadata: { name: "far" },
      spec: { kubeconfigSecretRef: { name: "far" } },
    } as KubeObject);
    await world.settled();
    const found = world.server.read(ENVIRONMENTS, { namespace: "", name: "far" });
    expect(conditionOf(found, "Stalled")).toMatchObject({
      reason: "Unsupported",
      message: "spec.kubeconfigSecretRef: not served yet",
    });
  });
});
