import { describe, expect, it } from "@jest/globals";

import { KINDS } from "../kinds/builtin.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import type { WidgetWorld } from "../testing/widgets.ts";
import { inShop, WIDGET, widget, widgetWorld } from "../testing/widgets.ts";

const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "ns", name: "m" } };
const key = { namespace: "ns", name: "m" };

function edgeOf(world: WidgetWorld): FakeApiServer {
  return new FakeApiServer({ clock: world.clock, kinds: [WIDGET] });
}

describe("clusters", () => {
  it("beside the manager's own have caches and calls of their own", async () => {
    const world = widgetWorld();
    const edge = edgeOf(world);
    const entries: string[] = [];
    const { manager, stop } = world.start({
      clusters: { edge },
      onRequest: (entry) => entries.push(entry.cluster),
    });
    const cluster = manager.clusters.get("edge");
    const informer = cluster?.informers.want({ kind: KINDS.ConfigMap });
    edge.userApply(KINDS.ConfigMap, map);
    await world.clock.advance(1_000);
    expect(informer?.store.get(key)?.metadata.name).toBe("m");
    await cluster?.client.delete(KINDS.ConfigMap, key);
    expect(edge.readAll(KINDS.ConfigMap)).toEqual([]);
    expect(new Set(entries)).toEqual(new Set(["", "edge"]));
    expect(manager.clusters.get("")).toBe(manager.clusters.home);
    expect(manager.clusters.get("nowhere")).toBeUndefined();
    await stop();
    expect(edge.openWatches).toBe(0);
  });

  it("that do not answer hold up nothing: not the start, not the passes, not the stop", async () => {
    const world = widgetWorld();
    const edge = edgeOf(world);
    edge.intercept = () => ({ kind: "lost-request" });
    const { manager, stop } = world.start({ clusters: { edge } });
    const cluster = manager.clusters.get("edge");
    cluster?.informers.want({ kind: KINDS.ConfigMap });
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(5_000);
    expect(world.server.read(WIDGET, inShop("w"))?.status?.text).toBe("a");
    await world.clock.advance(10_000);
    expect(cluster?.reachable).toBe(false);
    const up = await manager.registry.getSingleMetricAsString("cluster_up");
    expect(up).toContain('cluster_up{cluster="edge"} 0');
    edge.intercept = () => undefined;
    await world.clock.advance(60_000);
    expect(cluster?.reachable).toBe(true);
    await stop();
  });

  it("come and go while the manager runs", async () => {
    const world = widgetWorld();
    const { manager, stop } = world.start();
    const told: string[] = [];
    manager.clusters.onJoin((cluster) => told.push(`join ${cluster.name}`));
    manager.clusters.onLeave((cluster) => told.push(`leave ${cluster.name}`));
    await world.clock.advance(1_000);
    const edge = edgeOf(world);
    edge.userApply(KINDS.ConfigMap, map);
    const informer = manager.clusters.add("edge", edge).informers.want({ kind: KINDS.ConfigMap });
    await world.clock.advance(1_000);
    expect(informer.store.size).toBe(1);
    await manager.clusters.remove("edge");
    expect(edge.openWatches).toBe(0);
    expect(manager.clusters.others).toEqual([]);
    expect(told).toEqual(["join edge", "leave edge"]);
    manager.clusters.add("edge", edgeOf(world));
    expect(() => manager.clusters.add("edge", edgeOf(world))).toThrow("cannot be added");
    await stop();
  });

  it("take writes only while the manager leads", async () => {
    const world = widgetWorld();
    const edge = edgeOf(world);
    const leaderElection = { leaseName: "op", leaseNamespace: "system" };
    const one = world.start({ leaderElection });
    await world.clock.advance(5_000);
    const standby = world.start({ leaderElection, clusters: { edge } });
    await world.clock.advance(5_000);
    const client = standby.manager.clusters.get("edge")?.client;
    await expect(
      client?.create(KINDS.ConfigMap, map, { fieldManager: "me" }),
    ).rejects.toMatchObject({ code: "KUBE_NOT_LEADER" });
    await Promise.all([one.stop(), standby.stop()]);
  });
});
