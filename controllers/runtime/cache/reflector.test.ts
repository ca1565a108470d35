import { describe, expect, it } from "@jest/globals";

import { TransportError } from "../client/errors.ts";
import { RestClient } from "../client/rest-client.ts";
import type { Transport, WatchLine, WatchResponse } from "../client/transport.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { Live } from "../kinds/kind.ts";
import { createMetrics } from "../base/metrics.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { fakeWorld, settle } from "../testing/fake-clock.ts";
import { memoryLogger } from "../testing/memory-logger.ts";
import { Reflector } from "./reflector.ts";
import { Store } from "./store.ts";

function setUp(
  options: {
    readonly streamingLists?: boolean;
    readonly metadataOnly?: boolean;
    readonly wrap?: (server: FakeApiServer) => Transport;
  } = {},
) {
  const world = fakeWorld();
  const server = new FakeApiServer({
    clock: world.clock,
    streamingLists: options.streamingLists ?? true,
  });
  const logger = memoryLogger();
  const metrics = createMetrics();
  const store = new Store({ logger });
  const rest = new RestClient({
    transport: options.wrap?.(server) ?? server,
    world,
    logger,
    metrics,
  });
  const reflector = new Reflector({
    kind: KINDS.ConfigMap,
    namespace: "",
    labelSelector: "",
    fieldSelector: "",
    metadataOnly: options.metadataOnly ?? false,
    rest,
    store,
    world,
    logger,
    metrics,
  });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  return {
    server,
    store,
    reflector,
    metrics,
    clock: world.clock,
    /** A request of somebody else on the same client. */
    ask: () => rest.call({ method: "GET", path: "/api/v1/namespaces/ns/configmaps" }),
    names: () => [...store.values()].map((one) => one.metadata.name).sort(),
    relists: async () => {
      const { values } = await metrics.relists.get();
      return Object.fromEntries(values.map((one) => [one.labels.reason, one.value]));
    },
    end: async () => {
      stop.abort();
      await settle();
      await running;
    },
  };
}

function add(server: FakeApiServer, name: string, text = ""): void {
  server.userApply(KINDS.ConfigMap, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace: "ns", name },
    ...({ data: { text } } as object),
  });
}

async function* breakAfterOne(
  response: WatchResponse,
  broken: () => void,
): AsyncGenerator<WatchLine> {
  for await (const line of response.events) {
    yield line;
    yield { type: "BOOKMARK", object: { metadata: { resourceVersion: "50" } }, bytes: 0 };
    response.close();
    broken();
    throw new TransportError("reset");
  }
}

