import { describe, expect, it } from "@jest/globals";

import { KINDS } from "../kinds/builtin.ts";
import { openFence } from "../lifecycle/fence.ts";
import { LeaseFence } from "../lifecycle/fence.ts";
import { createMetrics } from "../base/metrics.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { fakeWorld } from "../testing/fake-clock.ts";
import { memoryLogger } from "../testing/memory-logger.ts";
import { Client } from "./client.ts";
import { LineDecoder, LineError } from "./line-decoder.ts";
import { compileSelector } from "./paths.ts";
import type { WriteFence } from "./rest-client.ts";
import { RestClient } from "./rest-client.ts";

function setUp(fence: WriteFence = openFence()) {
  const world = fakeWorld();
  const server = new FakeApiServer({ clock: world.clock });
  const metrics = createMetrics();
  const rest = new RestClient({
    transport: server,
    world,
    logger: memoryLogger(),
    metrics,
    fence,
  });
  return { world, server, metrics, client: new Client(rest) };
}

const map = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "ns", name: "m" },
};
const key = { namespace: "ns", name: "m" };
const manager = { fieldManager: "me" };

describe("calls", () => {
  it("come back as objects, absent ones as undefined", async () => {
    const { client } = setUp();
    expect(await client.get(KINDS.ConfigMap, key)).toBeUndefined();
    const made = await client.create(KINDS.ConfigMap, map, manager);
    expect(made.metadata.uid).not.toBe("");
    await expect(client.create(KINDS.ConfigMap, map, manager)).rejects.toMatchObject({
      code: "KUBE_ALREADY_EXISTS",
    });
    expect((await client.delete(KINDS.ConfigMap, key)).outcome).toBe("gone");
    expect((await client.delete(KINDS.ConfigMap, key)).outcome).toBe("not-found");
  });

  it("bring who manages which fields only where that is asked for", async () => {
    const { client } = setUp();
    expect(await client.readManagedFields(KINDS.ConfigMap, key)).toBeUndefined();
    const made = await client.apply(KINDS.ConfigMap, { ...map, ...{ data: { a: "1" } } }, manager);
    expect(made.metadata.managedFields).toEqual([{ manager: "me", operation: "Apply" }]);
    const fields = await client.readManagedFields(KINDS.ConfigMap, key);
    expect(fields).toMatchObject({
      uid: made.metadata.uid,
      resourceVersion: made.metadata.resourceVersion,
      entries: [{ manager: "me", operation: "Apply", fieldsV1: expect.any(Object) }],
    });
  });

  it("are repeated after 429 as late as the server asks, also writes", async () => {
    const { client, server, world } = setUp();
    let refusals = 2;
    server.intercept = () =>
      refusals-- > 0 ? { kind: "answer", status: 429, retryAfterMs: 3_000 } : undefined;
    const done = client.create(KINDS.ConfigMap, map, manager);
    await world.clock.advance(2_900);
    expect(server.log).toHaveLength(1);
    await world.clock.advance(20_000);
    expect((await done).metadata.name).toBe("m");
    expect(server.log).toHaveLength(3);
  });

  it("that write are not repeated when nobody knows whether the server acted", async () => {
    const { client, server, world } = setUp();
    server.intercept = () => ({ kind: "lost-answer" });
    const done = client.create(KINDS.ConfigMap, map, manager).catch((cause: unknown) => cause);
    await world.clock.advance(60_000);
    expect(await done).toMatchObject({ code: "KUBE_TRANSPORT" });
    expect(server.log).toHaveLength(1);
  });

  it.each([
    ["GET", 500, 2],
    ["GET", 504, 2],
    ["POST", 503, 2],
    ["POST", 500, 1],
    ["POST", 504, 1],
    ["GET", 403, 1],
  ] as const)("%s after %s is sent %s times", async (method, status, times) => {
    const { client, server, world } = setUp();
    let failures = 1;
    server.intercept = () => (failures-- > 0 ? { kind: "answer", status } : undefined);
    const call =
      method === "GET"
        ? client.get(KINDS.ConfigMap, key)
        : client.create(KINDS.ConfigMap, map, manager);
    const done = call.catch((cause: unknown) => cause);
    await world.clock.advance(10_000);
    await done;
    expect(server.log).toHaveLength(times);
  });

  it("are counted under the names of client-go", async () => {
    const { client, metrics } = setUp();
    await client.get(KINDS.ConfigMap, key);
    const text = await metrics.registry.getSingleMetricAsString("rest_client_requests_total");
    expect(text).toContain('rest_client_requests_total{code="404",method="GET",host="fake"} 1');
  });

  it("that write do not leave behind a closed fence, and those under way are given up", async () => {
    const world = fakeWorld();
    const fence = new LeaseFence(world);
    const { client, server } = setUp(fence);
    await expect(client.create(KINDS.ConfigMap, map, manager)).rejects.toMatchObject({
      code: "KUBE_NOT_LEADER",
    });
    expect(server.log).toEqual([]);
    fence.openUntil(1_000);
    let release: () => void = () => undefined;
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.intercept = () => ({ kind: "delay", until });
    const slow = client.create(KINDS.ConfigMap, map, manager).catch((cause: unknown) => cause);
    await world.clock.advance(1_500);
    release();
    expect(await slow).toMatchObject({ code: "KUBE_TRANSPORT", aborted: true });
    expect(server.readAll(KINDS.ConfigMap)).toEqual([]);
  });
});

describe("LineDecoder", () => {
  it("joins lines over any split, and takes several in one chunk", () => {
    const bytes = Buffer.from(
      '{"type":"ADDED","object":{"a":"\u{1f600}"}}\n\n{"type":"BOOKMARK","object":{}}\n{"ty',
    );
    for (let size = 1; size <= bytes.length; size++) {
      const decoder = new LineDecoder();
      const types: string[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        for (const line of decoder.push(bytes.subarray(at, at + size))) types.push(line.type);
      }
      expect(types).toEqual(["ADDED", "BOOKMARK"]);
    }
  });

  it.each(["not json\n", "[1]\n", '{"type":1,"object":{}}\n'])("refuses %j", (text) => {
    expect(() => new LineDecoder().push(Buffer.from(text))).toThrow(LineError);
  });
});

describe("compileSelector", () => {
  it.each([
    ["", {}, true],
    ["a", { a: "1" }, true],
    ["a", {}, false],
    ["!a", {}, true],
    ["a=1,b", { a: "1", b: "" }, true],
    ["a!=1", {}, true],
    ["a in (1,2),b", { a: "2", b: "x" }, true],
    ["a in (1,2)", { a: "3" }, false],
    ["a notin (1,2)", {}, true],
    ["example.io/owner-uid", { "example.io/owner-uid": "u" }, true],
  ])("%j", (selector, labels, want) => {
    expect(compileSelector(selector)(labels)).toBe(want);
  });

  it("refuses what it does not know", () => {
    expect(() => compileSelector("a b")).toThrow("not a label selector");
  });
});
