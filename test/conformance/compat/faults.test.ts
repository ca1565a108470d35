// One operator's source on the package and on controllers/compat, under the same faults of a server
// on loopback. Each test asserts both sides: what the package does (1.3.9, the newest that can be
// installed) and what ours does.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { waitUntil } from "#test/support/wait.ts";

import { CRD, FaultServer, WIDGET } from "./fault-server.ts";
import type { Fact, RunningSample, Side } from "./sample.ts";
import { Sample } from "./sample.ts";

const SIDES = ["theirs", "ours"] as const;

let sample: Sample;
let servers: Readonly<Record<Side, FaultServer>>;
const running: Partial<Record<Side, RunningSample>> = {};
let markers = 0;

beforeAll(async () => {
  sample = await Sample.compile();
  const [theirs, ours] = await Promise.all([FaultServer.open(), FaultServer.open()]);
  servers = { theirs, ours };
  await Promise.all(SIDES.map(start));
});

afterAll(async () => {
  await Promise.all(Object.values(running).map((one) => one.kill()));
  await Promise.all(Object.values(servers).map((server) => server.close()));
  await sample.remove();
});

/** The sample on this side, started anew if its process has ended. */
async function start(side: Side): Promise<RunningSample> {
  const known = running[side];
  if (known?.isOver === false) return known;
  const fresh = await sample.start(side, servers[side].kubeconfigPath);
  running[side] = fresh;
  mark(side);
  await fresh.untilSeen("ADDED", marker());
  return fresh;
}

/** Does the same on both sides. */
async function both(
  act: (server: FaultServer, run: RunningSample) => Promise<void> | void,
): Promise<void> {
  await Promise.all(
    SIDES.map(async (side) => {
      await act(servers[side], await start(side));
    }),
  );
}

function marker(): string {
  return `marker-${markers}`;
}

function mark(side: Side): void {
  servers[side].apply(marker(), {});
}

/**
 * Creates an object and waits until it is seen: events come in the order of their changes, so
 * what was to be seen of earlier changes has been.
 */
async function barrier(): Promise<void> {
  markers++;
  await both(async (_server, run) => {
    mark(run === running.ours ? "ours" : "theirs");
    await run.untilSeen("ADDED", marker());
  });
}

function facts(side: Side, name: string): readonly Fact[] {
  return (running[side]?.facts ?? []).filter((fact) => Object.values(fact).includes(name));
}

/** Their process has ended with 1; ours has outlived this and sees what happens next. */
async function expectOnlyOursLives(): Promise<void> {
  expect(await running.theirs?.exit).toBe(1);
  markers++;
  mark("ours");
  await running.ours?.untilSeen("ADDED", marker());
  expect(running.ours?.isOver).toBe(false);
}