describe("a reflector", () => {
  it.each([true, false])("fills and follows (streaming lists: %s)", async (streamingLists) => {
    const world = setUp({ streamingLists });
    for (let index = 0; index < 3; index++) add(world.server, `early-${index}`);
    await world.clock.advance(1_000);
    expect(world.reflector.synced).toBe(true);
    add(world.server, "late");
    world.server.userDelete(KINDS.ConfigMap, { namespace: "ns", name: "early-0" });
    await world.clock.advance(1_000);
    expect(world.names()).toEqual(["early-1", "early-2", "late"]);
    await world.end();
  });

  it("pages a large list of one snapshot", async () => {
    const world = setUp({ streamingLists: false });
    for (let index = 0; index < 1_200; index++) add(world.server, `m-${index}`);
    await world.clock.advance(1_000);
    expect(world.store.size).toBe(1_200);
    const pages = world.server.log.filter((one) => one.query["limit"] !== undefined);
    expect(pages).toHaveLength(3);
    await world.end();
  });

  it("asks for everything at once when snapshots never live until their last page", async () => {
    const world = setUp({ streamingLists: false });
    for (let index = 0; index < 1_200; index++) add(world.server, `m-${index}`);
    world.server.intercept = (request) => {
      if (request.query?.["continue"] !== undefined) world.server.compact();
      return undefined;
    };
    await world.clock.advance(5_000);
    expect(world.store.size).toBe(1_200);
    const lists = world.server.log.filter((one) => !one.watch);
    expect(lists.map((one) => [one.query["limit"], one.status])).toEqual([
      ["500", 200],
      ["500", 410],
      [undefined, 200],
    ]);
    await world.end();
  });

  it("resumes without a list after a break, also on a quiet kind whose history is gone", async () => {
    const world = setUp();
    add(world.server, "a");
    await world.clock.advance(1_000);
    // Other kinds go on; only a bookmark keeps this watch's version fresh.
    for (let index = 0; index < 5; index++) {
      world.server.userApply(KINDS.Service, {
        apiVersion: "v1",
        kind: "Service",
        metadata: { namespace: "ns", name: `s-${index}` },
      });
    }
    await world.clock.advance(61_000);
    world.server.compact();
    world.server.breakWatches();
    await world.clock.advance(5_000);
    expect(await world.relists()).toEqual({ initial: 1 });
    add(world.server, "b");
    await world.clock.advance(1_000);
    expect(world.names()).toEqual(["a", "b"]);
    await world.end();
  });

  it("relists after 410 and tells what vanished meanwhile", async () => {
    const world = setUp();
    add(world.server, "a");
    add(world.server, "b");
    await world.clock.advance(1_000);
    const gone: string[] = [];
    world.store.subscribe((change) => {
      if (change.gone) gone.push(change.object.metadata.name);
    });
    world.server.breakWatches();
    world.server.userDelete(KINDS.ConfigMap, { namespace: "ns", name: "a" });
    world.server.compact();
    await world.clock.advance(30_000);
    expect(await world.relists()).toEqual({ initial: 1, expired: 1 });
    expect(gone).toEqual(["a"]);
    await world.end();
  });

  it("leaves a silent stream and misses nothing", async () => {
    const world = setUp();
    await world.clock.advance(1_000);
    world.server.silenceWatches();
    add(world.server, "a");
    await world.clock.advance(68_000);
    expect(world.names()).toEqual([]);
    await world.clock.advance(10_000);
    expect(world.names()).toEqual(["a"]);
    expect(await world.relists()).toEqual({ initial: 1 });
    await world.end();
  });

  it("does not storm a server that ends every watch at once", async () => {
    const world = setUp();
    await world.clock.advance(1_000);
    world.server.log.length = 0;
    for (let index = 0; index < 600; index++) {
      world.server.endWatches();
      await world.clock.advance(100);
    }
    expect(world.server.log.length).toBeLessThan(30);
    await world.end();
  });

  it("waits as long as the server asks", async () => {
    const world = setUp();
    await world.clock.advance(1_000);
    world.server.intercept = () => ({ kind: "answer", status: 429, retryAfterMs: 20_000 });
    world.server.breakWatches();
    await world.clock.advance(2_000);
    const before = world.server.log.length;
    await world.clock.advance(17_000);
    expect(world.server.log.length).toBe(before);
    world.server.intercept = () => undefined;
    await world.clock.advance(30_000);
    add(world.server, "a");
    await world.clock.advance(1_000);
    expect(world.names()).toEqual(["a"]);
    await world.end();
  });

  it("is back soon after a long outage, once anybody's request gets through", async () => {
    const world = setUp();
    await world.clock.advance(1_000);
    world.server.intercept = () => ({ kind: "lost-request" });
    world.server.breakWatches();
    await world.clock.advance(150_000);
    world.server.intercept = () => undefined;
    add(world.server, "a");
    await world.ask();
    await world.clock.advance(1_100);
    expect(world.names()).toEqual(["a"]);
    expect(await world.relists()).toEqual({ initial: 1 });
    await world.end();
  });

  it("does not come back sooner than the server asked because others get through", async () => {
    const world = setUp();
    await world.clock.advance(1_000);
    world.server.intercept = (_request, isWatch) =>
      isWatch ? { kind: "answer", status: 503, retryAfterMs: 20_000 } : undefined;
    world.server.breakWatches();
    await world.clock.advance(2_000);
    world.server.log.length = 0;
    await world.ask();
    await world.clock.advance(15_000);
    expect(world.server.log.filter((one) => one.watch)).toEqual([]);
    await world.end();
  });

  it("asks less and less often for what keeps failing while others are served", async () => {
    const world = setUp();
    await world.clock.advance(1_000);
    world.server.intercept = (_request, isWatch) =>
      isWatch ? { kind: "answer", status: 500 } : undefined;
    world.server.breakWatches();
    world.server.log.length = 0;
    for (let turn = 0; turn < 300; turn++) {
      await world.ask();
      await world.clock.advance(2_000);
    }
    expect(world.server.log.filter((one) => one.watch).length).toBeLessThan(50);
    await world.end();
  });

  it("is blind for no longer than it saw when streams keep breaking", async () => {
    const world = setUp();
    await world.clock.advance(1_000);
    const seconds = { open: 0, blind: 0 };
    world.server.log.length = 0;
    for (let second = 0; second < 300; second++) {
      await world.clock.advance(1_000);
      const isOpen = world.server.openWatches > 0;
      seconds[isOpen ? "open" : "blind"] += 1;
      if (isOpen && seconds.open % 10 === 0) world.server.breakWatches();
    }
    expect(seconds.blind).toBeLessThan(1.2 * seconds.open);
    expect(world.server.log.length).toBeLessThan(50);
    await world.end();
  });

  it("relists at once when the history is gone after a long outage, but not again and again", async () => {
    const world = setUp();
    await world.clock.advance(1_000);
    world.server.intercept = () => ({ kind: "answer", status: 500 });
    world.server.breakWatches();
    await world.clock.advance(100_000);
    add(world.server, "a");
    world.server.compact();
    world.server.intercept = () => undefined;
    await world.ask();
    await world.clock.advance(2_500);
    expect(world.names()).toEqual(["a"]);
    expect(await world.relists()).toEqual({ initial: 1, expired: 1 });
    // From now on every watch expires at once.
    world.server.intercept = (request, isWatch) =>
      isWatch && request.query?.["sendInitialEvents"] === undefined
        ? { kind: "answer", status: 410 }
        : undefined;
    world.server.log.length = 0;
    for (let second = 0; second < 120; second++) {
      world.server.breakWatches();
      await world.clock.advance(1_000);
    }
    expect(world.server.log.length).toBeLessThan(30);
    await world.end();
  });

  it.each([true, false])(
    "sees that the server went back in time and counts on (streaming lists: %s)",
    async (streamingLists) => {
      const world = setUp({ streamingLists });
      add(world.server, "kept", "old");
      await world.clock.advance(1_000);
      const backup = world.server.storage.backup();
      add(world.server, "kept", "undone");
      add(world.server, "gone");
      for (let index = 0; index < 10; index += 1) add(world.server, `more-${index}`);
      await world.clock.advance(1_000);
      world.server.restore(backup, { rewinds: true });
      // Given out again, to another state, under the version of the one that was undone.
      add(world.server, "kept", "new");
      await world.clock.advance(5_000);
      expect(world.names()).toEqual(["kept"]);
      const [kept] = [...world.store.values()] as { readonly data?: { readonly text: string } }[];
      expect(kept?.data?.text).toBe("new");
      expect(await world.relists()).toEqual({ initial: 1, rewound: 1 });
      await world.end();
    },
  );

  it("soon knows a server that went back in time, also after a long outage", async () => {
    const world = setUp();
    const backup = world.server.storage.backup();
    for (let index = 0; index < 10; index += 1) add(world.server, `more-${index}`);
    await world.clock.advance(1_000);
    world.server.restore(backup, { rewinds: true });
    world.server.intercept = () => ({ kind: "lost-request" });
    await world.clock.advance(90_000);
    world.server.intercept = () => undefined;
    await world.ask();
    await world.clock.advance(3_000);
    expect(await world.relists()).toEqual({ initial: 1, rewound: 1 });
    expect(world.names()).toEqual([]);
    await world.end();
  });

  it.each(["an open stream", "a pause"])("lists anew after a doubt during %s", async (during) => {
    const world = setUp();
    add(world.server, "kept");
    await world.clock.advance(1_000);
    const backup = world.server.storage.backup();
    for (let index = 0; index < 10; index += 1) add(world.server, `more-${index}`);
    await world.clock.advance(1_000);
    const [seen] = [...world.store.values()].filter(({ metadata }) => metadata.name === "kept");
    world.server.restore(backup, { rewinds: true });
    const wrote = (): void => {
      const { resourceVersion } = seen?.metadata ?? {};
      const metadata = { ...seen?.metadata, resourceVersion: String(Number(resourceVersion) + 1) };
      world.store.wrote({ ...seen, metadata } as Live, "me");
    };
    if (during === "a pause") wrote();
    // The version that was seen last is reached again before anybody asks.
    for (let index = 0; index < 20; index += 1) add(world.server, `new-${index}`);
    if (during === "an open stream") {
      await world.clock.advance(20_000);
      expect(await world.relists()).toEqual({ initial: 1 });
      expect(world.names()).toContain("more-0");
      wrote();
    }
    await world.clock.advance(5_000);
    expect(await world.relists()).toEqual({ initial: 1, rewound: 1 });
    expect(world.names()).toHaveLength(21);
    expect(world.names()).not.toContain("more-0");
    await world.end();
  });

  it("lists anew every hour, whatever the versions say", async () => {
    const world = setUp();
    const backup = world.server.storage.backup();
    add(world.server, "gone");
    await world.clock.advance(1_000);
    world.server.restore(backup, { rewinds: true });
    for (let index = 0; index < 10; index += 1) add(world.server, `more-${index}`);
    // The version that was seen last is reached again before anybody asks.
    await world.clock.advance(5_000);
    expect(await world.relists()).toEqual({ initial: 1 });
    expect(world.names()).toContain("gone");
    await world.clock.advance(3_600_000 + 600_000);
    expect(world.names()).not.toContain("gone");
    expect(world.names()).toHaveLength(10);
    await world.end();
  });

  it("is not taken back by what a stream tells once more", async () => {
    const world = setUp();
    await world.clock.advance(1_000);
    add(world.server, "a");
    add(world.server, "a", "changed");
    world.server.userDelete(KINDS.ConfigMap, { namespace: "ns", name: "a" });
    await world.clock.advance(1_000);
    const told: string[] = [];
    world.store.subscribe(({ object }) => told.push(object.metadata.name));
    world.server.replayWatches();
    await world.clock.advance(1_000);
    expect(told).toEqual([]);
    await world.end();
  });

  it("never shows half of a streaming list", async () => {
    let broken = 0;
    const world = setUp({
      // The first streams break after one object and a bookmark that is not the last.
      wrap: (server) => ({
        host: "fake",
        request: (request) => server.request(request),
        close: () => server.close(),
        watch: async (request) => {
          const response = await server.watch(request);
          if (broken >= 3) return response;
          return { ...response, events: breakAfterOne(response, () => broken++) };
        },
      }),
    });
    add(world.server, "a");
    add(world.server, "b");
    const sizes: number[] = [];
    world.store.subscribe(() => sizes.push(world.store.size));
    await world.clock.advance(20_000);
    expect(broken).toBe(3);
    expect(sizes).toEqual([2, 2]);
    await world.end();
  });

  it("keeps metadata only where that is all it may see", async () => {
    const world = setUp({ metadataOnly: true });
    add(world.server, "a", "secret");
    await world.clock.advance(1_000);
    add(world.server, "b", "secret");
    await world.clock.advance(1_000);
    expect(world.names()).toEqual(["a", "b"]);
    expect(JSON.stringify([...world.store.values()])).not.toContain("secret");
    expect([...world.store.values()].map((one) => one.kind)).toEqual(["ConfigMap", "ConfigMap"]);
    await world.end();
  });

  it("keeps of managedFields only who manages", async () => {
    const world = setUp();
    add(world.server, "a");
    await world.clock.advance(1_000);
    const [live] = [...world.store.values()];
    expect(live?.metadata.managedFields).toEqual([{ manager: "kubectl", operation: "Apply" }]);
    await world.end();
  });
});
