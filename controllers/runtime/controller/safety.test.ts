// What a pass must not do, and how it goes on, when the world changes behind its back.

import { afterEach, describe, expect, it } from "@jest/globals";

import { KINDS } from "../kinds/builtin.ts";
import type { KubeObject } from "../kinds/kind.ts";
import type { RunningManager, WidgetWorld } from "../testing/widgets.ts";
import { inShop, WIDGET, widget, widgetWorld } from "../testing/widgets.ts";

let running: RunningManager | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

const map = inShop("w-map");
const service = inShop("w-svc");

function theirs(kind: "ConfigMap" | "Service", name: string): KubeObject {
  const data = kind === "ConfigMap" ? { data: { theirs: "1" } } : {};
  return { apiVersion: "v1", kind, metadata: { namespace: "shop", name }, ...data };
}

function conditions(world: WidgetWorld): readonly string[] {
  const all = world.server.read(WIDGET, inShop("w"))?.status?.conditions ?? [];
  return all.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
}

describe("an object that somebody has made anew under the name of a child", () => {
  it("is not pruned", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a", service: true }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.holdWatches(KINDS.Service);
    world.server.userDelete(KINDS.Service, service);
    world.server.userApply(KINDS.Service, theirs("Service", "w-svc"));
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(5_000);
    expect(world.server.read(KINDS.Service, service)).toBeDefined();
    world.server.releaseWatches();
    await world.clock.advance(60_000);
    expect(world.server.read(KINDS.Service, service)).toBeDefined();
    expect(conditions(world)).toEqual(["Ready=True Available"]);
  });

  it("is not written to", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.holdWatches(KINDS.ConfigMap);
    world.server.userDelete(KINDS.ConfigMap, map);
    world.server.userApply(KINDS.ConfigMap, theirs("ConfigMap", "w-map"));
    world.server.userApply(WIDGET, widget("w", { text: "b" }));
    await world.clock.advance(5_000);
    expect(world.server.read(KINDS.ConfigMap, map)?.data).toEqual({ theirs: "1" });
    world.server.releaseWatches();
    await world.clock.advance(60_000);
    expect(world.server.read(KINDS.ConfigMap, map)?.data).toEqual({ theirs: "1" });
    expect(conditions(world)).toEqual(["Ready=False NameConflict", "Stalled=True NameConflict"]);
  });
});

describe("a child that goes", () => {
  it("is waited for and made anew", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.userPatch(KINDS.ConfigMap, map, { metadata: { finalizers: ["other.io/x"] } });
    world.server.userDelete(KINDS.ConfigMap, map);
    await world.clock.advance(2_000);
    expect(conditions(world)).toContain("Reconciling=True WaitingForChildren");
    world.server.userPatch(KINDS.ConfigMap, map, { metadata: { finalizers: null } });
    await world.clock.advance(1_000);
    expect(world.server.read(KINDS.ConfigMap, map)?.metadata.deletionTimestamp).toBeUndefined();
    expect(conditions(world)).toEqual(["Ready=True Available"]);
  });

  it("and was left by a predecessor wakes the successor with its end", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    world.server.userPatch(KINDS.ConfigMap, map, { metadata: { finalizers: ["other.io/x"] } });
    world.server.userDelete(WIDGET, inShop("w"));
    world.server.userApply(WIDGET, widget("w", { text: "b" }));
    await world.clock.advance(15_000);
    expect(conditions(world)).toContain("Reconciling=True WaitingForChildren");
    world.server.userPatch(KINDS.ConfigMap, map, { metadata: { finalizers: null } });
    // Sooner than it would look again by itself.
    await world.clock.advance(2_000);
    expect(world.server.read(KINDS.ConfigMap, map)?.data).toEqual({ text: "b" });
    expect(conditions(world)).toEqual(["Ready=True Available"]);
  });
});

