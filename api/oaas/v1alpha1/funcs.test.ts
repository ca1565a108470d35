import { describe, expect, it } from "@jest/globals";

import {
  effectiveBinding,
  effectiveClass,
  effectiveClassRuntime,
  effectiveCollection,
  effectiveEnforcement,
  effectiveEnvironment,
  effectiveMembers,
  effectiveOdgmCollection,
  effectiveRoute,
  effectiveTelemetry,
  parseClassRef,
  parseFunctionRef,
  wireClassId,
} from "./index.ts";

describe("references", () => {
  it.each([
    { ref: "Cart", want: { package: "shop", name: "Cart" } },
    { ref: "base.Cart", want: { package: "base", name: "Cart" } },
    { ref: "a.b.Cart", want: { package: "a.b", name: "Cart" } },
  ])("class $ref", ({ ref, want }) => {
    expect(parseClassRef(ref, "shop")).toEqual(want);
    expect(parseClassRef(wireClassId(want), "other")).toEqual(want);
  });

  it.each([
    { ref: "echo", want: { package: "shop", name: "echo" } },
    { ref: "Record.echo", want: { package: "shop", name: "Record.echo" } },
    { ref: "base/Record.echo", want: { package: "base", name: "Record.echo" } },
  ])("function $ref", ({ ref, want }) => {
    expect(parseFunctionRef(ref, "shop")).toEqual(want);
  });
});

describe("environments", () => {
  it("without a spec is this whole cluster", () => {
    expect(effectiveEnvironment({})).toEqual({
      tier: "Cloud",
      defaultTemplate: "Cloud",
      nodeSelector: {},
      cordoned: false,
      kubeconfigKey: undefined,
    });
  });

  it("takes its template from its tier, unless it says one", () => {
    expect(effectiveEnvironment({ tier: "Edge" }).defaultTemplate).toBe("Edge");
    expect(effectiveEnvironment({ tier: "Edge", defaultTemplate: "Dev" }).defaultTemplate).toBe(
      "Dev",
    );
  });
});

describe("classes", () => {
  it("keep data and hash ids where nothing is said", () => {
    expect(effectiveClass({})).toMatchObject({
      stateType: "Normal",
      consistency: "None",
      persistent: true,
      partitioning: "Hashed",
      storage: { provider: "Volume", size: "1Gi" },
      events: { enabled: true, maxDepth: 10, timeoutMs: 30_000, maxConcurrent: 100 },
    });
  });

  it("a binding takes what it does not say from its function", () => {
    const fn = { name: "f", immutable: true, outputClass: "Out" };
    expect(effectiveBinding({ name: "f" }, fn)).toMatchObject({
      function: "f",
      access: "Public",
      immutable: true,
      outputClass: "Out",
      concurrency: "Shared",
    });
    expect(effectiveBinding({ name: "f", immutable: false }, fn).immutable).toBe(false);
  });
});

describe("deployments", () => {
  it("number the environments that they only name", () => {
    const members = effectiveMembers({ name: "d", class: "A", environments: ["north", "south"] });
    expect(members.map(({ id, environment }) => [id, environment])).toEqual([
      [1, "north"],
      [2, "south"],
    ]);
  });

  it("-1 shards are no limit, 0 is one", () => {
    const limitOf = (maxShards: number): number | undefined =>
      effectiveMembers({
        name: "d",
        class: "A",
        members: [{ id: 7, environment: "n", maxShards }],
      })[0]?.maxShards;
    expect(limitOf(-1)).toBeUndefined();
    expect(limitOf(0)).toBe(0);
  });

  it("have no members where planning decides", () => {
    expect(effectiveMembers({ name: "d", class: "A" })).toEqual([]);
  });
});

describe("runtimes and collections", () => {
  it("a collection has as many nodes as replicas, unless it says a number; 0 is one", () => {
    expect(effectiveCollection({ replicas: 3, shardType: "Raft" }).nodes).toBe(3);
    expect(effectiveCollection({ replicas: 3, shardType: "Raft", nodes: 0 }).nodes).toBe(0);
  });

  it("a runtime takes partitioning and storage from the class, unless its collection says them", () => {
    const resolvedClass = { partitioning: "Explicit", storage: { size: "3Gi" } } as const;
    const base = { class: "p.A", resolvedClass };
    expect(effectiveClassRuntime(base).collection).toMatchObject({
      partitioning: "Explicit",
      storage: { size: "3Gi" },
    });
    const own = effectiveClassRuntime({ ...base, collection: { partitioning: "Hashed" } });
    expect(own.collection?.partitioning).toBe("Hashed");
  });

  it("an empty list of addons is a class without data; none said is a data grid", () => {
    expect(effectiveClassRuntime({ class: "p.A", addons: [] }).collection).toBeUndefined();
    expect(effectiveClassRuntime({ class: "p.A" }).collection).toBeDefined();
  });

  it("data is kept and durable where nothing is said", () => {
    expect(effectiveOdgmCollection({ collection: "c" })).toMatchObject({
      deletionPolicy: "Retain",
      persistent: true,
    });
  });

  it("a route speaks gRPC and has half a minute", () => {
    expect(effectiveRoute({ name: "f", url: "http://f" })).toMatchObject({
      protocol: "Grpc",
      timeoutMs: 30_000,
      disabled: false,
    });
  });
});

describe("enforcement and telemetry", () => {
  it("observes, slowly", () => {
    expect(effectiveEnforcement(undefined)).toEqual({
      mode: "Observe",
      dimensions: ["FunctionReplicas"],
      stabilitySeconds: 180,
      cooldownSeconds: 120,
      maxDeltaPercent: 30,
    });
  });

  it("is on if the operator says so, unless the object says otherwise", () => {
    expect(effectiveTelemetry(undefined, true).enabled).toBe(true);
    expect(effectiveTelemetry({ enabled: false }, true).enabled).toBe(false);
  });
});
