import { afterEach, describe, expect, it } from "@jest/globals";

import { computeKstatus } from "../conditions/kstatus.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { KindId } from "#api/meta/index.ts";
import type { RunningManager, WidgetWorld } from "../testing/widgets.ts";
import { inShop, WIDGET, widget, widgetWorld } from "../testing/widgets.ts";

let running: RunningManager | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

function writes(world: WidgetWorld): readonly string[] {
  return world.server.log
    .filter((one) => one.method !== "GET" && !one.path.includes("/events"))
    .map((one) => `${one.method} ${one.path} ${one.status}`);
}

function reads(world: WidgetWorld): readonly string[] {
  return world.server.log
    .filter((one) => one.method === "GET" && !one.watch)
    .map((one) => one.path);
}

function ready(world: WidgetWorld, name: string): unknown {
  const conditions = world.server.read(WIDGET, inShop(name))?.status?.conditions ?? [];
  return conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
}

const map = (name: string) => inShop(`${name}-map`);

describe("a controller on an API server", () => {
  it("brings an object to Ready with one request per child and one for status", async () => {
    const world = widgetWorld();
    running = world.start();
    await world.clock.advance(1_000);
    world.server.userApply(WIDGET, widget("w", { text: "a", service: true }));
    await world.clock.advance(1_000);
    expect(writes(world)).toEqual([
      "PATCH /api/v1/namespaces/shop/configmaps/w-map 201",
      "PATCH /api/v1/namespaces/shop/services/w-svc 201",
      "PATCH /apis/example.io/v1/namespaces/shop/widgets/w/status 200",
    ]);
    expect(reads(world)).toEqual([]);
    expect(ready(world, "w")).toEqual(["Ready=True Available"]);
    expect(world.server.read(WIDGET, inShop("w"))?.status?.text).toBe("a");
    expect(world.port.calls).toContain("announce a");
  });

  it("owns its children by reference, label and annotation", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    const child = world.server.read(KINDS.ConfigMap, map("w"));
    const uid = world.server.read(WIDGET, inShop("w"))?.metadata.uid;
    expect(child?.metadata.ownerReferences).toEqual([
      {
        apiVersion: "example.io/v1",
        kind: "Widget",
        name: "w",
        uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    expect(child?.metadata.labels?.["example.io/owner-uid"]).toBe(uid);
    expect(child?.metadata.annotations?.["example.io/owner"]).toBe("Widget/shop/w");
  });

  it("writes and reads nothing at rest, for hours", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a", service: true }));
    running = world.start();
    await world.clock.advance(5_000);
    world.server.log.length = 0;
    await world.clock.advance(4 * 3_600_000);
    expect(world.server.log.filter((one) => !one.watch)).toEqual([]);
    expect(running.manager.isQuiet).toBe(true);
  });

  it("writes nothing after a restart", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a", service: true, kept: true }));
    running = world.start();
    await world.clock.advance(5_000);
    await running.stop();
    world.server.log.length = 0;
    running = world.start();
    await world.clock.advance(5_000);
    expect(writes(world)).toEqual([]);
  });

  it("reverts a foreign change of its own field and leaves a foreign label", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.userPatch(KINDS.ConfigMap, map("w"), {
      metadata: { labels: { mine: "yes" } },
      data: { text: "hacked", extra: "x" },
    });
    await world.clock.advance(1_000);
    const child = world.server.read(KINDS.ConfigMap, map("w"));
    expect(child?.data).toEqual({ text: "a", extra: "x" });
    expect(child?.metadata.labels?.["mine"]).toBe("yes");
    const text = await running.manager.registry.getSingleMetricAsString("drift_reverted_total");
    expect(text).toContain('drift_reverted_total{controller="widget",kind="ConfigMap"} 1');
    const events = world.server.readAll(KINDS.Event).map((event) => event.reason);
    expect(events).toContain("Reverted");
  });

  it("warns when what was well is not any more, and only then", async () => {
    const world = widgetWorld();
    let well = false;
    const computeStatus = () => ({
      fields: {},
      conditions: [
        { type: "Ready", status: well, reason: well ? "Available" : "Waiting" },
        { type: "Reconciling", status: !well, reason: "Waiting" },
      ].map((one) => ({ ...one, status: one.status ? "True" : "False", message: "" }) as const),
    });
    running = world.start({}, { computeStatus });
    for (const [text, now] of [
      ["a", false],
      ["b", true],
      ["c", false],
    ] as const) {
      well = now;
      world.server.userApply(WIDGET, widget("w", { text }));
      await world.clock.advance(5_000);
    }
    const told = world.server.readAll(KINDS.Event).map(({ type, reason }) => `${type} ${reason}`);
    expect(told.sort()).toEqual(["Normal Available", "Normal Waiting", "Warning Waiting"]);
  });

  it("removes a field that is no longer rendered, also after a restart", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    const render = (extra: boolean) => () => [
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { namespace: "shop", name: "w-map" },
        data: { text: "a", ...(extra ? { extra: "x" } : {}) },
      },
    ];
    running = world.start({}, { render: render(true) });
    await world.clock.advance(1_000);
    expect(world.server.read(KINDS.ConfigMap, map("w"))?.data).toEqual({ text: "a", extra: "x" });
    await running.stop();
    running = world.start({}, { render: render(false) });
    await world.clock.advance(1_000);
    expect(world.server.read(KINDS.ConfigMap, map("w"))?.data).toEqual({ text: "a" });
  });

  it("makes a deleted child anew", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.userDelete(KINDS.ConfigMap, map("w"));
    await world.clock.advance(1_000);
    expect(world.server.read(KINDS.ConfigMap, map("w"))?.data).toEqual({ text: "a" });
  });

  it("prunes what is no longer rendered and keeps what must be kept", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a", service: true, kept: true }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(1_000);
    expect(world.server.read(KINDS.Service, inShop("w-svc"))).toBeUndefined();
    expect(world.server.read(KINDS.ConfigMap, inShop("w-kept"))).toBeDefined();
  });

  it("does not prune what only inherited the label", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    const uid = world.server.read(WIDGET, inShop("w"))?.metadata.uid ?? "";
    world.server.userApply(KINDS.ConfigMap, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: "shop", name: "other", labels: { "example.io/owner-uid": uid } },
    });
    running = world.start();
    await world.clock.advance(1_000);
    expect(world.server.read(KINDS.ConfigMap, inShop("other"))).toBeDefined();
  });

  it.each(["Background", "Foreground"] as const)(
    "lets everything go with the object (%s) and makes nothing anew",
    async (policy) => {
      const world = widgetWorld();
      world.server.userApply(WIDGET, widget("w", { text: "a", service: true, kept: true }));
      running = world.start();
      await world.clock.advance(1_000);
      world.server.userDelete(WIDGET, inShop("w"), policy);
      await world.clock.advance(60_000);
      expect(world.server.readAll(WIDGET)).toEqual([]);
      expect(world.server.readAll(KINDS.Service)).toEqual([]);
      const left = world.server.readAll(KINDS.ConfigMap).map((one) => one.metadata.name);
      expect(left).toEqual(["w-kept"]);
      // A later object of this name finds what was kept.
      world.server.userApply(WIDGET, widget("w", { text: "b", kept: true }));
      await world.clock.advance(60_000);
      expect(ready(world, "w")).toEqual(["Ready=True Available"]);
      const uid = world.server.read(WIDGET, inShop("w"))?.metadata.uid;
      const kept = world.server.read(KINDS.ConfigMap, inShop("w-kept"));
      expect(kept?.metadata.labels?.["example.io/owner-uid"]).toBe(uid);
    },
  );

  it("never touches an object of the same name that is not its own", async () => {
    const world = widgetWorld();
    const foreign = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: "shop", name: "w-map" },
      data: { theirs: "1" },
    };
    world.server.userApply(KINDS.ConfigMap, foreign);
    const before = world.server.read(KINDS.ConfigMap, map("w"));
    world.server.userApply(WIDGET, widget("w", { text: "a", service: true }));
    running = world.start();
    await world.clock.advance(5_000);
    expect(world.server.read(KINDS.ConfigMap, map("w"))).toEqual(before);
    expect(ready(world, "w")).toEqual(["Ready=False NameConflict", "Stalled=True NameConflict"]);
    // It goes away, which no watch of ours can see.
    world.server.userDelete(KINDS.ConfigMap, map("w"));
    await world.clock.advance(60_000);
    expect(ready(world, "w")).toEqual(["Ready=True Available"]);
  });

  it("takes its own child back when somebody has removed its label", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.userPatch(KINDS.ConfigMap, map("w"), {
      metadata: { labels: { "example.io/owner-uid": null } },
    });
    await world.clock.advance(5_000);
    const uid = world.server.read(WIDGET, inShop("w"))?.metadata.uid;
    const child = world.server.read(KINDS.ConfigMap, map("w"));
    expect(child?.metadata.labels?.["example.io/owner-uid"]).toBe(uid);
    expect(ready(world, "w")).toEqual(["Ready=True Available"]);
  });
});

