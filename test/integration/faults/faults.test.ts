// What connections to a real API server go through, and what becomes of an operator: it never ends,
// misses no deletion, floods nobody, and is back soon. Recovery times and request rates are printed.

import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";

import type { CacheView, ManagerOptions } from "#controllers/runtime/index.ts";
import { KINDS, Manager } from "#controllers/runtime/index.ts";
import { memoryLogger } from "#controllers/runtime/testing/memory-logger.ts";
import { WIDGET, widget, widgetController } from "#controllers/runtime/testing/widgets.ts";

import { eventually, freshNamespace, userApply } from "../runtime/support.ts";
import type { FaultyServer } from "./support.ts";
import { faultyServer } from "./support.ts";

jest.setTimeout(60_000);

/** Above this an operator with four watches and a lease is a nuisance to a server in trouble. */
const REQUESTS_PER_MINUTE_MAX = 900;
/** The first moments of a recovery are busy and short: rates are of at least so long. */
const WINDOW_MS = 5_000;
const GONE_STATUS = JSON.stringify({
  type: "ERROR",
  object: { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" },
});

let server: FaultyServer;
const printed: string[] = [];
const running: Operator[] = [];
const rejections: unknown[] = [];
const onRejection = (cause: unknown): void => void rejections.push(cause);

beforeAll(async () => {
  process.on("unhandledRejection", onRejection);
  server = await faultyServer();
}, 120_000);

afterEach(async () => {
  server.proxy.answer = () => undefined;
  server.proxy.tokens.clear();
  server.proxy.blackHole = false;
  await Promise.all(running.splice(0).map((operator) => operator.stop()));
});

afterAll(async () => {
  await server.close();
  process.off("unhandledRejection", onRejection);
  const head = "fault                        lasted  recovered  requests/min  at rest/min";
  process.stderr.write(`\n${[head, ...printed].join("\n")}\n`);
}, 60_000);

interface Operator {
  readonly namespace: string;
  readonly manager: Manager;
  readonly view: CacheView;
  /** Names of widgets whose end the caches have told. */
  readonly gone: string[];
  readonly relists: () => Promise<Readonly<Record<string, number>>>;
  readonly ended: () => boolean;
  stop(): Promise<void>;
}

function startOperator(namespace: string, options: Partial<ManagerOptions>): Operator {
  const manager = new Manager({
    name: "fault-operator",
    identity: `pod-${namespace}`,
    cluster: server.access,
    logger: memoryLogger(),
    freezeObjects: true,
    watchNamespaces: [namespace],
    requestTimeoutMs: 1_500,
    leaderElection: {
      leaseName: "fault-operator",
      leaseNamespace: namespace,
      leaseDurationMs: 4_000,
      renewDeadlineMs: 3_000,
      retryPeriodMs: 500,
    },
    ...options,
  });
  manager.add(widgetController({ calls: [], fail: false }));
  const view = manager.view([{ kind: WIDGET }, { kind: KINDS.ConfigMap }]);
  const gone: string[] = [];
  view.onChange((change) => {
    if (change.gone && change.object.kind === "Widget") gone.push(change.object.metadata.name);
  });
  const stop = new AbortController();
  let ended = false;
  const running = manager.run(stop.signal).finally(() => {
    ended = true;
  });
  return {
    namespace,
    manager,
    view,
    gone,
    relists: async () => {
      const metric = manager.registry.getSingleMetric("informer_relists_total");
      const values = (await metric?.get())?.values ?? [];
      const sums: Record<string, number> = {};
      for (const { labels, value } of values) {
        const reason = String(labels["reason"]);
        sums[reason] = (sums[reason] ?? 0) + value;
      }
      return sums;
    },
    ended: () => ended,
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

/** True once caches, children and status are what the widgets on the server ask for. */
async function isRight(
  { namespace, view }: Operator,
  texts: Record<string, string>,
): Promise<boolean> {
  const cached = view.reader.list(WIDGET, { namespace });
  const names = cached.map((one) => one.metadata.name).join();
  if (names !== Object.keys(texts).sort().join()) return false;
  const { user } = server.real;
  const live = await user.list(WIDGET, { namespace });
  const maps = await user.list(KINDS.ConfigMap, { namespace });
  return live.every((one) => {
    const text = texts[one.metadata.name];
    const map = maps.find(({ metadata }) => metadata.name === `${one.metadata.name}-map`);
    return (
      one.status?.text === text &&
      map?.data?.["text"] === text &&
      view.reader.get(WIDGET, { namespace, name: one.metadata.name })?.spec.text === text
    );
  });
}

const perMinute = (count: number, ms: number): number => Math.round((count / ms) * 60_000);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** By what was asked for: the times between two answers 429 to the same question. */
function refusedGaps(): readonly (readonly [string, readonly number[]])[] {
  const times = new Map<string, number[]>();
  for (const { method, url, status, atMs } of server.proxy.seen) {
    if (status !== 429) continue;
    const { pathname, searchParams } = new URL(url, "https://x");
    const asked = `${method} ${pathname} ${searchParams.get("labelSelector") ?? ""}`;
    times.set(asked, [...(times.get(asked) ?? []), atMs]);
  }
  return [...times].map(([asked, all]) => [
    asked,
    all.slice(1).map((atMs, index) => atMs - (all[index] ?? 0)),
  ]);
}

interface Fault {
  readonly name: string;
  readonly options?: Partial<ManagerOptions>;
  /** Begins the fault. What it answers is run while users change things, and ends the fault. */
  begin(): Promise<() => Promise<void>>;
  /** How long it lasts beside what `begin` and its end take. */
  readonly lastsMs: number;
}

/** The one story of every fault; answers the operator, still running, for more questions. */
async function survive(fault: Fault): Promise<Operator> {
  const { real, proxy } = server;
  const slug = fault.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const ns = await freshNamespace(real.user, slug);
  const operator = startOperator(ns, fault.options ?? {});
  running.push(operator);
  const put = (name: string, text: string): Promise<unknown> =>
    userApply(real.user, WIDGET, widget(name, { text }, ns));
  for (const name of ["a", "b", "c"]) await put(name, "before");
  const before = { a: "before", b: "before", c: "before" };
  await eventually("all is well before", () => isRight(operator, before));

  proxy.seen.length = 0;
  const beganAtMs = performance.now();
  const end = await fault.begin();
  const changing = changeWhileAway(ns, put);
  await pause(fault.lastsMs);
  await end();
  await changing;
  const endedAtMs = performance.now();
  const after = { a: "before", c: "after", d: "new" };
  await eventually("all is well after", () => isRight(operator, after));
  const recoveredMs = performance.now() - endedAtMs;

  expect(operator.ended()).toBe(false);
  expect(rejections).toEqual([]);
  expect(operator.gone).toContain("b");
  // News arrive again.
  await put("e", "later");
  await eventually("news arrive", () => isRight(operator, { ...after, e: "later" }));
  await pause(500);
  const busy = perMinute(proxy.seen.length, Math.max(WINDOW_MS, performance.now() - beganAtMs));
  expect(busy).toBeLessThan(REQUESTS_PER_MINUTE_MAX);
  // What was left to do is done: then there is only the lease, twice a second.
  proxy.seen.length = 0;
  await pause(1_000);
  const rest = proxy.seen.filter(({ url }) => !url.includes("/leases/"));
  const row = [
    fault.name.padEnd(28),
    `${((endedAtMs - beganAtMs) / 1000).toFixed(1)} s`.padStart(6),
    `${(recoveredMs / 1000).toFixed(2)} s`.padStart(10),
    String(busy).padStart(13),
    String(perMinute(rest.length, 1_000)).padStart(12),
  ];
  printed.push(row.join(" "));
  return operator;
}

/** What users do while the operator may not see it. Repeated while the API server is away. */
async function changeWhileAway(
  namespace: string,
  put: (name: string, text: string) => Promise<unknown>,
): Promise<void> {
  const { user } = server.real;
  const steps: readonly (() => Promise<unknown>)[] = [
    () => user.delete(WIDGET, { namespace, name: "b" }),
    () => user.delete(KINDS.ConfigMap, { namespace, name: "a-map" }),
    () => put("c", "after"),
    () => put("d", "new"),
  ];
  for (const step of steps) {
    await eventually("a user's change", async () => {
      try {
        await step();
        return true;
      } catch {
        // The API server itself is away in some faults; `eventually` has the limit.
        return false;
      }
    });
  }
}

describe("an operator survives", () => {
  it("connections that are reset again and again", async () => {
    const operator = await survive({
      name: "reset",
      options: { health: { host: "127.0.0.1", port: 0 } },
      lastsMs: 1_500,
      begin: () => {
        const timer = setInterval(() => server.proxy.reset(), 200);
        // On a fast machine those would meet watches only: every third call loses its connection, too.
        let calls = 0;
        server.proxy.answer = ({ url = "" }) =>
          !url.includes("watch=true") && ++calls % 3 === 1 ? "drop" : undefined;
        return Promise.resolve(() => {
          clearInterval(timer);
          server.proxy.answer = () => undefined;
          return Promise.resolve();
        });
      },
    });
    expect(await operator.relists()).toEqual({ initial: expect.any(Number) });
    // Five watches and at most sixteen connections for calls: none of the broken ones is left.
    expect(server.proxy.connections).toBeLessThanOrEqual(21);
    const read = async (path: string): Promise<string> => {
      const port = operator.manager.healthPort ?? 0;
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return `${response.status} ${await response.text()}`;
    };
    expect([await read("/healthz"), await read("/readyz")]).toEqual(["200 ok\n", "200 ok\n"]);
    expect(await read("/metrics")).toMatch(/rest_client_requests_total\{code="<error>"/);
  });

  it("watches that fall silent while their connections stay", async () => {
    const operator = await survive({
      name: "silent watches",
      options: { watchSilenceMs: 1_500 },
      lastsMs: 100,
      begin: () => {
        server.proxy.silenceWatches();
        return Promise.resolve(() => Promise.resolve());
      },
    });
    expect(await operator.relists()).toEqual({ initial: expect.any(Number) });
  });

  it("a network that swallows every byte", async () => {
    await survive({
      name: "black hole",
      options: { watchSilenceMs: 1_500 },
      lastsMs: 3_000,
      begin: () => {
        server.proxy.blackHole = true;
        return Promise.resolve(() => {
          server.proxy.blackHole = false;
          return Promise.resolve();
        });
      },
    });
  });

  it("410 in the middle of its watches", async () => {
    const operator = await survive({
      name: "410 in the stream",
      lastsMs: 100,
      begin: () => {
        server.proxy.endWatchesWith(`${GONE_STATUS}\n`);
        return Promise.resolve(() => Promise.resolve());
      },
    });
    expect((await operator.relists())["expired"]).toBeGreaterThan(0);
  });

  it("429, and comes back no sooner than it was asked to", async () => {
    await survive({
      name: "429 with Retry-After: 2",
      lastsMs: 3_000,
      begin: () => {
        server.proxy.answer = () => ({ status: 429, retryAfterSeconds: 2 });
        server.proxy.reset();
        return Promise.resolve(() => {
          server.proxy.answer = () => undefined;
          for (const [asked, gapsMs] of refusedGaps()) {
            for (const gapMs of gapsMs) expect([asked, gapMs >= 1_900]).toEqual([asked, true]);
          }
          return Promise.resolve();
        });
      },
    });
  });

  it("a burst of 500", async () => {
    await survive({
      name: "burst of 500",
      lastsMs: 3_000,
      begin: () => {
        server.proxy.answer = () => ({ status: 500 });
        server.proxy.reset();
        return Promise.resolve(() => {
          server.proxy.answer = () => undefined;
          return Promise.resolve();
        });
      },
    });
  });

  it("a token that expires before its successor is there", async () => {
    await survive({
      name: "expired token",
      lastsMs: 1_500,
      begin: () => {
        server.proxy.tokens.set(server.token(), server.spentToken);
        server.proxy.reset();
        return Promise.resolve(async () => {
          expect(server.proxy.seen.some(({ status }) => status === 401)).toBe(true);
          await server.renewToken();
        });
      },
    });
  });

  it("an authority that is replaced", async () => {
    await survive({
      name: "rotated CA",
      lastsMs: 1_000,
      begin: async () => {
        const next = await server.rotateAuthority();
        return () => {
          server.publish(next);
          return Promise.resolve();
        };
      },
    });
  });

  it("a restart of the API server", async () => {
    await survive({
      name: "API server restart",
      lastsMs: 0,
      begin: async () => {
        const { start } = await server.stopApiServer();
        return start;
      },
    });
  });

  it("a compaction of etcd while it cannot reach a server that then restarts", async () => {
    const operator = await survive({
      name: "etcd compaction and restart",
      lastsMs: 500,
      begin: () => {
        // Users go past the proxy; the operator's history ends here.
        server.proxy.answer = () => ({ status: 503 });
        server.proxy.reset();
        return Promise.resolve(async () => {
          await server.compact();
          const { start } = await server.stopApiServer();
          await start();
          server.proxy.answer = () => undefined;
        });
      },
    });
    // The server itself said 410: what was deleted meanwhile is only known from the list.
    expect((await operator.relists())["expired"]).toBeGreaterThan(0);
  });
});

describe("an operator that is told to stop", () => {
  it("ends in time although nothing answers", async () => {
    const ns = await freshNamespace(server.real.user, "stopped");
    const operator = startOperator(ns, { shutdownTimeoutMs: 1_000 });
    await userApply(server.real.user, WIDGET, widget("a", { text: "before" }, ns));
    await eventually("all is well before", () => isRight(operator, { a: "before" }));
    server.proxy.blackHole = true;
    await userApply(server.real.user, WIDGET, widget("a", { text: "after" }, ns));
    const toldAtMs = performance.now();
    await operator.stop();
    // The limit of the drain, one attempt to give the lease back, and room for a busy machine.
    expect(performance.now() - toldAtMs).toBeLessThan(6_000);
  });
});

describe("a cache of a real server", () => {
  const count = 520;
  const ns = "cached";
  let round = 0;

  beforeAll(async () => {
    await freshNamespace(server.real.user, ns);
    const make = (index: number): Promise<unknown> =>
      server.real.user.create(KINDS.ConfigMap, map(`m-${index}`), { fieldManager: "test" });
    await Promise.all(Array.from({ length: count }, (_, index) => make(index)));
  }, 60_000);

  const map = (name: string) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace: ns, name },
    data: { text: "only data" },
  });

  /** Lists and watches of ConfigMaps that the proxy has seen, without their versions. */
  const asked = (): readonly string[] =>
    server.proxy.seen
      .filter(({ url }) => url.includes("/configmaps"))
      .map(({ url, status }) => {
        const query = new URL(url, "https://x").searchParams;
        const how = query.has("sendInitialEvents")
          ? "stream"
          : query.has("watch")
            ? "watch"
            : query.has("continue")
              ? "next page"
              : query.has("limit")
                ? "page"
                : "all";
        return `${how} ${status}`;
      });

  async function cache(metadataOnly: boolean): Promise<readonly string[]> {
    round++;
    const stop = new AbortController();
    const manager = new Manager({
      name: "cache",
      identity: "cache",
      cluster: server.access,
      logger: memoryLogger(),
      watchNamespaces: [ns],
    });
    const view = manager.view([{ kind: KINDS.ConfigMap, metadataOnly }]);
    server.proxy.seen.length = 0;
    const ended = manager.run(stop.signal);
    try {
      await view.whenSynced();
      const { user } = server.real;
      await user.delete(KINDS.ConfigMap, { namespace: ns, name: `m-${round}` });
      await user.create(KINDS.ConfigMap, map(`late-${round}`), { fieldManager: "test" });
      const mine = () =>
        view.reader.list(KINDS.ConfigMap).filter((one) => /^(m-|late)/.test(one.metadata.name));
      const names = (): readonly string[] => mine().map(({ metadata }) => metadata.name);
      await eventually("the cache follows", () =>
        Promise.resolve(names().includes(`late-${round}`)),
      );
      expect(names()).toHaveLength(count);
      expect(names()).not.toContain(`m-${round}`);
      const text = JSON.stringify(mine());
      const shown = [text.includes("only data"), text.includes("fieldsV1")];
      expect(shown).toEqual([!metadataOnly, false]);
    } finally {
      stop.abort();
      await ended;
    }
    return asked();
  }

  it("is filled by one stream, which goes on as the watch, also of metadata only", async () => {
    expect(await cache(false)).toEqual(["stream 200"]);
    expect(await cache(true)).toEqual(["stream 200"]);
  });

  it("is filled by pages where there are no streams, and at once where pages do not last", async () => {
    const noStreams = { status: 422 };
    server.proxy.answer = ({ url = "" }) =>
      url.includes("sendInitialEvents") ? noStreams : undefined;
    expect(await cache(true)).toEqual(["stream 422", "page 200", "next page 200", "watch 200"]);
    server.proxy.answer = ({ url = "" }) =>
      url.includes("continue=")
        ? { status: 410 }
        : url.includes("sendInitialEvents")
          ? noStreams
          : undefined;
    const whole = ["stream 422", "page 200", "next page 410", "all 200", "watch 200"];
    expect(await cache(false)).toEqual(whole);
  });

  it("keeps of managedFields who manages; the rest is read when it is asked for", async () => {
    await server.real.user.apply(KINDS.ConfigMap, map("managed"), { fieldManager: "test" });
    const fields = await server.real.user.readManagedFields(KINDS.ConfigMap, {
      namespace: ns,
      name: "managed",
    });
    expect(fields?.entries).toMatchObject([
      { manager: "test", operation: "Apply", fieldsV1: { "f:data": { "f:text": {} } } },
    ]);
  });
});
