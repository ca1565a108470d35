// Children that the garbage collector cannot reach, that live in another cluster, or that change
// hands; and who is asked to let go.

import { afterEach, describe, expect, it } from "@jest/globals";

import type { Child, PolicyChild, Rendered } from "../controller/types.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { KubeObject } from "../kinds/kind.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import type { RunningManager, WidgetWorld } from "../testing/widgets.ts";
import { inShop, WIDGET, widget, widgetWorld } from "../testing/widgets.ts";

let running: RunningManager | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

const FINALIZER = "example.io/children";

function map(namespace: string, name: string, text = "a"): KubeObject {
  const object = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace, name },
    data: { text },
  };
  return object;
}

function volume(name: string): KubeObject {
  const object = {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name },
    spec: { capacity: { storage: "1Gi" } },
  };
  return object;
}

function conditions(world: WidgetWorld, name = "w"): readonly string[] {
  const all = world.server.read(WIDGET, inShop(name))?.status?.conditions ?? [];
  return all.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
}

function finalizers(world: WidgetWorld, name = "w"): readonly string[] {
  return world.server.read(WIDGET, inShop(name))?.metadata.finalizers ?? [];
}

function maps(server: FakeApiServer): readonly string[] {
  return server
    .readAll(KINDS.ConfigMap)
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

const CHILDREN = [{ kind: KINDS.ConfigMap }, { kind: KINDS.PersistentVolume }];

describe("children that the garbage collector cannot reach", () => {
  const far = (): Rendered => [map("shop", "near"), map("depot", "far"), volume("w-disk")];

  it("are marked by a finalizer before they are made, and go before their parent", async () => {
    const world = widgetWorld();
    running = world.start({}, { children: CHILDREN, render: far });
    await world.clock.advance(1_000);
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(1_000);
    const writes = world.server.log.filter((one) => one.method === "PATCH").map((one) => one.path);
    expect(writes[0]).toMatch(/widgets\/w$/);
    expect(finalizers(world)).toEqual([FINALIZER]);
    expect(maps(world.server)).toEqual(["depot/far", "shop/near"]);
    expect(world.server.readAll(KINDS.PersistentVolume)).toHaveLength(1);
    world.server.userDelete(WIDGET, inShop("w"));
    await world.clock.advance(20_000);
    expect(world.server.readAll(WIDGET)).toEqual([]);
    expect(maps(world.server)).toEqual([]);
    expect(world.server.readAll(KINDS.PersistentVolume)).toEqual([]);
  });

  it("hold their parent while they are going", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start({}, { children: CHILDREN, render: far });
    await world.clock.advance(1_000);
    const key = { namespace: "depot", name: "far" };
    world.server.userPatch(KINDS.ConfigMap, key, { metadata: { finalizers: ["other.io/x"] } });
    world.server.userDelete(WIDGET, inShop("w"));
    await world.clock.advance(30_000);
    expect(conditions(world)).toEqual(["Ready=False Deleting", "Reconciling=True Deleting"]);
    world.server.userPatch(KINDS.ConfigMap, key, { metadata: { finalizers: null } });
    await world.clock.advance(30_000);
    expect(world.server.readAll(WIDGET)).toEqual([]);
  });

  it("are pruned when no longer rendered, and with the last one goes the finalizer", async () => {
    const world = widgetWorld();
    const isFar = (): boolean => world.server.read(WIDGET, inShop("w"))?.spec.text === "far";
    world.server.userApply(WIDGET, widget("w", { text: "far" }));
    running = world.start(
      {},
      { children: CHILDREN, render: () => (isFar() ? far() : [map("shop", "near")]) },
    );
    await world.clock.advance(1_000);
    expect(finalizers(world)).toEqual([FINALIZER]);
    world.server.userApply(WIDGET, widget("w", { text: "near" }));
    await world.clock.advance(5_000);
    expect(maps(world.server)).toEqual(["shop/near"]);
    expect(world.server.readAll(KINDS.PersistentVolume)).toEqual([]);
    expect(finalizers(world)).toEqual([]);
  });

  it("stay where that is asked for: kept, labelled only, or orphaned", async () => {
    const world = widgetWorld();
    const children: readonly Child[] = [
      { object: map("depot", "kept"), prune: "Keep" },
      { object: map("depot", "labelled"), ownership: "Label" },
      map("depot", "far"),
    ];
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    world.server.userApply(WIDGET, widget("v", { text: "a" }));
    const render = ({ widget: { metadata } }: { readonly widget: KubeObject }): Rendered =>
      metadata.name === "w" ? children : [map("depot", "orphan")];
    running = world.start({}, { children: CHILDREN, render });
    await world.clock.advance(1_000);
    world.server.userDelete(WIDGET, inShop("w"));
    world.server.userDelete(WIDGET, inShop("v"), "Orphan");
    await world.clock.advance(20_000);
    expect(world.server.readAll(WIDGET)).toEqual([]);
    expect(maps(world.server)).toEqual(["depot/kept", "depot/labelled", "depot/orphan"]);
  });

  it("are deleted, as far as they can be, before an escape annotation lets go", async () => {
    const world = widgetWorld();
    const finalizer = {
      name: "example.io/widget",
      timeoutMs: 300_000,
      escapeAnnotation: "example.io/abandon",
      finalize: () => ({ kind: "waiting", reason: "Draining", message: "3 left" }) as const,
    };
    const labelled = [{ object: map("shop", "labelled"), ownership: "Label" }] as const;
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start({}, { children: CHILDREN, render: () => labelled, finalizer });
    await world.clock.advance(1_000);
    world.server.userDelete(WIDGET, inShop("w"));
    await world.clock.advance(5_000);
    expect(maps(world.server)).toEqual(["shop/labelled"]);
    const annotations = { "example.io/abandon": "true" };
    world.server.userPatch(WIDGET, inShop("w"), { metadata: { annotations } });
    await world.clock.advance(1_000);
    expect(world.server.readAll(WIDGET)).toEqual([]);
    expect(maps(world.server)).toEqual([]);
    expect(world.server.readAll(KINDS.Event).map((one) => one.reason)).toContain("Abandoned");
  });
});

