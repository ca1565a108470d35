// The end of a manager: whatever ends it, passes under way come first and the lease goes last.

import { describe, expect, it } from "@jest/globals";

import { seededRng } from "#api/base/testing/seeded-rng.ts";

import { KINDS } from "../kinds/builtin.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import type { FakeClock } from "../testing/fake-clock.ts";
import { fakeWorld } from "../testing/fake-clock.ts";
import { memoryLogger } from "../testing/memory-logger.ts";
import { WIDGET, widget, widgetController } from "../testing/widgets.ts";
import { Manager } from "./operator-process.ts";
import type { ManagerOptions } from "./options.ts";
import { sleep } from "../base/timers.ts";

const leaderElection = { leaseName: "op", leaseNamespace: "system" };
const PASS_MS = 5_000;

interface Scene {
  readonly server: FakeApiServer;
  readonly clock: FakeClock;
  readonly manager: Manager;
  readonly logger: ReturnType<typeof memoryLogger>;
  /** Runs it; how it ended, once it has. */
  run(signal?: AbortSignal): { readonly outcome: string };
  /** Writes so far: the holder of a Lease, the subresource or the plural of anything else. */
  readonly writes: string[];
}

/** A manager whose passes take 5 s. */
function scene(options: Partial<ManagerOptions> = {}): Scene {
  const world = fakeWorld();
  const server = new FakeApiServer({ clock: world.clock, kinds: [WIDGET] });
  const logger = memoryLogger();
  const manager = new Manager({
    name: "widget-operator",
    identity: "pod-0",
    cluster: server,
    logger,
    clock: world.clock,
    timers: world.clock,
    rng: seededRng(1),
    ...options,
  });
  const port = { calls: [], fail: false };
  const act = (): Promise<void> => sleep(world.clock, PASS_MS);
  manager.add(widgetController(port, { act }));
  const writes: string[] = [];
  server.intercept = ({ method, path, body }) => {
    if (method === "GET" || path.includes("/events")) return undefined;
    const { spec } = body as { readonly spec?: { readonly holderIdentity?: string } };
    const leads = manager.isLeading ? "" : ", leads no more";
    if (path.includes("/leases")) writes.push(`lease of "${spec?.holderIdentity ?? ""}"${leads}`);
    else writes.push(path.slice(path.lastIndexOf("/") + 1));
    return undefined;
  };
  const run = (signal = new AbortController().signal): { readonly outcome: string } => {
    const running = { outcome: "" };
    manager.run(signal).then(
      () => (running.outcome = "ended"),
      (cause: unknown) => (running.outcome = String(cause)),
    );
    return running;
  };
  return { server, clock: world.clock, manager, logger, run, writes };
}

describe("a manager", () => {
  it("lets passes end and gives the lease back last, also where something fails", async () => {
    const { server, clock, manager, run, writes } = scene({ leaderElection });
    let fail = (): void => undefined;
    manager.addRunnable({
      name: "server",
      leaderOnly: true,
      run: () => new Promise((_, reject) => (fail = () => reject(new Error("port is taken")))),
    });
    const running = run();
    await clock.advance(5_000);
    server.userApply(WIDGET, widget("w", { text: "a" }));
    await clock.advance(1_000);
    expect(writes).not.toContain("status");
    fail();
    await clock.advance(30_000);
    expect(running.outcome).toBe("Error: port is taken");
    expect(server.read(WIDGET, { namespace: "shop", name: "w" })?.status?.text).toBe("a");
    expect(writes.slice(-2)).toEqual(["status", 'lease of "", leads no more']);
  });

  it("does not wait for ever for what does not hear its signal", async () => {
    const { clock, logger, manager, run } = scene();
    manager.addRunnable({
      name: "deaf",
      leaderOnly: false,
      run: () => new Promise(() => undefined),
    });
    const stop = new AbortController();
    const running = run(stop.signal);
    await clock.advance(1_000);
    stop.abort();
    await clock.advance(19_000);
    expect(running.outcome).toBe("");
    await clock.advance(2_000);
    expect(running.outcome).toBe("ended");
    const line = logger.lines.find(({ level }) => level === "error");
    expect(line).toMatchObject({ message: "runnable does not end", fields: { runnable: "deaf" } });
  });

  it("does not wait for ever for Events that cannot be written", async () => {
    const { server, clock, run } = scene();
    server.intercept = ({ path }) =>
      path.includes("/events") ? { kind: "delay", until: new Promise(() => undefined) } : undefined;
    const stop = new AbortController();
    const running = run(stop.signal);
    await clock.advance(1_000);
    server.userApply(WIDGET, widget("w", { text: "a" }));
    await clock.advance(10_000);
    stop.abort();
    await clock.advance(15_000);
    expect(running.outcome).toBe("");
    await clock.advance(10_000);
    expect(running.outcome).toBe("ended");
    expect(server.readAll(KINDS.Event)).toEqual([]);
  });
});