describe("refusals", () => {
  it.each([
    { name: "invalid", spec: { text: "a", invalid: true }, want: "Invalid", path: "spec.invalid" },
    {
      name: "unserved",
      spec: { text: "a", unserved: "x" },
      want: "Unsupported",
      path: "spec.unserved",
    },
  ])("$name input stalls, touches nothing and heals", async ({ spec, want, path }) => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "old", service: true }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.log.length = 0;
    world.server.userApply(WIDGET, widget("w", spec));
    await world.clock.advance(60_000);
    expect(writes(world)).toEqual([
      "PATCH /apis/example.io/v1/namespaces/shop/widgets/w/status 200",
    ]);
    expect(world.server.read(KINDS.ConfigMap, map("w"))?.data).toEqual({ text: "old" });
    const now = world.server.read(WIDGET, inShop("w"));
    expect(now?.status?.conditions?.map((one) => [one.type, one.status, one.reason])).toEqual([
      ["Ready", "False", want],
      ["Stalled", "True", want],
    ]);
    expect(now?.status?.conditions?.[0]?.message).toContain(`${path}: `);
    expect(computeKstatus(now ?? {})).toBe("Failed");
    world.server.userApply(WIDGET, widget("w", { text: "new" }));
    await world.clock.advance(1_000);
    expect(ready(world, "w")).toEqual(["Ready=True Available"]);
  });

  it("a child that the server refuses stalls the parent with the server's words", async () => {
    const world = widgetWorld();
    world.server.intercept = (request) =>
      request.method === "PATCH" && request.path.includes("/configmaps/")
        ? { kind: "answer", status: 422, body: { message: "data.text: too long" } }
        : undefined;
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    expect(ready(world, "w")).toEqual(["Ready=False ChildRefused", "Stalled=True ChildRefused"]);
    const conditions = world.server.read(WIDGET, inShop("w"))?.status?.conditions;
    expect(conditions?.[0]?.message).toContain("ConfigMap shop/w-map");
    expect(conditions?.[0]?.message).toContain("too long");
    world.server.intercept = () => undefined;
    await world.clock.advance(60_000);
    expect(ready(world, "w")).toEqual(["Ready=True Available"]);
  });

  it("dry-runs children of own kinds and writes none if one is refused", async () => {
    const world = widgetWorld();
    world.server.intercept = (request) =>
      request.query?.["dryRun"] === "All" && request.path.includes("/services/")
        ? { kind: "answer", status: 422 }
        : undefined;
    world.server.userApply(WIDGET, widget("w", { text: "a", service: true }));
    running = world.start(
      {},
      { children: [{ kind: KINDS.ConfigMap }, { kind: KINDS.Service, dryRun: true }] },
    );
    await world.clock.advance(1_000);
    expect(world.server.readAll(KINDS.ConfigMap)).toEqual([]);
    expect(ready(world, "w")).toEqual(["Ready=False ChildRefused", "Stalled=True ChildRefused"]);
  });
});