describe("a pass", () => {
  it.each([
    { name: "for a child", path: /\/configmaps\// },
    { name: "for the status", path: /\/status$/ },
  ])("comes back no sooner than the server asks, $name", async ({ path }) => {
    const world = widgetWorld();
    let asked = 0;
    let throttles = true;
    world.server.intercept = (request) => {
      if (!throttles || request.method !== "PATCH" || !path.test(request.path)) return undefined;
      asked++;
      // Longer than a request waits by itself.
      return { kind: "answer", status: 429, retryAfterMs: 120_000 };
    };
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    // News about what the pass has made itself may wake it once more.
    await world.clock.advance(5_000);
    const before = asked;
    await world.clock.advance(100_000);
    expect(before).toBeGreaterThan(0);
    expect(asked).toBe(before);
    throttles = false;
    await world.clock.advance(60_000);
    expect(conditions(world)).toEqual(["Ready=True Available"]);
  });

  it("that hangs is told to end and made again", async () => {
    const world = widgetWorld();
    let hung = 0;
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start(
      {},
      {
        timeoutMs: 5_000,
        act: async (calls, port, signal) => {
          if (hung++ === 0) {
            await new Promise<void>((resolve) => {
              signal.addEventListener("abort", () => resolve(), { once: true });
            });
            throw new Error("was told to end");
          }
          port.calls.push(...calls);
        },
      },
    );
    await world.clock.advance(4_000);
    expect(conditions(world)).toEqual([]);
    await world.clock.advance(20_000);
    expect(hung).toBeGreaterThan(1);
    expect(conditions(world)).toEqual(["Ready=True Available"]);
  });
});

describe("a pass is not followed by another one", () => {
  it("because of its own status", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(5_000);
    const name = "controller_runtime_reconcile_total";
    const before = await running.manager.registry.getSingleMetricAsString(name);
    const count = Number(/result="success"\} (\d+)/.exec(before)?.[1]);
    // Nothing to do but to say which generation has been seen.
    world.server.userApply(WIDGET, widget("w", { text: "a", service: false }));
    await world.clock.advance(5_000);
    const after = await running.manager.registry.getSingleMetricAsString(name);
    expect(after).toContain(`{controller="widget",result="success"} ${count + 1}`);
    const seen = world.server.read(WIDGET, inShop("w"));
    expect(seen?.status?.observedGeneration).toBe(seen?.metadata.generation);
  });
});

describe("a watch", () => {
  it("resumes from its newest list", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    const relists = async (): Promise<string | undefined> => {
      const text =
        await running?.manager.registry.getSingleMetricAsString("informer_relists_total");
      return text?.split("\n").find((line) => /kind="ConfigMap".*reason="expired"/.test(line));
    };
    world.server.breakWatches();
    world.server.userApply(KINDS.Secret, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace: "shop", name: "other" },
    });
    world.server.compact();
    await world.clock.advance(10_000);
    expect(await relists()).toMatch(/ 1$/);
    world.server.breakWatches();
    await world.clock.advance(10_000);
    expect(await relists()).toMatch(/ 1$/);
  });
});

describe("a finalizer", () => {
  it("takes children along that nobody else collects", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start(
      {},
      {
        render: () => [{ object: theirs("ConfigMap", "w-map"), ownership: "Label" }],
        finalizer: {
          name: "example.io/widget",
          timeoutMs: 300_000,
          escapeAnnotation: "example.io/abandon",
          finalize: () => ({ kind: "done", children: [] }),
        },
      },
    );
    await world.clock.advance(1_000);
    expect(world.server.read(KINDS.ConfigMap, map)?.metadata.ownerReferences).toBeUndefined();
    world.server.userDelete(WIDGET, inShop("w"));
    await world.clock.advance(20_000);
    expect(world.server.read(WIDGET, inShop("w"))).toBeUndefined();
    expect(world.server.read(KINDS.ConfigMap, map)).toBeUndefined();
  });
});

describe("a cache of metadata", () => {
  it("never holds data, not even of an own write", async () => {
    const world = widgetWorld();
    const seen: string[] = [];
    running = world.start(
      {},
      {
        children: [{ kind: KINDS.ConfigMap, metadataOnly: true }, { kind: KINDS.Service }],
        observe(key, reader) {
          const found = reader.get(WIDGET, key);
          if (found === undefined) return undefined;
          const maps = reader.owned(KINDS.ConfigMap, found.metadata.uid);
          seen.push(...maps.map((one) => JSON.stringify(one)));
          return { widget: found, texts: [found.spec.text] };
        },
      },
    );
    await world.clock.advance(1_000);
    world.server.holdWatches(KINDS.ConfigMap);
    world.server.userApply(WIDGET, widget("w", { text: "secret" }));
    await world.clock.advance(1_000);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.join()).not.toContain("secret");
  });
});