describe("faults of the connection", () => {
  // After many faults in a row ours would wait longer and longer, and the test with it.
  beforeEach(async () => {
    await running.ours?.kill();
    await Promise.all(SIDES.map(start));
  });

  it("a reset watch ends their process; ours goes on", async () => {
    await both((server) => server.resetWatches());
    await expectOnlyOursLives();
  });

  it("410 in the stream ends their process; ours lists anew", async () => {
    const object = { kind: "Status", apiVersion: "v1", code: 410, reason: "Expired" };
    await both((server) => server.sendLine({ type: "ERROR", object }));
    await expectOnlyOursLives();
    expect(running.theirs?.stderr).toContain("Malformed event object");
  });

  it("429 on connect ends their process; ours waits as it is told", async () => {
    await both((server) => {
      let refused = 0;
      server.intercept = ({ query }) =>
        query["watch"] === "true" && refused++ === 0
          ? { status: 429, retryAfterSeconds: 1 }
          : undefined;
      server.requests.length = 0;
      server.endWatches();
    });
    await expectOnlyOursLives();
    const [refused, next] = servers.ours.watchRequests;
    expect((next?.atMs ?? 0) - (refused?.atMs ?? 0)).toBeGreaterThanOrEqual(1_000);
  });

  it("a kind that is not served at first ends their process; ours looks for it", async () => {
    await Promise.all(Object.values(running).map((one) => one.kill()));
    for (const side of SIDES) servers[side].isServed = false;
    for (const side of SIDES) {
      running[side] = await sample.start(side, servers[side].kubeconfigPath);
    }
    expect(await running.theirs?.exit).toBe(1);
    for (const side of SIDES) servers[side].isServed = true;
    await expectOnlyOursLives();
  });

  it("the server ends the watch: theirs replays everything, but no deletion", async () => {
    await both(async (server, run) => {
      server.apply("steady", {});
      server.apply("doomed", {});
      await run.untilSeen("ADDED", "doomed");
      server.requests.length = 0;
      server.endWatches();
      server.delete("doomed");
    });
    await barrier();
    expect(running.theirs?.seen("steady")).toEqual(["ADDED steady", "ADDED steady"]);
    expect(running.ours?.seen("steady")).toEqual(["ADDED steady"]);
    expect(running.theirs?.seen("doomed")).toEqual(["ADDED doomed"]);
    expect(running.ours?.seen("doomed")).toEqual(["ADDED doomed", "DELETED doomed"]);
    expect(servers.theirs.watchRequests.map(({ query }) => query)).toEqual([{ watch: "true" }]);
    const resumed = servers.ours.watchRequests.at(-1)?.query;
    expect(resumed?.["allowWatchBookmarks"]).toBe("true");
    expect(resumed?.["resourceVersion"]).toMatch(/^[0-9]+$/);
  });

  it("and when the server has forgotten the history, ours finds out by comparing", async () => {
    await both(async (server, run) => {
      server.apply("forgotten", {});
      await run.untilSeen("ADDED", "forgotten");
      server.endWatches();
      server.delete("forgotten");
      server.api.compact();
    });
    // A list has no order of events: ours may see the marker first.
    await running.ours?.untilSeen("DELETED", "forgotten");
    await barrier();
    expect(running.theirs?.seen("forgotten")).toEqual(["ADDED forgotten"]);
    expect(running.ours?.seen("forgotten")).toEqual(["ADDED forgotten", "DELETED forgotten"]);
  });
});

describe("handlers", () => {
  it("one that rejects is forgotten without a word on theirs; called again on ours", async () => {
    await both(async (server, run) => {
      await run.obey({ do: "fail", name: "trying", times: 2 });
      server.apply("trying", {});
      await run.untilSeen("ADDED", "trying");
    });
    await running.ours?.untilSeen("ADDED", "trying", 3);
    await barrier();
    expect(running.theirs?.seen("trying")).toEqual(["ADDED trying"]);
    expect(running.ours?.seen("trying")).toEqual(Array.from({ length: 3 }, () => "ADDED trying"));
    const told = (side: Side): readonly Fact[] =>
      (running[side]?.facts ?? []).filter((fact) => /the sample fails/.test(String(fact["text"])));
    expect(told("theirs")).toEqual([]);
    expect(told("ours")).toHaveLength(2);
  });

  it("one that hangs holds up everything on theirs; only its own object on ours", async () => {
    await both(async (server, run) => {
      await run.obey({ do: "hold", name: "hung" });
      server.apply("hung", {});
      await run.untilSeen("ADDED", "hung");
      server.apply("other", {});
    });
    await running.ours?.untilSeen("ADDED", "other");
    expect(running.theirs?.seen("other")).toEqual([]);
    await both((_server, run) => run.obey({ do: "release", name: "hung" }).then(() => undefined));
    await barrier();
    expect(running.theirs?.seen("hung", "other")).toEqual(["ADDED hung", "ADDED other"]);
  });

  it("a burst of edits is one call each on theirs; one with the newest state on ours", async () => {
    await both(async (server, run) => {
      await run.obey({ do: "hold", name: "busy" });
      server.apply("busy", { text: "0" });
      await run.untilSeen("ADDED", "busy");
      for (let edit = 1; edit <= 10; edit++) server.apply("busy", { text: String(edit) });
      server.apply("after-busy", {});
    });
    await running.ours?.untilSeen("ADDED", "after-busy");
    await both((_server, run) => run.obey({ do: "release", name: "busy" }).then(() => undefined));
    await barrier();
    const texts = (side: Side): readonly unknown[] =>
      facts(side, "busy").flatMap((fact) => (fact["saw"] === "MODIFIED" ? [fact["text"]] : []));
    expect(texts("theirs")).toEqual(Array.from({ length: 10 }, (_, edit) => String(edit + 1)));
    expect(texts("ours")).toEqual(["10"]);
  });
});

