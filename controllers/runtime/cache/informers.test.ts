import { describe, expect, it } from "@jest/globals";

import { RestClient } from "../client/rest-client.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { Live } from "../kinds/kind.ts";
import { createMetrics } from "../base/metrics.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { fakeWorld, settle } from "../testing/fake-clock.ts";
import { memoryLogger } from "../testing/memory-logger.ts";
import { Informers } from "./informers.ts";
import { CacheReader, viewOf } from "./reader.ts";

function setUp(namespaces?: readonly string[]) {
  const world = fakeWorld();
  const server = new FakeApiServer({ clock: world.clock });
  const metrics = createMetrics();
  const logger = memoryLogger();
  const rest = new RestClient({ transport: server, world, logger, metrics });
  const informers = new Informers({
    rest,
    world,
    logger,
    metrics,
    ...(namespaces === undefined ? {} : { namespaces }),
  });
  const stop = new AbortController();
  informers.start(stop.signal);
  return {
    server,
    informers,
    metrics,
    clock: world.clock,
    watched: () =>
      [...new Set(server.log.filter((one) => one.watch).map((one) => one.path))].sort(),
    end: async () => {
      stop.abort();
      await settle();
      await informers.stopped();
    },
  };
}

function map(namespace: string, name: string, labels: Readonly<Record<string, string>> = {}) {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name, labels } };
}

function live(namespace: string, name: string, version: string, uid = "u", labels = {}): Live {
  const metadata = { namespace, name, uid, resourceVersion: version, labels };
  return { apiVersion: "v1", kind: "ConfigMap", metadata };
}

describe("informers", () => {
  it("are shared by kind, selector and set of namespaces", async () => {
    const { informers, end } = setUp();
    const { ConfigMap, Service } = KINDS;
    const all = informers.want({ kind: ConfigMap });
    const two = informers.want({ kind: ConfigMap, namespaces: ["b", "a"] });
    expect(informers.want({ kind: ConfigMap })).toBe(all);
    expect(informers.want({ kind: ConfigMap, namespaces: ["a", "b", "a"] })).toBe(two);
    expect(two.namespaces).toEqual(["a", "b"]);
    expect(informers.want({ kind: ConfigMap, labelSelector: "x" })).not.toBe(all);
    expect(informers.want({ kind: ConfigMap, metadataOnly: true })).not.toBe(all);
    expect(informers.want({ kind: Service })).not.toBe(all);
    expect(informers.all).toHaveLength(5);
    await end();
  });

  it("of one kind are counted together, until they end", async () => {
    const { server, informers, metrics, clock, end } = setUp();
    const kind = KINDS.ConfigMap;
    informers.want({ kind, labelSelector: "x=1" });
    informers.want({ kind, namespaces: ["a", "b"] });
    const objects = async () => {
      const { values } = await metrics.cacheObjects.get();
      return values.map(({ labels, value }) => [labels.kind, value]);
    };
    for (const namespace of ["a", "b", "c"]) {
      server.userApply(kind, map(namespace, "m", { x: "1" }));
    }
    await clock.advance(1_000);
    expect(await objects()).toEqual([["ConfigMap", 5]]);
    server.userDelete(kind, { namespace: "a", name: "m" });
    await clock.advance(1_000);
    expect(await objects()).toEqual([["ConfigMap", 3]]);
    await end();
    expect(await objects()).toEqual([["ConfigMap", 0]]);
  });

  it("of some namespaces ask for nothing else and are read as one kind", async () => {
    const { server, informers, clock, watched, end } = setUp();
    for (const namespace of ["a", "b", "c"]) {
      server.userApply(KINDS.ConfigMap, map(namespace, "m"));
    }
    const informer = informers.want({ kind: KINDS.ConfigMap, namespaces: ["a", "b"] });
    await clock.advance(1_000);
    expect(informer.synced).toBe(true);
    const root = "/api/v1/namespaces";
    expect(watched()).toEqual([`${root}/a/configmaps`, `${root}/b/configmaps`]);
    const reader = new CacheReader(viewOf([informer]), new AbortController().signal, "");
    const names = () => reader.list(KINDS.ConfigMap).map((one) => one.metadata.namespace);
    expect(names()).toEqual(["a", "b"]);
    expect(reader.list(KINDS.ConfigMap, { namespace: "b" })).toHaveLength(1);
    server.userDelete(KINDS.ConfigMap, { namespace: "a", name: "m" });
    await clock.advance(1_000);
    expect(names()).toEqual(["b"]);
    await end();
  });

  it("of a manager limited to namespaces stay there unless a request says otherwise", async () => {
    const { informers, clock, watched, end } = setUp(["a"]);
    informers.want({ kind: KINDS.ConfigMap });
    informers.want({ kind: KINDS.Service, namespaces: ["system"] });
    informers.want({ kind: KINDS.Node });
    await clock.advance(1_000);
    expect(watched()).toEqual([
      "/api/v1/namespaces/a/configmaps",
      "/api/v1/namespaces/system/services",
      "/api/v1/nodes",
    ]);
    await end();
  });

  it("take own writes only where their watch would show them", async () => {
    const { informers, clock, end } = setUp();
    const kind = KINDS.ConfigMap;
    const inA = informers.want({ kind, namespaces: ["a"] });
    const labelled = informers.want({ kind, labelSelector: "x=1" });
    const named = informers.want({ kind, fieldSelector: "metadata.name=m" });
    const opaque = informers.want({ kind, fieldSelector: "spec.other=m" });
    await clock.advance(1_000);
    informers.wrote(kind, live("b", "n", "100"), "me");
    expect([inA, labelled, named, opaque].map((one) => one.store.size)).toEqual([0, 0, 0, 0]);
    informers.wrote(kind, live("a", "m", "101", "v", { x: "1" }), "me");
    expect([inA, labelled, named, opaque].map((one) => one.store.size)).toEqual([1, 1, 1, 0]);
    await end();
  });

  it("do not show an object that our own write has taken out of their selection", async () => {
    const { server, informers, clock, end } = setUp();
    server.userApply(KINDS.ConfigMap, map("a", "m", { x: "1" }));
    const informer = informers.want({ kind: KINDS.ConfigMap, labelSelector: "x=1" });
    await clock.advance(1_000);
    const [shown] = [...informer.store.values()];
    expect(shown).toBeDefined();
    informers.wrote(KINDS.ConfigMap, live("a", "m", "9999999", shown?.metadata.uid), "me");
    expect(informer.store.size).toBe(0);
    await end();
  });

  it("keep what a transform leaves, also of own writes", async () => {
    const { server, informers, clock, end } = setUp();
    const data = { data: { text: "long" } };
    server.userApply(KINDS.ConfigMap, { ...map("a", "m"), ...data });
    const transform = ({ apiVersion, kind, metadata }: Live): Live => ({
      apiVersion,
      kind,
      metadata,
    });
    const slim = informers.want({ kind: KINDS.ConfigMap, transform });
    expect(informers.want({ kind: KINDS.ConfigMap, transform })).toBe(slim);
    expect(informers.want({ kind: KINDS.ConfigMap })).not.toBe(slim);
    await clock.advance(1_000);
    informers.wrote(KINDS.ConfigMap, { ...live("a", "n", "9999999"), ...data }, "me");
    expect(slim.store.size).toBe(2);
    expect(JSON.stringify([...slim.store.values()])).not.toContain("long");
    await end();
  });
});
