// The engine on the fake API server: what the fault suite in test/conformance/compat cannot time.

import { describe, expect, it } from "@jest/globals";

import type { Client, Kind } from "#controllers/runtime/index.ts";
import { ApiError, defineKind, isStatus } from "#controllers/runtime/index.ts";
import { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";
import { fakeWorld } from "#controllers/runtime/testing/fake-clock.ts";
import { memoryLogger } from "#controllers/runtime/testing/memory-logger.ts";

import { registerDefinition } from "./crd.ts";
import { Engine } from "./engine.ts";
import type { ResourceEvent, ResourceMeta } from "./resource.ts";
import { ResourceMetaImpl } from "./resource.ts";

interface WidgetObject {
  readonly spec?: { readonly text: string };
  readonly status?: unknown;
}

const WIDGET: Kind<WidgetObject> = defineKind<WidgetObject>({
  group: "example.io",
  version: "v1",
  kind: "Widget",
  plural: "widgets",
  namespaced: true,
});
const PLANT = defineKind({
  group: "example.io",
  version: "v1",
  kind: "Plant",
  plural: "plants",
  namespaced: false,
});
const CRD = defineKind<{ readonly spec: object }>({
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
});

function rig(concurrency = 8) {
  const world = fakeWorld();
  const api = new FakeApiServer({ clock: world.clock, kinds: [WIDGET, PLANT, CRD] });
  const served = { isServed: true };
  const resources = [WIDGET, PLANT].map(({ plural, kind, namespaced }) => {
    return { name: plural, kind, namespaced };
  });
  api.intercept = (request) =>
    request.path === "/apis/example.io/v1"
      ? { kind: "answer", status: served.isServed ? 200 : 404, body: { resources } }
      : undefined;
  const logger = memoryLogger();
  const engine = new Engine({
    kubeConfig: () => {
      throw new Error("not asked for");
    },
    logger,
    concurrency,
    transport: api,
    world,
  });
  const events: string[] = [];
  const watch = (
    plural: string,
    onEvent: (event: ResourceEvent) => Promise<void> = () => Promise.resolve(),
    namespace?: string,
  ): void =>
    engine.watch({
      group: "example.io",
      version: "v1",
      plural,
      onEvent: (event) => {
        const { namespace: where = "", name } = event.meta;
        events.push(`${event.type} ${where}/${name}`);
        return onEvent(event);
      },
      ...(namespace === undefined ? {} : { namespace }),
    });
  const apply = (name: string, text = "", namespace = "n"): void => {
    const metadata = { namespace, name };
    const object = { apiVersion: "example.io/v1", kind: "Widget", metadata, spec: { text } };
    api.userApply(WIDGET, object);
  };
  const meta = (name = "a"): ResourceMeta => {
    const live = api.read(WIDGET, { namespace: "n", name });
    if (live === undefined) throw new Error(`no ${name}`);
    return ResourceMetaImpl.createWithPlural("widgets", live as unknown as ResourceEvent["object"]);
  };
  return { ...world, api, served, engine, events, watch, apply, meta, lines: logger.lines };
}

describe("watches", () => {
  it("look for a kind until it is served", async () => {
    const { clock, served, watch, apply, events, lines, engine } = rig();
    apply("a");
    served.isServed = false;
    watch("widgets");
    await clock.advance(60_000);
    expect(events).toEqual([]);
    expect(lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    served.isServed = true;
    await clock.advance(30_000);
    expect(events).toEqual(["ADDED n/a"]);
    await engine.stop();
  });

  it("of one namespace see no other, and all end on stop", async () => {
    const { clock, api, watch, apply, events, engine } = rig();
    watch("widgets", undefined, "one");
    watch("widgets", undefined, "two");
    for (const namespace of ["one", "two", "three"]) apply("a", "", namespace);
    await clock.advance(1_000);
    expect(events.sort()).toEqual(["ADDED one/a", "ADDED two/a"]);
    expect(api.openWatches).toBe(2);
    await engine.stop();
    expect(api.openWatches).toBe(0);
    expect(clock.waiting).toBe(0);
  });

  it("of objects in no namespace say that a namespace means nothing", async () => {
    const { clock, api, watch, events, lines, engine } = rig();
    api.userApply(PLANT, { apiVersion: "example.io/v1", kind: "Plant", metadata: { name: "p" } });
    watch("plants", undefined, "one");
    await clock.advance(1_000);
    expect(events).toEqual(["ADDED /p"]);
    expect(lines.some(({ message }) => message.includes("in no namespace"))).toBe(true);
    await engine.stop();
  });

  it("of the same kind share a cache and are both told", async () => {
    const { clock, api, watch, apply, events, engine } = rig();
    apply("a");
    watch("widgets");
    await clock.advance(1_000);
    watch("widgets");
    await clock.advance(1_000);
    expect(events).toEqual(["ADDED n/a", "ADDED n/a"]);
    expect(api.openWatches).toBe(1);
    await engine.stop();
  });
});

describe("handlers", () => {
  it.each([
    { concurrency: 1, most: 1 },
    { concurrency: 3, most: 3 },
  ])("run $most at a time", async ({ concurrency, most }) => {
    const { clock, watch, apply, events, engine } = rig(concurrency);
    let now = 0;
    let seen = 0;
    watch("widgets", async () => {
      now++;
      seen = Math.max(seen, now);
      await new Promise<void>((resolve) => clock.schedule(100, resolve));
      now--;
    });
    for (const name of ["a", "b", "c", "d", "e"]) apply(name);
    await clock.advance(10_000);
    expect([seen, events.length]).toEqual([most, 5]);
    await engine.stop();
  });

  it("own their objects and never see reduced managedFields", async () => {
    const { clock, api, watch, apply, engine } = rig();
    const got: object[] = [];
    watch("widgets", (event) => {
      const { metadata, spec } = event.object as { metadata: object; spec: { text: string } };
      got.push(metadata);
      spec.text = "changed";
      return Promise.resolve();
    });
    watch("widgets", (event) => {
      expect((event.object as { readonly spec?: unknown }).spec).toEqual({ text: "x" });
      return Promise.resolve();
    });
    apply("a", "x");
    await clock.advance(1_000);
    expect(got).toHaveLength(1);
    expect(got[0]).not.toHaveProperty("managedFields");
    expect(api.read(WIDGET, { namespace: "n", name: "a" })?.spec).toEqual({ text: "x" });
    await engine.stop();
  });

  it("are waited for by stop, 20 s at most; one that takes a minute is told of", async () => {
    const { clock, watch, apply, engine, lines } = rig();
    watch("widgets", () => new Promise(() => undefined));
    apply("a");
    await clock.advance(61_000);
    expect(lines.map(({ message }) => message)).toContain(
      "handler is still at work after a minute",
    );
    let isStopped = false;
    const stopping = engine.stop().then(() => (isStopped = true));
    await clock.advance(19_000);
    expect(isStopped).toBe(false);
    await clock.advance(2_000);
    await stopping;
    expect(isStopped).toBe(true);
  });
});

describe("status", () => {
  it("goes onto the newest state, and its meta is that of the result", async () => {
    const { clock, api, apply, meta, engine } = rig();
    apply("a", "old");
    const old = meta();
    apply("a", "new");
    const writing = engine.writes.setStatus(old, { seen: 1 }, "PUT");
    await clock.advance(5_000);
    const live = api.read(WIDGET, { namespace: "n", name: "a" });
    expect((await writing).metadata.resourceVersion).toBe(live?.metadata.resourceVersion);
    expect(live).toMatchObject({ spec: { text: "new" }, status: { seen: 1 } });
    await engine.stop();
  });

  it("is written again when nobody knows whether it was", async () => {
    const { clock, api, apply, meta, engine } = rig();
    apply("a");
    let lost = 0;
    api.intercept = ({ method }) =>
      method === "PUT" && lost++ === 0 ? { kind: "lost-answer" } : undefined;
    const writing = engine.writes.setStatus(meta(), { seen: 1 }, "PUT");
    await clock.advance(5_000);
    await expect(writing).resolves.toMatchObject({ status: { seen: 1 } });
    await engine.stop();
  });

  it("never goes to another object of the same name", async () => {
    const { clock, api, apply, meta, engine } = rig();
    apply("a", "first");
    const old = meta();
    api.userDelete(WIDGET, { namespace: "n", name: "a" });
    apply("a", "second");
    const writing = engine.writes.setStatus(old, { seen: 1 }, "PATCH").catch((cause) => cause);
    await clock.advance(5_000);
    const refused: unknown = await writing;
    expect(refused).toBeInstanceOf(ApiError);
    expect(String(refused)).toContain("another one has its name now");
    expect(api.read(WIDGET, { namespace: "n", name: "a" })?.status).toBeUndefined();
    await engine.stop();
  });

  it("is given up after six refusals", async () => {
    const { clock, api, apply, meta, engine } = rig();
    apply("a");
    api.intercept = ({ method }) =>
      method === "PUT" ? { kind: "answer", status: 409 } : undefined;
    const writing = engine.writes.setStatus(meta(), {}, "PUT").catch((cause: unknown) => cause);
    await clock.advance(60_000);
    expect(isStatus(await writing, 409)).toBe(true);
    expect(api.log.filter(({ method }) => method === "PUT")).toHaveLength(6);
    await engine.stop();
  });
});

describe("finalizers", () => {
  const finalizersOf = (api: FakeApiServer): readonly string[] | undefined =>
    api.read(WIDGET, { namespace: "n", name: "a" })?.metadata.finalizers;
  const put = (api: FakeApiServer, finalizers: readonly string[]): void =>
    api.userPatch(WIDGET, { namespace: "n", name: "a" }, { metadata: { finalizers } });

  it.each([
    { name: "added", before: ["x"], set: ["x", "mine"], now: ["x", "y"], want: ["x", "y", "mine"] },
    { name: "removed", before: ["x", "mine"], set: ["x"], now: ["mine", "y"], want: ["y"] },
    { name: "cleared", before: ["mine"], set: [], now: ["mine", "y"], want: ["y"] },
  ])("are $name without those of others", async ({ before, set, now, want }) => {
    const { clock, api, apply, meta, engine } = rig();
    apply("a");
    put(api, before);
    const old = meta();
    put(api, now);
    const writing = engine.writes.setFinalizers(old, set);
    await clock.advance(5_000);
    await writing;
    expect(finalizersOf(api)).toEqual(want);
    await engine.stop();
  });

  it("of a meta made by hand are the list, unless the object has changed", async () => {
    const { clock, api, apply, meta, engine } = rig();
    apply("a");
    const old = { ...meta() };
    await engine.writes.setFinalizers(old, ["mine"]);
    expect(finalizersOf(api)).toEqual(["mine"]);
    put(api, ["mine", "y"]);
    const writing = engine.writes.setFinalizers(old, []).catch((cause: unknown) => cause);
    await clock.advance(5_000);
    expect(isStatus(await writing, 409)).toBe(true);
    expect(finalizersOf(api)).toEqual(["mine", "y"]);
    await engine.stop();
  });
});

describe("definitions", () => {
  const webhook = { clientConfig: { service: { name: "s", namespace: "n" } } };
  const text = (versions: readonly string[]): string =>
    JSON.stringify({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "gadgets.example.io", labels: { ours: "yes" } },
      spec: {
        versions: versions.map((name) => ({ name })),
        conversion: { strategy: "Webhook", webhook },
      },
    });
  const key = { namespace: "", name: "gadgets.example.io" };

  it("are registered, left alone, and updated; what others have added stays", async () => {
    const { api, engine } = rig();
    const client: Client = engine.client;
    const outcome = async (versions: readonly string[]): Promise<string> =>
      (await registerDefinition(client, text(versions))).outcome;
    expect(await outcome(["v1"])).toBe("registered");
    const injected = {
      metadata: { labels: { theirs: "yes" } },
      spec: { conversion: { webhook: { clientConfig: { caBundle: "Q0E=" } } } },
    };
    api.userPatch(CRD, key, injected);
    expect(await outcome(["v1"])).toBe("unchanged");
    expect(await outcome(["v1", "v2"])).toBe("updated");
    expect(api.read(CRD, key)).toMatchObject({
      metadata: { labels: { ours: "yes", theirs: "yes" } },
      spec: {
        versions: [{ name: "v1" }, { name: "v2" }],
        conversion: { webhook: { clientConfig: { caBundle: "Q0E=" } } },
      },
    });
    await engine.stop();
  });

  it("of anything else are refused", async () => {
    const { engine } = rig();
    const message = "Invalid CRD yaml (expected 'apiextensions.k8s.io')";
    for (const bad of ["", "a: b", "apiVersion: v1\nkind: Pod"]) {
      await expect(registerDefinition(engine.client, bad)).rejects.toThrow(message);
    }
    await engine.stop();
  });
});