describe("children in another cluster", () => {
  const remote = (name: string, text = "a"): PolicyChild => ({
    object: map("edge", name, text),
    cluster: "edge",
  });
  const overrides = {
    children: [{ kind: KINDS.ConfigMap, clusters: "Any" as const }],
    render: ({
      widget: { metadata, spec },
    }: {
      readonly widget: ReturnType<typeof widget>;
    }): Rendered =>
      metadata.name === "near"
        ? [map("shop", "near")]
        : [
            map("shop", `${metadata.name}-here`, spec.text),
            remote(`${metadata.name}-there`, spec.text),
          ],
  };
  const open = () => {
    const world = widgetWorld();
    const edge = new FakeApiServer({ clock: world.clock });
    return { world, edge };
  };

  it("are applied, reverted, pruned and deleted there", async () => {
    const { world, edge } = open();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start({ clusters: { edge } }, overrides);
    await world.clock.advance(15_000);
    expect(maps(edge)).toEqual(["edge/w-there"]);
    const key = { namespace: "edge", name: "w-there" };
    const uid = world.server.read(WIDGET, inShop("w"))?.metadata.uid;
    expect(edge.read(KINDS.ConfigMap, key)?.metadata.ownerReferences).toBeUndefined();
    expect(edge.read(KINDS.ConfigMap, key)?.metadata.labels).toEqual({
      "example.io/owner-uid": uid,
    });
    edge.userPatch(KINDS.ConfigMap, key, { data: { text: "hacked" } });
    await world.clock.advance(1_000);
    expect(edge.read(KINDS.ConfigMap, key)?.data).toEqual({ text: "a" });
    expect(finalizers(world)).toEqual([FINALIZER]);
    world.server.userDelete(WIDGET, inShop("w"));
    await world.clock.advance(20_000);
    expect(maps(edge)).toEqual([]);
    expect(world.server.readAll(WIDGET)).toEqual([]);
  });

  it("that does not answer are a condition, prune nothing, and hold up nobody else", async () => {
    const { world, edge } = open();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start({ clusters: { edge } }, overrides);
    await world.clock.advance(15_000);
    edge.intercept = () => ({ kind: "lost-request" });
    edge.breakWatches();
    world.server.userApply(WIDGET, widget("w", { text: "b" }));
    for (let index = 0; index < 5; index++) {
      world.server.userApply(WIDGET, widget(`far-${index}`, { text: "a" }));
    }
    world.server.userApply(WIDGET, widget("near", { text: "a" }));
    await world.clock.advance(1_000);
    expect(maps(world.server)).toContain("shop/near");
    expect(world.server.read(KINDS.ConfigMap, inShop("w-here"))?.data).toEqual({ text: "b" });
    await world.clock.advance(60_000);
    expect(conditions(world)).toContain("Reconciling=True Unreachable");
    world.server.log.length = 0;
    await world.clock.advance(60_000);
    const writes = world.server.log.filter(
      (one) => one.method !== "GET" && !one.path.includes("events"),
    );
    expect(writes).toEqual([]);
    // The end waits for the cluster; it does not take what it cannot see for gone.
    world.server.userDelete(WIDGET, inShop("w"));
    await world.clock.advance(60_000);
    expect(conditions(world)).toEqual(["Ready=False Deleting", "Reconciling=True Unreachable"]);
    edge.intercept = () => undefined;
    await world.clock.advance(120_000);
    expect(world.server.read(WIDGET, inShop("w"))).toBeUndefined();
    expect(maps(edge)).toEqual([
      "edge/far-0-there",
      "edge/far-1-there",
      "edge/far-2-there",
      "edge/far-3-there",
      "edge/far-4-there",
    ]);
  });

  it("that nobody has added is a condition until it is there", async () => {
    const { world, edge } = open();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start({}, overrides);
    await world.clock.advance(1_000);
    expect(conditions(world)).toContain("Reconciling=True Unreachable");
    running.manager.clusters.add("edge", edge);
    await world.clock.advance(30_000);
    expect(maps(edge)).toEqual(["edge/w-there"]);
    expect(conditions(world)).not.toContain("Reconciling=True Unreachable");
  });
});