describe("faults", () => {
  it("prunes nothing while a child cannot be applied", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a", service: true }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.intercept = (request) =>
      request.method === "PATCH" && request.path.includes("/configmaps/")
        ? { kind: "answer", status: 500 }
        : undefined;
    world.server.userApply(WIDGET, widget("w", { text: "b" }));
    await world.clock.advance(10_000);
    expect(world.server.read(KINDS.Service, inShop("w-svc"))).toBeDefined();
    expect(ready(world, "w")).toContain("Reconciling=True ApplyFailed");
    world.server.intercept = () => undefined;
    await world.clock.advance(60_000);
    expect(world.server.read(KINDS.Service, inShop("w-svc"))).toBeUndefined();
    expect(ready(world, "w")).toEqual(["Ready=True Available"]);
  });

  it("goes on after an answer was lost", async () => {
    const world = widgetWorld();
    let lost = 0;
    world.server.intercept = (request) =>
      request.method === "PATCH" && request.path.includes("/configmaps/") && lost++ === 0
        ? { kind: "lost-answer" }
        : undefined;
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(10_000);
    expect(ready(world, "w")).toEqual(["Ready=True Available"]);
  });

  it("acts on its own write although the watch is late", async () => {
    const world = widgetWorld();
    running = world.start();
    await world.clock.advance(1_000);
    world.server.holdWatches(KINDS.ConfigMap);
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(1_000);
    world.server.log.length = 0;
    world.server.userApply(WIDGET, widget("w", { text: "b" }));
    await world.clock.advance(1_000);
    expect(writes(world)).toEqual([
      "PATCH /api/v1/namespaces/shop/configmaps/w-map 200",
      "PATCH /apis/example.io/v1/namespaces/shop/widgets/w/status 200",
    ]);
    expect(ready(world, "w")).toEqual(["Ready=True Available"]);
    world.server.releaseWatches();
    await world.clock.advance(1_000);
    expect(world.server.read(KINDS.ConfigMap, map("w"))?.data).toEqual({ text: "b" });
  });

  it("calls outside Kubernetes are made again until they succeed", async () => {
    const world = widgetWorld();
    world.port.fail = true;
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    expect(ready(world, "w")).toEqual(["Ready=False Progressing", "Reconciling=True Unreachable"]);
    world.port.fail = false;
    await world.clock.advance(60_000);
    expect(world.port.calls).toContain("announce a");
    expect(ready(world, "w")).toEqual(["Ready=True Available"]);
  });

  it("misses no deletion while every watch is broken and the history is gone", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.intercept = () => ({ kind: "lost-request" });
    world.server.breakWatches();
    world.server.userDelete(KINDS.ConfigMap, map("w"));
    await world.clock.advance(1_000);
    world.server.compact();
    world.server.intercept = () => undefined;
    await world.clock.advance(60_000);
    expect(world.server.read(KINDS.ConfigMap, map("w"))?.data).toEqual({ text: "a" });
  });

  it("does not spin when somebody else keeps undoing what it does", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.storage.subscribe((entry) => {
      const data = (entry.stored.object as { readonly data?: { readonly text?: string } }).data;
      if (entry.kind.plural !== "configmaps" || data?.text !== "a") return;
      queueMicrotask(() => {
        world.server.userPatch(KINDS.ConfigMap, map("w"), { data: { text: "theirs" } });
      });
    });
    world.server.userPatch(KINDS.ConfigMap, map("w"), { data: { text: "theirs" } });
    await world.clock.advance(20_000);
    world.server.log.length = 0;
    await world.clock.advance(20_000);
    const applies = writes(world).filter((one) => one.includes("configmaps"));
    expect(applies.length).toBeGreaterThan(5);
    expect(applies.length).toBeLessThan(25);
    world.server.userApply(WIDGET, widget("w", { text: "b" }));
    await world.clock.advance(1_000);
    expect(world.server.read(KINDS.ConfigMap, map("w"))?.data).toEqual({ text: "b" });
  });

  it("asks a broken server a bounded number of times", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.breakWatches();
    let requests = 0;
    world.server.intercept = () => {
      requests++;
      return { kind: "answer", status: 500 };
    };
    await world.clock.advance(600_000);
    requests = 0;
    await world.clock.advance(60_000);
    expect(requests).toBeLessThan(30);
  });
});

