// A dry-run says what the real controller then does, and writes nothing.

import { afterEach, describe, expect, it } from "@jest/globals";

import { Client } from "../client/client.ts";
import { RestClient } from "../client/rest-client.ts";
import type { Controller } from "../controller/types.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { KubeObject } from "../kinds/kind.ts";
import { createMetrics } from "../base/metrics.ts";
import { memoryLogger } from "../testing/memory-logger.ts";
import type { RunningManager, Widget, WidgetWorld } from "../testing/widgets.ts";
import { inShop, WIDGET, widget, widgetController, widgetWorld } from "../testing/widgets.ts";
import { clusterState, readOnlyTransport, snapshotState } from "./live-state.ts";
import { planChanges } from "./plan.ts";
import { printPlan } from "./print.ts";
import type { PlanResult } from "./types.ts";

let running: RunningManager | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

type Overrides = Parameters<typeof widgetController>[1];

const silentPort = { calls: [], fail: false };

function readOnlyClient(world: WidgetWorld): Client {
  const { clock } = world;
  const rest = new RestClient({
    transport: readOnlyTransport(world.server),
    world: { clock, timers: clock, rng: { next: () => 0.5, bytes: (n) => new Uint8Array(n) } },
    logger: memoryLogger(),
    metrics: createMetrics(),
  });
  return new Client(rest);
}

function dryRun(
  world: WidgetWorld,
  objects: readonly KubeObject[],
  overrides: Overrides = {},
): Promise<PlanResult> {
  return planChanges({
    controllers: [widgetController(silentPort, overrides)],
    objects,
    live: clusterState(readOnlyClient(world)),
    now: new Date(world.clock.nowMs()),
    logger: memoryLogger(),
  });
}

/** What a plan says about children, one line each. */
function lines(plan: PlanResult): readonly string[] {
  return plan.changes
    .filter(({ by, action }) => by !== "" && action !== "Unchanged" && action !== "Keep")
    .map(({ action, kind, name }) => `${action} ${kind} ${name}`)
    .sort();
}

/** What became of children, one line each. */
function seen(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names
    .flatMap((name) => {
      const [was, is] = [before.get(name), after.get(name)];
      if (was === is) return [];
      return [
        `${was === undefined ? "Create" : is === undefined ? "Delete" : "Configure"} ${name}`,
      ];
    })
    .sort();
}

function children({ server }: WidgetWorld): ReadonlyMap<string, string> {
  const all = [...server.readAll(KINDS.ConfigMap), ...server.readAll(KINDS.Service)];
  return new Map(
    all.map((one) => [`${one.kind} ${one.metadata.name}`, one.metadata.resourceVersion]),
  );
}

const STATES: readonly { readonly name: string; readonly spec: Widget["spec"] }[] = [
  { name: "plain", spec: { text: "a" } },
  { name: "other text", spec: { text: "b" } },
  { name: "with a service", spec: { text: "a", service: true } },
  { name: "with something kept", spec: { text: "a", kept: true } },
  { name: "all at once", spec: { text: "c", service: true, kept: true } },
  { name: "invalid", spec: { text: "a", invalid: true } },
  { name: "unserved", spec: { text: "a", unserved: "x" } },
];

