// A controller that never comes to rest must not take the cluster with it: what it writes is
// bounded, the log says where it differs from pass to pass, and a metric counts.

import { afterEach, describe, expect, it } from "@jest/globals";

import { KINDS } from "../kinds/builtin.ts";
import { child } from "./types.ts";
import { Manager } from "../lifecycle/operator-process.ts";
import type { RunningManager, WidgetWorld } from "../testing/widgets.ts";
import { inShop, WIDGET, widget, widgetController, widgetWorld } from "../testing/widgets.ts";

let running: RunningManager | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

const READY = [{ type: "Ready", status: "True", reason: "Available", message: "" }] as const;
const MINUTE_MS = 60_000;

function patches(world: WidgetWorld, part: string): number {
  return world.server.log.filter((one) => one.method === "PATCH" && one.path.includes(part)).length;
}

async function metric(manager: RunningManager["manager"], name: string): Promise<string> {
  return manager.registry.getSingleMetricAsString(name);
}

/** The watch tells of a write before its answer is there, as a real one sometimes does. */
function watchFirst(world: WidgetWorld): void {
  const { server } = world;
  const request = server.request.bind(server);
  server.request = async (call) => {
    const answer = await request(call);
    if (call.method === "PATCH") await new Promise((resolve) => setImmediate(resolve));
    return answer;
  };
}

describe("a controller without rest", () => {
  it("whose status differs on every pass writes a bounded number of times and is named", async () => {
    const world = widgetWorld();
    watchFirst(world);
    let count = 0;
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start(
      {},
      {
        computeStatus: () => ({ fields: { text: String(count++) }, conditions: READY }),
        requeueAfterMs: () => 0,
      },
    );
    await world.clock.advance(4 * MINUTE_MS);
    const writes = patches(world, "/status");
    expect(writes).toBeGreaterThan(30);
    expect(writes).toBeLessThan(60);
    expect(count).toBeLessThan(700);
    const warning = world.logger.lines.find((one) => one.message.includes("does not come to rest"));
    expect(warning).toMatchObject({ fields: { object: "shop/w", paths: ["status.text"] } });
    const text = await metric(running.manager, "reconcile_restless_total");
    expect(text).toMatch(/reconcile_restless_total\{controller="widget",what="status"\} [1-9]/);
    // What a user edits is served at once all the same.
    world.server.userApply(WIDGET, widget("w", { text: "b" }));
    await world.clock.advance(100);
    expect(world.server.read(KINDS.ConfigMap, inShop("w-map"))?.data).toEqual({ text: "b" });
    expect(world.server.read(WIDGET, inShop("w"))?.status?.observedGeneration).toBe(2);
  });

  it("whose render is not repeatable writes its children a bounded number of times", async () => {
    const world = widgetWorld();
    watchFirst(world);
    let count = 0;
    const render = () => [
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { namespace: "shop", name: "w-map" },
        data: { text: "a", count: String(count++) },
      },
    ];
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start({}, { render });
    await world.clock.advance(10 * MINUTE_MS);
    const writes = patches(world, "/configmaps/");
    expect(writes).toBeGreaterThan(30);
    expect(writes).toBeLessThan(150);
    const warning = world.logger.lines.find((one) => one.message.includes("does not come to rest"));
    expect(warning).toMatchObject({ fields: { paths: ["ConfigMap w-map data.count"] } });
  });

  it("whose calls are undone as fast as they are seen makes a bounded number of them", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    // What a call makes is undone at once, which wakes the object: as a child made for a parent
    // that has gone, of which a late watch has not told yet.
    const undo = (): void => {
      const patch = { metadata: { labels: { undone: String(world.port.calls.length) } } };
      world.server.userPatch(KINDS.ConfigMap, inShop("w-map"), patch);
    };
    running = world.start(
      {},
      {
        async act(calls, port) {
          port.calls.push(...calls);
          await Promise.resolve();
          queueMicrotask(undo);
        },
      },
    );
    await world.clock.advance(10 * MINUTE_MS);
    expect(world.port.calls.length).toBeGreaterThan(30);
    expect(world.port.calls.length).toBeLessThan(1_500);
  });

  it("whose object a backup has undone unseen soon sees that it is gone", async () => {
    const world = widgetWorld();
    const { server } = world;
    running = world.start();
    await world.clock.advance(1_000);
    const backup = server.storage.backup();
    server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(MINUTE_MS);
    const { metadata } = server.read(KINDS.ConfigMap, inShop("w-map")) ?? {};
    const { labels = {}, ownerReferences = [] } = metadata ?? {};
    expect(ownerReferences).toHaveLength(1);
    server.restore(backup, { rewinds: true });
    // The versions that were seen are reached again before anybody asks, by others and for others.
    for (let at = 0; at < 100; at += 1)
      server.userApply(WIDGET, widget("other", { text: `${at}` }));
    await world.clock.advance(MINUTE_MS);
    // Something wakes it: a child that the garbage collector takes.
    const map = { namespace: "shop", name: "w-map", labels, ownerReferences };
    server.userApply(KINDS.ConfigMap, { apiVersion: "v1", kind: "ConfigMap", metadata: map });
    const before = patches(world, "/configmaps/w-map");
    await world.clock.advance(10 * MINUTE_MS);
    const made = patches(world, "/configmaps/w-map") - before;
    // The cache was blind, or this shows nothing; it would be for an hour.
    expect(made).toBeGreaterThan(10);
    expect(made).toBeLessThan(25);
    expect(server.read(KINDS.ConfigMap, inShop("w-map"))).toBeUndefined();
  });

  it("two that write over each other's status are bounded, whoever writes last", async () => {
    const world = widgetWorld();
    watchFirst(world);
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.storage.subscribe((entry) => {
      const { status } = entry.stored.object as { readonly status?: { readonly text?: string } };
      if (entry.kind.plural !== "widgets" || status?.text !== "a") return;
      queueMicrotask(() => {
        world.server.userPatch(WIDGET, inShop("w"), { status: { text: "theirs" } }, "status");
      });
    });
    world.server.userPatch(WIDGET, inShop("w"), { status: { text: "theirs" } }, "status");
    await world.clock.advance(10 * MINUTE_MS);
    expect(patches(world, "/status")).toBeLessThan(120);
  });
});