describe("children of which only metadata is cached", () => {
  const overrides = {
    children: [{ kind: KINDS.ConfigMap, metadataOnly: true }, { kind: KINDS.Service }],
  };

  it("are applied once, reverted when touched, and left alone after a restart", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start({}, overrides);
    await world.clock.advance(1_000);
    world.server.userPatch(KINDS.ConfigMap, map("w"), { data: { text: "hacked" } });
    await world.clock.advance(1_000);
    expect(world.server.read(KINDS.ConfigMap, map("w"))?.data).toEqual({ text: "a" });
    await running.stop();
    world.server.log.length = 0;
    running = world.start({}, overrides);
    await world.clock.advance(1_000);
    expect(writes(world).filter((one) => one.includes("configmaps"))).toEqual([]);
    world.server.userApply(WIDGET, widget("w", { text: "b" }));
    await world.clock.advance(1_000);
    expect(world.server.read(KINDS.ConfigMap, map("w"))?.data).toEqual({ text: "b" });
  });
});

describe("objects that change under a pass", () => {
  it("are not made anew while they go", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, {
      ...widget("w", { text: "a" }),
      metadata: { namespace: "shop", name: "w", finalizers: ["other.io/x"] },
    });
    running = world.start();
    await world.clock.advance(1_000);
    world.server.userDelete(WIDGET, inShop("w"));
    world.server.userDelete(KINDS.ConfigMap, map("w"));
    await world.clock.advance(60_000);
    expect(world.server.readAll(KINDS.ConfigMap)).toEqual([]);
  });

  it("a status never lands on a successor of the same name", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.holdWatches(WIDGET);
    world.server.userDelete(WIDGET, inShop("w"), "Orphan");
    world.server.userApply(WIDGET, widget("w", { text: "b" }));
    // A child's event makes the operator look at what it still takes for the old object.
    world.server.userPatch(KINDS.ConfigMap, map("w"), { data: { text: "x" } });
    await world.clock.advance(2_000);
    expect(world.server.read(WIDGET, inShop("w"))?.status).toBeUndefined();
    world.server.releaseWatches();
    await world.clock.advance(60_000);
    expect(ready(world, "w")).toEqual(["Ready=True Available"]);
    expect(world.server.read(KINDS.ConfigMap, map("w"))?.data).toEqual({ text: "b" });
  });

  it("their own status, children and finalizer do not wake them", async () => {
    const world = widgetWorld();
    running = world.start();
    await world.clock.advance(1_000);
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(5_000);
    const text = await running.manager.registry.getSingleMetricAsString(
      "controller_runtime_reconcile_total",
    );
    expect(text).toContain(
      'controller_runtime_reconcile_total{controller="widget",result="success"} 1',
    );
  });

  it("a status wiped by somebody is written again", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.userPatch(WIDGET, inShop("w"), { status: null }, "status");
    await world.clock.advance(1_000);
    expect(ready(world, "w")).toEqual(["Ready=True Available"]);
  });

  it("a failing observation is told by an Event and tried again", async () => {
    const world = widgetWorld();
    let failures = 3;
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start(
      {},
      {
        requeueAfterMs: () => {
          if (failures-- > 0) throw new Error("cannot tell");
          return undefined;
        },
      },
    );
    await world.clock.advance(5_000);
    expect(ready(world, "w")).toEqual(["Ready=True Available"]);
    expect(world.server.readAll(KINDS.Event).map((one) => one.reason)).toContain("ReconcileFailed");
  });
});

