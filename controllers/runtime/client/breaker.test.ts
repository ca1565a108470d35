import { describe, expect, it } from "@jest/globals";

import { KINDS } from "../kinds/builtin.ts";
import { createMetrics } from "../base/metrics.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { fakeWorld } from "../testing/fake-clock.ts";
import { memoryLogger } from "../testing/memory-logger.ts";
import { BreakerTransport } from "./breaker.ts";
import { Client } from "./client.ts";
import { RestClient } from "./rest-client.ts";

function setUp() {
  const world = fakeWorld();
  const server = new FakeApiServer({ clock: world.clock });
  const logger = memoryLogger();
  const changes: boolean[] = [];
  const breaker = new BreakerTransport({
    transport: server,
    cluster: "edge",
    world,
    logger,
    onChange: (open) => changes.push(open),
  });
  const rest = new RestClient({ transport: breaker, world, logger, metrics: createMetrics() });
  const client = new Client(rest);
  const sent: string[] = [];
  let reachable = true;
  server.intercept = (request) => {
    sent.push(request.method);
    return reachable ? undefined : { kind: "lost-request" };
  };
  const create = (name: string): Promise<unknown> =>
    client
      .create(KINDS.ConfigMap, map(name), { fieldManager: "me" })
      .catch((cause: unknown) => cause);
  return {
    clock: world.clock,
    breaker,
    client,
    changes,
    sent,
    create,
    setReachable: (value: boolean) => {
      reachable = value;
    },
  };
}

function map(name: string) {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "ns", name } };
}

describe("a circuit", () => {
  it("opens after three requests without an answer, and then asks nobody", async () => {
    const { sent, create, setReachable, breaker } = setUp();
    setReachable(false);
    for (let index = 0; index < 3; index++) {
      expect(await create("m")).toMatchObject({ code: "KUBE_TRANSPORT" });
    }
    expect(breaker.isClosed).toBe(false);
    sent.length = 0;
    expect(await create("m")).toMatchObject({
      code: "KUBE_CIRCUIT_OPEN",
      retry: { kind: "after" },
    });
    expect(sent).toEqual([]);
  });

  it("does not make a read wait through its retries", async () => {
    const { clock, client, setReachable, breaker } = setUp();
    setReachable(false);
    const key = { namespace: "ns", name: "m" };
    const first = client.get(KINDS.ConfigMap, key).catch((cause: unknown) => cause);
    await clock.advance(5_000);
    expect(await first).toMatchObject({ code: "KUBE_CIRCUIT_OPEN" });
    expect(breaker.isClosed).toBe(false);
  });

  it("lets one probe through at a time, and closes with the first answer", async () => {
    const { clock, sent, create, setReachable, changes } = setUp();
    setReachable(false);
    for (let index = 0; index < 3; index++) await create("m");
    await clock.advance(2_500);
    sent.length = 0;
    await Promise.all([create("a"), create("b"), create("c")]);
    expect(sent).toHaveLength(1);
    await clock.advance(10_000);
    setReachable(true);
    expect(await create("a")).toMatchObject({ metadata: { name: "a" } });
    expect(await create("b")).toMatchObject({ metadata: { name: "b" } });
    expect(changes).toEqual([true, false]);
  });

  it("asks an unreachable cluster less and less often", async () => {
    const { clock, sent, create, setReachable } = setUp();
    setReachable(false);
    for (let second = 0; second < 600; second++) {
      await create("m");
      await clock.advance(1_000);
    }
    expect(sent.length).toBeLessThan(50);
  });

  it("takes an error status for an answer, and no abort for a failure", async () => {
    const { breaker, client, create } = setUp();
    const gone = new AbortController();
    gone.abort();
    for (let index = 0; index < 5; index++) {
      await client
        .create(KINDS.ConfigMap, map("m"), { fieldManager: "me", signal: gone.signal })
        .catch(() => undefined);
      await create("m");
    }
    expect(breaker.isClosed).toBe(true);
  });
});