describe("an object that comes to rest", () => {
  it.each([
    { name: "after the answer", first: false },
    { name: "before it", first: true },
  ])("costs one pass when the watch tells of its writes $name", async ({ first }) => {
    const world = widgetWorld();
    if (first) watchFirst(world);
    running = world.start();
    await world.clock.advance(1_000);
    world.server.userApply(WIDGET, widget("w", { text: "a", service: true }));
    await world.clock.advance(5_000);
    expect(world.server.read(WIDGET, inShop("w"))?.status?.conditions?.[0]?.status).toBe("True");
    const { manager } = running;
    const passes = () => metric(manager, "controller_runtime_reconcile_total");
    expect(await passes()).toMatch(/success"\} 1$/m);
    world.server.userApply(WIDGET, widget("w", { text: "b", service: true }));
    await world.clock.advance(5_000);
    expect(await passes()).toMatch(/success"\} 2$/m);
    world.server.userDelete(WIDGET, inShop("w"));
    await world.clock.advance(5_000);
    expect(world.server.readAll(KINDS.ConfigMap)).toEqual([]);
  });

  it("gets another pass when its render asks for more once the first child is there", async () => {
    const world = widgetWorld();
    const child = (name: string) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: "shop", name },
      data: { text: "a" },
    });
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start(
      {},
      {
        render: ({ texts }) =>
          Array.from(["first", ...texts], (_, index) => child(`c${index}`)).slice(0, 3),
      },
    );
    await world.clock.advance(1_000);
    const names = world.server.readAll(KINDS.ConfigMap).map((one) => one.metadata.name);
    expect(names).toEqual(["c0", "c1", "c2"]);
  });

  it("is not woken by changes that do not matter, and by all others", async () => {
    const world = widgetWorld();
    let passes = 0;
    running = world.start(
      {},
      {
        children: [
          child({
            kind: KINDS.ConfigMap,
            matters: (now, before) => now.data?.["text"] !== before.data?.["text"],
          }),
          { kind: KINDS.Service },
        ],
        matters: () => false,
        requeueAfterMs: () => {
          passes++;
          return undefined;
        },
      },
    );
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(1_000);
    expect(passes).toBe(1);
    const key = inShop("w-map");
    world.server.userPatch(KINDS.ConfigMap, key, { metadata: { labels: { mine: "yes" } } });
    world.server.userPatch(WIDGET, inShop("w"), { metadata: { labels: { mine: "yes" } } });
    await world.clock.advance(1_000);
    expect(passes).toBe(1);
    world.server.userPatch(KINDS.ConfigMap, key, { data: { text: "theirs" } });
    await world.clock.advance(1_000);
    expect(passes).toBe(2);
    world.server.userApply(WIDGET, widget("w", { text: "b" }));
    await world.clock.advance(1_000);
    expect(passes).toBe(3);
    world.server.userDelete(KINDS.ConfigMap, key);
    await world.clock.advance(1_000);
    expect(passes).toBe(4);
  });

  it("sees an edit that came in with the answer to its finalizer", async () => {
    const world = widgetWorld();
    const finalizer = {
      name: "example.io/widget",
      timeoutMs: 300_000,
      escapeAnnotation: "example.io/abandon",
      finalize: () => ({ kind: "done" }) as const,
    };
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    let edited = false;
    world.server.intercept = (request) => {
      if (edited || request.method !== "PATCH" || !request.path.endsWith("/widgets/w"))
        return undefined;
      edited = true;
      world.server.userApply(WIDGET, widget("w", { text: "b" }));
      return undefined;
    };
    running = world.start({}, { finalizer });
    await world.clock.advance(5_000);
    expect(edited).toBe(true);
    expect(world.server.read(KINDS.ConfigMap, inShop("w-map"))?.data).toEqual({ text: "b" });
    expect(world.server.read(WIDGET, inShop("w"))?.status).toMatchObject({
      observedGeneration: 2,
      text: "b",
    });
  });
});