describe("finalizers", () => {
  const finalizer = (verdict: { done: boolean }) => ({
    name: "example.io/widget",
    timeoutMs: 300_000,
    escapeAnnotation: "example.io/abandon",
    finalize: () =>
      verdict.done
        ? ({ kind: "done", children: [] } as const)
        : ({ kind: "waiting", reason: "Draining", message: "3 left" } as const),
  });
  const plural = (kind: KindId, world: WidgetWorld) => world.server.storage.list(kind).length;

  it("is added once, holds the object, and goes last", async () => {
    const world = widgetWorld();
    const verdict = { done: false };
    world.server.userApply(WIDGET, widget("w", { text: "a", service: true }));
    running = world.start({}, { finalizer: finalizer(verdict) });
    await world.clock.advance(1_000);
    expect(writes(world)).toHaveLength(4);
    world.server.userDelete(WIDGET, inShop("w"));
    await world.clock.advance(20_000);
    expect(ready(world, "w")).toEqual(["Ready=False Deleting", "Reconciling=True Draining"]);
    expect(plural(KINDS.Service, world)).toBe(1);
    verdict.done = true;
    await world.clock.advance(20_000);
    expect(plural(WIDGET, world)).toBe(0);
    expect(plural(KINDS.Service, world)).toBe(0);
    const order = writes(world).filter(
      (one) => one.startsWith("DELETE") || one.includes("widgets/w "),
    );
    expect(order.at(-1)).toMatch(/^PATCH .*widgets\/w 200$/);
  });

  it("waits for children that are still going", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a", service: true }));
    running = world.start({}, { finalizer: finalizer({ done: true }) });
    await world.clock.advance(1_000);
    const held = { metadata: { finalizers: ["cloud.io/load-balancer"] } };
    world.server.userPatch(KINDS.Service, inShop("w-svc"), held);
    world.server.userDelete(WIDGET, inShop("w"));
    await world.clock.advance(30_000);
    expect(plural(WIDGET, world)).toBe(1);
    world.server.userPatch(KINDS.Service, inShop("w-svc"), { metadata: { finalizers: null } });
    await world.clock.advance(30_000);
    expect(plural(WIDGET, world)).toBe(0);
  });

  it("is overdue after its time, names the annotation, and obeys it", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start({}, { finalizer: finalizer({ done: false }) });
    await world.clock.advance(1_000);
    world.server.userDelete(WIDGET, inShop("w"));
    await world.clock.advance(310_000);
    expect(ready(world, "w")).toEqual(["Ready=False Deleting", "Stalled=True CleanupTimedOut"]);
    const message = world.server.read(WIDGET, inShop("w"))?.status?.conditions?.[0]?.message;
    expect(message).toContain('example.io/abandon: "true"');
    world.server.userPatch(WIDGET, inShop("w"), {
      metadata: { annotations: { "example.io/abandon": "true" } },
    });
    await world.clock.advance(1_000);
    expect(plural(WIDGET, world)).toBe(0);
  });

  it("leaves the finalizers of others alone", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, {
      ...widget("w", { text: "a" }),
      metadata: { namespace: "shop", name: "w", finalizers: ["other.io/x"] },
    });
    running = world.start({}, { finalizer: finalizer({ done: true }) });
    await world.clock.advance(1_000);
    expect(world.server.read(WIDGET, inShop("w"))?.metadata.finalizers).toEqual([
      "other.io/x",
      "example.io/widget",
    ]);
    world.server.userDelete(WIDGET, inShop("w"));
    await world.clock.advance(30_000);
    expect(world.server.read(WIDGET, inShop("w"))?.metadata.finalizers).toEqual(["other.io/x"]);
  });
});
