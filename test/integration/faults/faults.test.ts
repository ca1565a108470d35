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
  await pause(1_000);
  const busy = perMinute(proxy.seen.length, performance.now() - beganAtMs);
  expect(busy).toBeLessThan(REQUESTS_PER_MINUTE_MAX);
  // What was left to do is done: then there is only the lease, twice a second.
  proxy.seen.length = 0;
  await pause(1_000);
  const rest = proxy.seen.filter(({ url }) => !url.includes("/leases/"));
  if (rest.length > 0) process.stderr.write(`${fault.name} at rest: ${JSON.stringify(rest)}\n`);
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
      lastsMs: 1_500,
      begin: () => {
        const timer = setInterval(() => server.proxy.reset(), 200);
        return Promise.resolve(() => Promise.resolve(clearInterval(timer)));
      },
    });
    expect(await operator.relists()).toEqual({ initial: expect.any(Number) });
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
    const operator = await survive({
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
    const operator = await survive({
      name: "429 with Retry-After: 2",
      lastsMs: 3_000,
      begin: () => {
        server.proxy.answer = () => ({ status: 429, retryAfterSeconds: 2 });
        server.proxy.reset();
        return Promise.resolve(() => {
          server.proxy.answer = () => undefined;
          // Each of the four watches and the lease asked at most twice in three seconds.
          const refused = server.proxy.seen.filter(({ status }) => status === 429);
          process.stderr.write(`${JSON.stringify(refused)}\n`);
          expect(refused.length).toBeLessThanOrEqual(12);
          return Promise.resolve();
        });
      },
    });
  });

  it("a burst of 500", async () => {
    const operator = await survive({
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
    const operator = await survive({
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
    const operator = await survive({
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
    const operator = await survive({
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
