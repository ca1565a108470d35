import { describe, expect, it } from "@jest/globals";

import { Client } from "../client/client.ts";
import { RestClient } from "../client/rest-client.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { Live } from "../kinds/kind.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { fakeWorld } from "../testing/fake-clock.ts";
import { memoryLogger } from "../testing/memory-logger.ts";
import { EventRecorder } from "./events.ts";
import { createMetrics } from "../base/metrics.ts";

function setUp() {
  const world = fakeWorld();
  const server = new FakeApiServer({ clock: world.clock });
  const logger = memoryLogger();
  const metrics = createMetrics();
  const client = new Client(new RestClient({ transport: server, world, logger, metrics }));
  const recorder = new EventRecorder({
    controller: "op",
    instance: "pod-0",
    client,
    world,
    logger,
    metrics,
  });
  const tell = (note: string, regarding = about()): void =>
    recorder.record({ regarding, type: "Normal", reason: "Said", action: "Say", note });
  return { clock: world.clock, server, metrics, recorder, tell };
}

function about(namespace: string | undefined = "shop"): Live {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: "m",
      uid: "u",
      resourceVersion: "1",
      ...(namespace === undefined ? {} : { namespace }),
    },
  };
}

describe("events", () => {
  it("say who, what and when in the server's format", async () => {
    const { server, recorder, tell } = setUp();
    tell("hello");
    await recorder.flushed();
    const [event] = server.readAll(KINDS.Event);
    expect(event).toMatchObject({
      eventTime: "2030-01-01T00:00:00.000000Z",
      reportingController: "op",
      reportingInstance: "pod-0",
      reason: "Said",
      action: "Say",
      note: "hello",
      regarding: { kind: "ConfigMap", name: "m", namespace: "shop", uid: "u" },
    });
  });

  it("become a series when repeated, written as its count doubles and at its end", async () => {
    const { clock, server, tell } = setUp();
    const count = () => server.readAll(KINDS.Event)[0]?.series?.count;
    tell("again");
    await clock.advance(1_000);
    tell("again");
    await clock.advance(1_000);
    expect(count()).toBe(2);
    for (let index = 0; index < 98; index++) {
      tell("again");
      await clock.advance(1_000);
    }
    expect(server.readAll(KINDS.Event)).toHaveLength(1);
    expect(count()).toBe(64);
    expect(server.log).toHaveLength(7);
    await clock.advance(420_000);
    expect(count()).toBe(100);
    expect(server.readAll(KINDS.Event)[0]?.series?.lastObservedTime).toBe(
      "2030-01-01T00:01:39.000000Z",
    );
    // Nothing is left to wake up for, and the next one begins a new series.
    expect(clock.waiting).toBe(0);
    tell("again");
    await clock.advance(1_000);
    expect(server.readAll(KINDS.Event)).toHaveLength(2);
  });

  it("are told every half hour while they go on, and anew if they have expired", async () => {
    const { clock, server, tell } = setUp();
    const count = () => server.readAll(KINDS.Event)[0]?.series?.count;
    for (let minute = 0; minute < 20; minute++) {
      tell("again");
      await clock.advance(60_000);
    }
    expect(count()).toBe(16);
    for (let minute = 0; minute < 12; minute++) {
      tell("again");
      await clock.advance(60_000);
    }
    expect(count()).toBe(32);
    const [event] = server.readAll(KINDS.Event);
    server.userDelete(KINDS.Event, { namespace: "shop", name: event?.metadata.name ?? "" });
    for (let minute = 0; minute < 45; minute++) {
      tell("again");
      await clock.advance(60_000);
    }
    expect(count()).toBeGreaterThan(60);
  });

  it("are tried again while the API server is away, and given up at a stop", async () => {
    const { clock, server, recorder, tell } = setUp();
    server.intercept = () => ({ kind: "lost-request" });
    tell("late");
    await clock.advance(20_000);
    expect(server.readAll(KINDS.Event)).toEqual([]);
    server.intercept = () => undefined;
    await clock.advance(20_000);
    expect(server.readAll(KINDS.Event)).toHaveLength(1);
    server.intercept = () => ({ kind: "answer", status: 500 });
    tell("never");
    await clock.advance(0);
    await recorder.flushed();
    recorder.close();
    server.log.length = 0;
    await clock.advance(600_000);
    expect(server.log).toEqual([]);
    expect(clock.waiting).toBe(0);
  });

  it("of one noisy object are cut off, others are heard", async () => {
    const { server, recorder, metrics, tell } = setUp();
    for (let index = 0; index < 100; index++) tell(`note ${index}`);
    const other = about();
    tell("other", { ...other, metadata: { ...other.metadata, uid: "u2" } });
    await recorder.flushed();
    expect(server.readAll(KINDS.Event)).toHaveLength(26);
    const dropped = await metrics.registry.getSingleMetricAsString("events_dropped_total");
    expect(dropped).toContain('events_dropped_total{reason="rate"} 75');
  });

  it("about cluster-scoped objects live in default", async () => {
    const { server, recorder } = setUp();
    const { namespace: _none, ...metadata } = about().metadata;
    const regarding = { ...about(), metadata };
    recorder.record({ regarding, type: "Warning", reason: "R", action: "A", note: "" });
    await recorder.flushed();
    expect(server.readAll(KINDS.Event)[0]?.metadata.namespace).toBe("default");
  });

  it("that cannot be written disturb nobody", async () => {
    const { server, recorder, tell } = setUp();
    server.intercept = () => ({ kind: "answer", status: 403 });
    tell("lost");
    await recorder.flushed();
    server.intercept = () => undefined;
    tell("heard");
    await recorder.flushed();
    expect(server.readAll(KINDS.Event)).toHaveLength(1);
  });
});