describe("a child that changes hands", () => {
  it("moves from one parent to another without being made anew", async () => {
    const world = widgetWorld();
    let owner = "a";
    const render = ({ widget: { metadata } }: { readonly widget: KubeObject }): Rendered => {
      if (metadata.name === owner) return [map("shop", "treasure")];
      const handOver = { kind: "Widget", namespace: "shop", name: owner };
      return metadata.name === "a" ? [{ object: map("shop", "treasure"), handOver }] : [];
    };
    world.server.userApply(WIDGET, widget("a", { text: "a" }));
    running = world.start({}, { render });
    await world.clock.advance(1_000);
    const key = inShop("treasure");
    const before = world.server.read(KINDS.ConfigMap, key)?.metadata;
    owner = "b";
    world.server.userApply(WIDGET, widget("b", { text: "b" }));
    world.server.userApply(WIDGET, widget("a", { text: "c" }));
    await world.clock.advance(60_000);
    const after = world.server.read(KINDS.ConfigMap, key)?.metadata;
    const uid = world.server.read(WIDGET, inShop("b"))?.metadata.uid;
    expect(after?.uid).toBe(before?.uid);
    expect(after?.ownerReferences?.map((one) => one.uid)).toEqual([uid]);
    expect(after?.labels).toEqual({ "example.io/owner-uid": uid });
    expect(conditions(world, "a").join()).not.toContain("NameConflict");
    expect(conditions(world, "b").join()).not.toContain("NameConflict");
    // The old owner goes, and has no more to do with it.
    world.server.userDelete(WIDGET, inShop("a"));
    await world.clock.advance(20_000);
    expect(world.server.read(KINDS.ConfigMap, key)?.metadata.uid).toBe(before?.uid);
  });

  it("is adopted from a foreign manager where the controller asks for it", async () => {
    const world = widgetWorld();
    world.server.userApply(KINDS.ConfigMap, map("shop", "w-map", "theirs"));
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    const render = (): Rendered => [{ object: map("shop", "w-map"), adopt: true }];
    running = world.start({}, { render });
    await world.clock.advance(15_000);
    const found = world.server.read(KINDS.ConfigMap, inShop("w-map"));
    expect(found?.data).toEqual({ text: "a" });
    expect(found?.metadata.ownerReferences).toHaveLength(1);
  });
});

describe("a controller whose children are of its own kind", () => {
  it("has them reconciled as well", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "ab" }));
    running = world.start(
      {},
      {
        children: [{ kind: WIDGET }],
        observe: (key, reader) => {
          const found = reader.get(WIDGET, key);
          return found === undefined ? undefined : { widget: found, texts: [] };
        },
        render: ({ widget: { metadata, spec } }) =>
          spec.text === "" ? [] : [widget(`${metadata.name}-x`, { text: spec.text.slice(1) })],
      },
    );
    await world.clock.advance(5_000);
    expect(world.server.readAll(WIDGET).map((one) => one.metadata.name)).toEqual([
      "w",
      "w-x",
      "w-x-x",
    ]);
  });
});
