import { describe, expect, it } from "@jest/globals";

import { KINDS } from "../kinds/builtin.ts";
import { settle } from "../testing/fake-clock.ts";
import type { RunningManager, WidgetWorld } from "../testing/widgets.ts";
import { inShop, WIDGET, widget, widgetWorld } from "../testing/widgets.ts";

const leaderElection = { leaseName: "op", leaseNamespace: "system" };
const leaseKey = { namespace: "system", name: "op" };

function holder(world: WidgetWorld): string | undefined {
  return world.server.read(KINDS.Lease, leaseKey)?.spec?.holderIdentity;
}

function leaders(...managers: readonly RunningManager[]): number {
  return managers.filter((one) => one.manager.isLeading).length;
}

describe("leader election", () => {
  it("at rest writes nothing but renewals, with six digits, and reads nothing", async () => {
    const world = widgetWorld();
    const one = world.start({ leaderElection });
    await world.clock.advance(10_000);
    world.server.log.length = 0;
    await world.clock.advance(60_000);
    const others = world.server.log.filter((entry) => entry.method !== "PUT");
    expect(others).toEqual([]);
    expect(world.server.log.length).toBeGreaterThan(20);
    expect(new Set(world.server.log.map((entry) => entry.status))).toEqual(new Set([200]));
    const renewed = world.server.read(KINDS.Lease, leaseKey)?.spec?.renewTime;
    expect(renewed).toMatch(/\.\d{6}Z$/);
    await one.stop();
  });

  it("a standby keeps its caches warm, asks nothing, and follows a release at once", async () => {
    const world = widgetWorld();
    const one = world.start({ leaderElection });
    await world.clock.advance(5_000);
    const two = world.start({ leaderElection });
    await world.clock.advance(20_000);
    expect(leaders(one, two)).toBe(1);
    expect(holder(world)).toBe("pod-0");
    const stopped = one.stop();
    await world.clock.advance(3_000);
    expect(holder(world)).toBe("pod-1");
    expect(world.server.read(KINDS.Lease, leaseKey)?.spec?.leaseTransitions).toBe(1);
    await stopped;
    await two.stop();
  });

  it("takes over a holder that is silent for the lease's time by its own clock", async () => {
    const world = widgetWorld();
    world.server.userApply(KINDS.Lease, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { namespace: "system", name: "op" },
      // A renewTime in the far future: clocks of others are not believed.
      ...({
        spec: {
          holderIdentity: "dead",
          leaseDurationSeconds: 15,
          renewTime: "2099-01-01T00:00:00.000000Z",
        },
      } as object),
    });
    const one = world.start({ leaderElection });
    await world.clock.advance(14_000);
    expect(holder(world)).toBe("dead");
    await world.clock.advance(5_000);
    expect(holder(world)).toBe("pod-0");
    await one.stop();
  });

  it("stops writing when it cannot renew, before anybody else may lead", async () => {
    const world = widgetWorld();
    const one = world.start({ leaderElection });
    const two = world.start({ leaderElection });
    await world.clock.advance(5_000);
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(2_000);
    const first = holder(world);
    // The leader's renewals are lost; everything else works.
    world.server.intercept = (request) => {
      const spec = (request.body as { spec?: { holderIdentity?: string } } | undefined)?.spec;
      const isRenewal = request.path.includes("/leases/") && request.method === "PUT";
      return isRenewal && spec?.holderIdentity === first ? { kind: "lost-request" } : undefined;
    };
    for (let second = 0; second < 40; second++) {
      await world.clock.advance(1_000);
      expect(leaders(one, two)).toBeLessThanOrEqual(1);
    }
    expect(holder(world)).not.toBe(first);
    world.server.userApply(WIDGET, widget("w", { text: "b" }));
    await world.clock.advance(5_000);
    expect(world.server.read(WIDGET, inShop("w"))?.status?.text).toBe("b");
    await Promise.all([one.stop(), two.stop()]);
  });

  it("writes nothing after the process was stopped for longer than its lease", async () => {
    const world = widgetWorld();
    const one = world.start({ leaderElection });
    await world.clock.advance(5_000);
    expect(one.manager.isLeading).toBe(true);
    world.server.log.length = 0;
    // SIGSTOP: time passes and no timer fires; then a watch event wakes the process first.
    world.clock.freezeProcess(20_000);
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await settle();
    const writes = world.server.log.filter((entry) => entry.method !== "GET");
    expect(writes).toEqual([]);
    await world.clock.advance(30_000);
    expect(world.server.read(WIDGET, inShop("w"))?.status?.text).toBe("a");
    await one.stop();
  });

  it("sees that somebody took the lease, and begins anew when that one is gone", async () => {
    const world = widgetWorld();
    const one = world.start({ leaderElection });
    await world.clock.advance(5_000);
    world.server.userPatch(KINDS.Lease, leaseKey, { spec: { holderIdentity: "thief" } });
    await world.clock.advance(3_000);
    expect(one.manager.isLeading).toBe(false);
    expect(holder(world)).toBe("thief");
    await world.clock.advance(30_000);
    expect(holder(world)).toBe("pod-0");
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(2_000);
    expect(world.server.read(WIDGET, inShop("w"))?.status?.text).toBe("a");
    await one.stop();
  });
});