describe("planChanges", () => {
  const pairs = STATES.flatMap((from) => STATES.map((to) => ({ from, to })));

  it.each(pairs)("from $from.name to $to.name is what then happens", async ({ from, to }) => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", from.spec));
    running = world.start();
    await world.clock.advance(2_000);
    const before = children(world);
    const version = world.server.storage.version;
    world.server.log.length = 0;
    const plan = await dryRun(world, [widget("w", to.spec)]);
    expect(new Set(world.server.log.map((one) => one.method))).toEqual(new Set(["GET"]));
    expect(world.server.storage.version).toBe(version);
    world.server.userApply(WIDGET, widget("w", to.spec));
    await world.clock.advance(2_000);
    expect(lines(plan)).toEqual(seen(before, children(world)));
    const stalled = world.server
      .read(WIDGET, inShop("w"))
      ?.status?.conditions?.find((one) => one.type === "Stalled");
    const told = plan.refusals[0];
    expect(told === undefined ? undefined : `${told.path}: ${told.message}`).toBe(stalled?.message);
  });

  it("says nothing about a cluster that is as it should be", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a", service: true }));
    running = world.start();
    await world.clock.advance(2_000);
    const plan = await dryRun(world, [widget("w", { text: "a", service: true })]);
    expect(plan.changes.map((one) => one.action)).toEqual(["Unchanged", "Unchanged", "Unchanged"]);
  });

  it("names fields, from and to, and what the user's own object changes", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a", kept: true }));
    running = world.start();
    await world.clock.advance(2_000);
    const plan = await dryRun(world, [widget("w", { text: "b", service: true })]);
    expect(printPlan(plan)).toBe(
      [
        "~ Widget shop/w  configure",
        "      spec.kept: true goes",
        "      spec.service: true is new",
        '      spec.text: "a" -> "b"',
        "~   ConfigMap shop/w-map  configure",
        '        data.text: "a" -> "b"',
        "+   Service shop/w-svc  create",
        "=   ConfigMap shop/w-kept  keep, though nobody wants it any more",
        "",
        "Calls outside Kubernetes:",
        "> Widget shop/w: announce b",
        "",
        "1 to create, 2 to configure, 0 to delete, 1 kept, 0 unchanged. Nothing was written.",
        "",
      ].join("\n"),
    );
  });

  it("sees an object of the same name that is not ours, which no cache shows", async () => {
    const world = widgetWorld();
    const metadata = { namespace: "shop", name: "w-map" };
    world.server.userApply(KINDS.ConfigMap, { apiVersion: "v1", kind: "ConfigMap", metadata });
    const plan = await dryRun(world, [widget("w", { text: "a", service: true })]);
    expect(plan.refusals.map((one) => one.reason)).toEqual(["NameConflict"]);
    expect(lines(plan)).toEqual([]);
  });

  it("follows what asks for more once the first child is there", async () => {
    const world = widgetWorld();
    const child = (name: string): KubeObject => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: "shop", name },
    });
    const render: NonNullable<Overrides>["render"] = ({ texts }) =>
      ["c0", "c1", "c2"].slice(0, texts.length + 1).map(child);
    const plan = await dryRun(world, [widget("w", { text: "a" })], { render });
    expect(lines(plan)).toEqual([
      "Create ConfigMap c0",
      "Create ConfigMap c1",
      "Create ConfigMap c2",
    ]);
  });

  it("goes down through kinds of ours, and up again through their status", async () => {
    const world = widgetWorld();
    const tree: Partial<Pick<Controller<Widget, never, never, never>, "children">> & object = {
      children: [{ kind: WIDGET }],
    };
    const plan = await dryRun(world, [widget("w", { text: "ab" })], {
      ...tree,
      observe: (key, reader) => {
        const found = reader.get(WIDGET, key);
        if (found === undefined) return undefined;
        const below = reader.owned(WIDGET, found.metadata.uid);
        return { widget: found, texts: below.map((one) => one.status?.text ?? "") };
      },
      render: ({ widget: { metadata, spec } }) =>
        spec.text === "" ? [] : [widget(`${metadata.name}-x`, { text: spec.text.slice(1) })],
    });
    expect(
      plan.changes.map(({ name, parent }) => `${name} of ${parent?.name ?? "the user"}`),
    ).toEqual(["w of the user", "w-x of w", "w-x-x of w-x"]);
  });

  it("tells apart what is due in any case", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("v", { text: "b" }));
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    const plan = await dryRun(world, [widget("w", { text: "a", service: true })]);
    expect(plan.changes.map(({ name, due }) => [name, due])).toEqual([
      ["w", undefined],
      ["w-map", true],
      ["w-svc", undefined],
    ]);
    expect(printPlan(plan)).toContain("+   ConfigMap shop/w-map  create (due in any case)\n");
  });

  it("tells what does not come to rest instead of running for ever", async () => {
    const world = widgetWorld();
    let count = 0;
    const plan = await dryRun(world, [widget("w", { text: "a" })], {
      render: () => [
        {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { namespace: "shop", name: "w-map" },
          data: { count: String(count++) },
        } as KubeObject,
      ],
    });
    expect(plan.notes).toEqual(["Widget shop/w does not come to rest"]);
  });

  it("leaves no value of a Secret in the answer", async () => {
    const world = widgetWorld();
    const secret = (token: string): KubeObject => {
      const object = {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { namespace: "shop", name: "s" },
        data: { token },
      };
      return object;
    };
    world.server.userApply(KINDS.Secret, secret("b2xk"));
    const plan = await dryRun(world, [secret("bmV3")]);
    expect(plan.changes[0]?.fields).toEqual([{ path: "data.token" }]);
    expect(JSON.stringify(plan)).not.toMatch(/b2xk|bmV3/);
  });
});

describe("a dry-run's way to the API server", () => {
  it("lets no write through, whoever asks", async () => {
    const world = widgetWorld();
    const client = readOnlyClient(world);
    const object = widget("w", { text: "a" });
    const key = inShop("w");
    const options = { fieldManager: "x" };
    const attempts = [
      () => client.apply(WIDGET, object, { ...options, dryRun: true }),
      () => client.create(WIDGET, object, options),
      () => client.delete(WIDGET, key),
      () => client.jsonPatch(WIDGET, key, [], options),
      () => client.scale(WIDGET, key, 1, options),
    ];
    for (const attempt of attempts)
      await expect(attempt()).rejects.toThrow("a dry-run does not send");
    expect(world.server.log).toEqual([]);
  });

  it("is not needed where a snapshot is in hand", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(2_000);
    const snapshot = [...world.server.readAll(WIDGET), ...world.server.readAll(KINDS.ConfigMap)];
    const plan = await planChanges({
      controllers: [widgetController(silentPort)],
      objects: [widget("w", { text: "b" })],
      live: snapshotState(snapshot),
      now: new Date(0),
      logger: memoryLogger(),
    });
    expect(lines(plan)).toEqual(["Configure ConfigMap w-map"]);
  });
});
