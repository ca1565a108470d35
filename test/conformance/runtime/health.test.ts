// The health port of an operator as the kubelet and Prometheus meet it: on a real socket, before
// the caches are filled, while this process leads, and while it stands by.

import { afterEach, describe, expect, it } from "@jest/globals";

import type { RunningManager, WidgetWorld } from "#controllers/runtime/testing/widgets.ts";
import { WIDGET, widget, widgetWorld } from "#controllers/runtime/testing/widgets.ts";

const HEALTH = { host: "127.0.0.1", port: 0 };
const open: RunningManager[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
});

async function start(
  world: WidgetWorld,
  options: Parameters<WidgetWorld["start"]>[0] = {},
): Promise<(path: string, method?: string) => Promise<{ status: number; text: string }>> {
  const running = world.start({ health: HEALTH, ...options });
  open.push(running);
  // The port is bound before anything else is asked of the API server.
  while (running.manager.healthPort === undefined) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return async (path, method = "GET") => {
    const url = `http://127.0.0.1:${running.manager.healthPort ?? 0}${path}`;
    const response = await fetch(url, { method });
    return { status: response.status, text: await response.text() };
  };
}

describe("the health port", () => {
  it("is not ready until every cache is filled, and says what is missing", async () => {
    const world = widgetWorld();
    world.server.intercept = ({ path }) =>
      path.endsWith("/services") ? { kind: "answer", status: 403 } : undefined;
    const ask = await start(world);
    await world.clock.advance(1_000);
    const waiting = await ask("/readyz");
    expect(waiting.status).toBe(503);
    expect(waiting.text).toMatch(/^services: not synced\nservices: .*403/);
    expect(waiting.text).not.toContain("widgets");
    expect(await ask("/healthz")).toEqual({ status: 200, text: "ok\n" });
    await world.clock.advance(120_000);
    expect((await ask("/readyz")).text).toContain("services: not synced, overdue");
    world.server.intercept = () => undefined;
    await world.clock.advance(60_000);
    expect(await ask("/readyz")).toEqual({ status: 200, text: "ok\n" });
  });

  it("is ready on a standby too", async () => {
    const world = widgetWorld();
    const leaderElection = { leaseName: "widget", leaseNamespace: "system" };
    await start(world, { leaderElection });
    await world.clock.advance(5_000);
    const ask = await start(world, { leaderElection });
    await world.clock.advance(5_000);
    expect(open.map(({ manager }) => manager.isLeading)).toEqual([true, false]);
    expect(await ask("/readyz")).toEqual({ status: 200, text: "ok\n" });
  });

  it("serves metrics of what was done", async () => {
    const world = widgetWorld();
    const ask = await start(world);
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(1_000);
    const { status, text } = await ask("/metrics");
    expect(status).toBe(200);
    const passes = /^controller_runtime_reconcile_total\{.*result="success".*\} ([0-9]+)$/m;
    expect(Number(passes.exec(text)?.[1])).toBeGreaterThan(0);
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m);
  });

  it("knows nothing else and takes no orders", async () => {
    const ask = await start(widgetWorld());
    expect((await ask("/")).status).toBe(404);
    expect((await ask("/healthz", "POST")).status).toBe(405);
  });
});
