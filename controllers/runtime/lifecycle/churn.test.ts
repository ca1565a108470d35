// An operator lives for months and its objects do not: whatever is kept about an object must go
// with it. Looked at are all maps and sets that a manager holds, by the line that has made them,
// the timers, and the series of its metrics.

import { afterEach, describe, expect, it } from "@jest/globals";

import type { Rendered } from "../controller/types.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { Observed, RunningManager, WidgetWorld } from "../testing/widgets.ts";
import { inShop, WIDGET, widget, widgetWorld } from "../testing/widgets.ts";

/** Longer than any period: caches are filled anew once an hour. */
const LONG_MS = 3_900_000;
/** In a stack: the first line of the runtime. */
const MAKER = /controllers\/runtime\/((?![-\w/]+\.test\.ts)[-\w/]+\.ts:\d+)/;
const finalizer = {
  name: "example.io/widget",
  timeoutMs: 300_000,
  escapeAnnotation: "example.io/abandon",
  finalize: () => ({ kind: "done", children: [] }) as const,
};

let running: RunningManager | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

/** Runs `make`; the maps and sets that were made in it, by place, with their sizes when asked. */
async function collections(
  make: () => Promise<void>,
): Promise<() => Readonly<Record<string, number>>> {
  const made: { readonly place: string; readonly held: { readonly size: number } }[] = [];
  const note = (held: { readonly size: number }): void => {
    const [, place] = MAKER.exec(new Error().stack ?? "") ?? [];
    if (place?.startsWith("testing/") === false) made.push({ place, held });
  };
  const { Map: PlainMap, Set: PlainSet } = globalThis;
  globalThis.Map = class<K, V> extends PlainMap<K, V> {
    constructor(entries?: Iterable<readonly [K, V]> | null) {
      super(entries);
      note(this);
    }
  };
  globalThis.Set = class<T> extends PlainSet<T> {
    constructor(values?: Iterable<T> | null) {
      super(values);
      note(this);
    }
  };
  try {
    await make();
  } finally {
    globalThis.Map = PlainMap;
    globalThis.Set = PlainSet;
  }
  return () => {
    const sizes: Record<string, number> = {};
    for (const { place, held } of made) sizes[place] = (sizes[place] ?? 0) + held.size;
    return sizes;
  };
}

/** The life of some objects, each with another trouble, that are never seen again. */
async function generation(world: WidgetWorld, born: number): Promise<void> {
  const names = [0, 1, 2, 3, 4].map((one) => `w-${born}-${one}`);
  const [well = "", refused = "", fought = "", failing = "", late = ""] = names;
  for (const name of [well, fought]) {
    world.server.userApply(WIDGET, widget(name, { text: "a", service: true }));
  }
  world.server.userApply(WIDGET, widget(refused, { text: "a", invalid: true }));
  await world.clock.advance(2_000);
  for (let blow = 0; blow < 5; blow++) {
    const data = { text: `theirs ${blow}` };
    world.server.userPatch(KINDS.ConfigMap, inShop(`${fought}-map`), { data });
    await world.clock.advance(500);
  }
  world.port.fail = true;
  world.server.userApply(WIDGET, widget(failing, { text: "a" }));
  await world.clock.advance(2_000);
  world.server.userDelete(WIDGET, inShop(failing));
  world.port.fail = false;
  // Gone before its first pass is over.
  world.server.userApply(WIDGET, widget(late, { text: "a" }));
  world.server.userDelete(WIDGET, inShop(late));
  for (const name of [well, refused, fought]) world.server.userDelete(WIDGET, inShop(name));
  await world.clock.advance(10_000);
  expect(world.server.readAll(WIDGET)).toEqual([]);
}

async function series(manager: RunningManager["manager"]): Promise<readonly string[]> {
  const text = await manager.registry.metrics();
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.slice(0, line.lastIndexOf(" ")))
    .sort();
}

describe("objects that come and go", () => {
  it.each([
    { name: "without a finalizer", overrides: {} },
    { name: "with a finalizer", overrides: { finalizer } },
  ])("$name leave nothing behind", async ({ overrides }) => {
    const world = widgetWorld();
    const sizes = await collections(async () => {
      running = world.start({}, overrides);
      await world.clock.advance(1_000);
    });
    const manager = running?.manager;
    if (manager === undefined) throw new Error("not started");
    await generation(world, 0);
    await world.clock.advance(LONG_MS);
    const before = { sizes: sizes(), timers: world.clock.waiting, series: await series(manager) };
    expect(Object.keys(before.sizes).length).toBeGreaterThan(20);
    for (let born = 1; born <= 4; born++) await generation(world, born);
    await world.clock.advance(LONG_MS);
    const after = { sizes: sizes(), timers: world.clock.waiting, series: await series(manager) };
    expect(after).toEqual(before);
  });

  it("leave nothing behind as children of one that stays", async () => {
    const world = widgetWorld();
    const render = ({ widget: { spec } }: Observed): Rendered => {
      const metadata = { namespace: "shop", name: spec.text };
      return [{ object: { apiVersion: "v1", kind: "ConfigMap", metadata }, prune: "Keep" }];
    };
    const turn = async (text: string): Promise<void> => {
      world.server.userApply(WIDGET, widget("w", { text }));
      await world.clock.advance(2_000);
      for (const { metadata } of world.server.readAll(KINDS.ConfigMap)) {
        if (metadata.name !== text) world.server.userDelete(KINDS.ConfigMap, inShop(metadata.name));
      }
      await world.clock.advance(LONG_MS);
    };
    const sizes = await collections(async () => {
      running = world.start({}, { render });
      await world.clock.advance(1_000);
      await turn("a");
    });
    await turn("b");
    const before = sizes();
    for (const text of ["c", "d", "e"]) await turn(text);
    expect(sizes()).toEqual(before);
  });

  it("leave nothing behind either if they go while another process leads", async () => {
    const world = widgetWorld();
    const lease = { namespace: "system", name: "op" };
    const sizes = await collections(async () => {
      const { namespace: leaseNamespace, name: leaseName } = lease;
      running = world.start({ leaderElection: { leaseName, leaseNamespace } });
      await world.clock.advance(5_000);
    });
    const turn = async (name: string): Promise<void> => {
      world.server.userApply(WIDGET, widget(name, { text: "a", service: true }));
      await world.clock.advance(2_000);
      world.server.userPatch(KINDS.Lease, lease, { spec: { holderIdentity: "thief" } });
      await world.clock.advance(3_000);
      expect(running?.manager.isLeading).toBe(false);
      world.server.userDelete(WIDGET, inShop(name));
      await world.clock.advance(LONG_MS);
      expect(running?.manager.isLeading).toBe(true);
    };
    await turn("w-0");
    const before = sizes();
    await turn("w-1");
    expect(sizes()).toEqual(before);
  });
});