describe("writes", () => {
  it("the status of an object that has changed is lost on theirs; written on ours", async () => {
    await both(async (server, run) => {
      await run.obey({ do: "hold", name: "edited" });
      server.apply("edited", { text: "old", report: true });
      await run.untilSeen("ADDED", "edited");
      server.apply("edited", { text: "new", report: true });
      await run.obey({ do: "release", name: "edited" });
      await run.until("the status is tried", (all) =>
        all.some((one) => one["status"] === "edited"),
      );
    });
    const first = (side: Side): unknown =>
      facts(side, "edited").find((fact) => fact["status"] !== undefined)?.["set"];
    expect(first("theirs")).toBe(false);
    expect(first("ours")).toBe(true);
    // Other objects do not wait for this one, so a marker says nothing about its second write.
    await waitUntil(() => servers.ours.read("edited")?.status?.["seen"] === 2, {
      what: "the newest generation in the status",
      deadlineMs: 20_000,
    });
    expect(servers.ours.read("edited")?.status).toEqual({ text: "new", seen: 2 });
  });

  it("a finalizer that somebody else sets meanwhile is lost on theirs; kept on ours", async () => {
    const finalizers = (server: FaultServer): readonly string[] =>
      server.read("shared")?.metadata.finalizers ?? [];
    await both(async (server, run) => {
      let met = false;
      server.intercept = ({ method, path }) => {
        if (met || method !== "PATCH" || !path.endsWith("/widgets/shared")) return undefined;
        met = true;
        const key = { namespace: "default", name: "shared" };
        const metadata = { finalizers: ["other.io/hold"] };
        server.api.userPatch(WIDGET, key, { metadata }, "", "somebody-else");
        return undefined;
      };
      server.apply("shared", { guarded: true });
      await run.until("the finalizer is set", () =>
        finalizers(server).includes("example.io/guard"),
      );
    });
    expect(finalizers(servers.theirs)).toEqual(["example.io/guard"]);
    expect(new Set(finalizers(servers.ours))).toEqual(
      new Set(["example.io/guard", "other.io/hold"]),
    );
    await both(async (server, run) => {
      server.delete("shared");
      await run.until("it is cleaned up", (all) => all.some((one) => one["cleaned"] === "shared"));
    });
    await barrier();
    expect(servers.theirs.read("shared")).toBeUndefined();
    expect(finalizers(servers.ours)).toEqual(["other.io/hold"]);
  });

  it("a finalizer refused once counts as handled on theirs; is set on ours", async () => {
    await both(async (server, run) => {
      let refused = 0;
      server.intercept = ({ method, path }) =>
        method === "PATCH" && path.endsWith("/widgets/unlucky") && refused++ === 0
          ? { status: 500 }
          : undefined;
      server.apply("unlucky", { guarded: true });
      await run.untilSeen("ADDED", "unlucky");
    });
    await running.ours?.untilSeen("MODIFIED", "unlucky");
    await barrier();
    expect(facts("theirs", "unlucky")).toContainEqual({ finalizer: "unlucky", handled: true });
    expect(servers.theirs.read("unlucky")?.metadata.finalizers).toBeUndefined();
    expect(servers.ours.read("unlucky")?.metadata.finalizers).toEqual(["example.io/guard"]);
  });

  it("each write is a TLS handshake on theirs; ours shares connections", async () => {
    const before = { theirs: 0, ours: 0 };
    for (const side of SIDES) before[side] = servers[side].handshakes;
    const names = Array.from({ length: 20 }, (_, number) => `writer-${number}`);
    await both(async (server, run) => {
      for (const name of names) server.apply(name, { text: "x", report: true });
      await run.until("all are written", () =>
        names.every((name) => server.read(name)?.status?.seen === 1),
      );
    });
    expect(servers.theirs.handshakes - before.theirs).toBeGreaterThanOrEqual(40);
    expect(servers.ours.handshakes - before.ours).toBeLessThanOrEqual(16);
  });

  it("skipping verification holds for watches only on theirs; for all on ours", async () => {
    const got: Partial<Record<Side, unknown>> = {};
    await Promise.all(
      SIDES.map(async (side) => {
        const server = await FaultServer.open({ verified: false });
        server.apply("unverified", { text: "x", report: true });
        const run = await sample.start(side, server.kubeconfigPath);
        const isTried = (fact: Fact): boolean => fact["status"] === "unverified";
        await run.until("the status is tried", (all) => all.some(isTried));
        got[side] = run.facts.find(isTried)?.["set"];
        await run.kill();
        await server.close();
      }),
    );
    expect(got).toEqual({ theirs: false, ours: true });
  });

  it("a CRD that has changed stays as it was on theirs; is updated on ours", async () => {
    const versions = async (server: FaultServer, run: RunningSample, names: readonly string[]) => {
      const file = join(server.folder, "crd.yaml");
      await writeFile(file, JSON.stringify(definition(names)));
      await run.obey({ do: "register", file });
      const live = server.api.read(CRD, { namespace: "", name: "gadgets.example.io" });
      return (live?.spec as ReturnType<typeof definition>["spec"]).versions.map(({ name }) => name);
    };
    const got: Partial<Record<Side, readonly string[]>> = {};
    await both(async (server, run) => {
      expect(await versions(server, run, ["v1"])).toEqual(["v1"]);
      const side = run === running.ours ? "ours" : "theirs";
      got[side] = await versions(server, run, ["v1", "v2"]);
    });
    expect(got).toEqual({ theirs: ["v1"], ours: ["v1", "v2"] });
    const log = facts("ours", "gadgets.example.io");
    expect(log.map((fact) => fact["versions"])).toEqual([["v1"], ["v1", "v2"]]);
  });
});