describe("a pass that does not end", () => {
  it("holds up its own object only and never gets a second one beside it", async () => {
    const world = widgetWorld();
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    let inside = 0;
    let most = 0;
    const names = ["w0", "w1", "w2", "w3", "w4", "w5"];
    for (const name of names) world.server.userApply(WIDGET, widget(name, { text: "a" }));
    running = world.start(
      {},
      {
        concurrency: 2,
        async observe(key, reader) {
          const found = reader.get(WIDGET, key);
          if (found === undefined) return undefined;
          if (key.name === "w0") {
            most = Math.max(most, ++inside);
            await gate;
            inside--;
          }
          const maps = reader.owned(KINDS.ConfigMap, found.metadata.uid);
          return { widget: found, texts: maps.map((one) => one.data?.["text"] ?? "") };
        },
      },
    );
    await world.clock.advance(2 * MINUTE_MS);
    world.server.userApply(WIDGET, widget("w0", { text: "b" }));
    await world.clock.advance(2 * MINUTE_MS);
    expect(await metric(running.manager, "reconcile_stuck")).toContain('"widget"} 1');
    const made = () => world.server.readAll(KINDS.ConfigMap).map((one) => one.metadata.name);
    expect(made()).toEqual(["w1-map", "w2-map", "w3-map", "w4-map", "w5-map"]);
    world.server.log.length = 0;
    release();
    await world.clock.advance(0);
    expect(most).toBe(1);
    await world.clock.advance(MINUTE_MS);
    expect(world.server.read(KINDS.ConfigMap, inShop("w0-map"))?.data).toEqual({ text: "b" });
    expect(await metric(running.manager, "reconcile_stuck")).toContain('"widget"} 0');
  });

  it("does not keep the manager from stopping", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    const started = world.start({}, { observe: () => new Promise<undefined>(() => undefined) });
    await world.clock.advance(1_000);
    await started.stop();
    expect(world.logger.lines.some((one) => one.message === "manager stopped")).toBe(true);
  });

  it.each([
    {
      name: "throws at once",
      fault: () => {
        throw new TypeError("bug");
      },
    },
    { name: "rejects with no error", fault: () => Promise.reject(undefined) },
  ])("or $name is tried again, later and later", async ({ fault }) => {
    const world = widgetWorld();
    let tries = 0;
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start(
      {},
      {
        observe: () => {
          tries++;
          return fault();
        },
      },
    );
    await world.clock.advance(MINUTE_MS);
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(30);
  });
});

describe("a status that breaks the API conventions", () => {
  it("ends the manager in development, with what is wrong", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    const conditions = [{ ...READY[0], reason: "all good" }];
    const manager = new Manager({
      name: "widget-operator",
      identity: "pod-0",
      cluster: world.server,
      logger: world.logger,
      clock: world.clock,
      timers: world.clock,
      freezeObjects: true,
    });
    const computeStatus = () => ({ fields: {}, conditions });
    manager.add(widgetController(world.port, { computeStatus }));
    const ended = expect(manager.run(new AbortController().signal)).rejects.toThrow(
      'Ready: the reason "all good" is not in CamelCase',
    );
    await world.clock.advance(5_000);
    await ended;
  });
});