describe("the rest of the class", () => {
  it("says the same about addresses and credentials", async () => {
    const said: Partial<Record<Side, Fact>> = {};
    await both(async (_server, run) => {
      const told = await run.obey({ do: "describe" });
      const text = JSON.stringify(told.find((fact) => fact["uri"] !== undefined)).replaceAll(
        /127\.0\.0\.1:[0-9]+/g,
        "server",
      );
      said[run === running.ours ? "ours" : "theirs"] = JSON.parse(text) as Fact;
    });
    expect(said.ours).toEqual(said.theirs);
    expect(said.ours?.["uri"]).toBe("https://server/apis/example.io/v1/namespaces/default/widgets");
  });

  it("k8sApi makes a TLS handshake per call on theirs; ours shares connections", async () => {
    const before = { theirs: 0, ours: 0 };
    for (const side of SIDES) before[side] = servers[side].handshakes;
    await both(async (server, run) => {
      expect(await run.obey({ do: "call", times: 20 })).toContainEqual({ obeyed: "call" });
      const calls = server.requests.filter(({ path }) => path === "/api/v1/nodes");
      expect(calls).toHaveLength(20);
    });
    expect(servers.theirs.handshakes - before.theirs).toBeGreaterThanOrEqual(20);
    expect(servers.ours.handshakes - before.ours).toBeLessThanOrEqual(2);
  });

  it("stop() ends their process at once, with 1; ours when all is done, with 0", async () => {
    await both(async (server, run) => {
      await run.obey({ do: "hold", name: "last" });
      server.apply("last", { text: "done", report: true });
      await run.untilSeen("ADDED", "last");
      await run.obey({ do: "stop" });
    });
    expect(await running.theirs?.exit).toBe(1);
    expect(servers.theirs.read("last")?.status).toBeUndefined();
    await running.ours?.obey({ do: "release", name: "last" });
    expect(await running.ours?.exit).toBe(0);
    expect(servers.ours.read("last")?.status).toEqual({ text: "done", seen: 1 });
    expect(servers.ours.openWatches).toBe(0);
  });
});

function definition(versions: readonly string[]) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "gadgets.example.io" },
    spec: {
      group: "example.io",
      scope: "Namespaced",
      names: { plural: "gadgets", singular: "gadget", kind: "Gadget", listKind: "GadgetList" },
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: { type: "object" } },
      })),
    },
  };
}
