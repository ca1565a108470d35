import { afterEach, describe, expect, it } from "@jest/globals";

import { KINDS } from "../kinds/builtin.ts";
import type { RunningManager } from "../testing/widgets.ts";
import { inShop, WIDGET, widget, widgetWorld } from "../testing/widgets.ts";

let running: RunningManager | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

describe("a direct call of a manager", () => {
  it("is in the caches before it returns, however late the watch is", async () => {
    const world = widgetWorld();
    running = world.start();
    const view = running.manager.view([{ kind: KINDS.ConfigMap }]);
    await world.clock.advance(1_000);
    world.server.holdWatches();
    const { client } = running.manager;
    const key = inShop("m");
    const object = (text: string) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: "shop", name: "m" },
      data: { text },
    });
    const seen = () => view.reader.get(KINDS.ConfigMap, key)?.data?.["text"];
    const created = await client.create(KINDS.ConfigMap, object("a"), { fieldManager: "x" });
    expect(seen()).toBe("a");
    await client.apply(KINDS.ConfigMap, object("dry"), { fieldManager: "x", dryRun: true });
    expect(seen()).toBe("a");
    await client.apply(KINDS.ConfigMap, object("b"), { fieldManager: "x" });
    expect(seen()).toBe("b");
    const patch = [{ op: "replace", path: "/data/text", value: "c" }] as const;
    await client.jsonPatch(KINDS.ConfigMap, key, patch, { fieldManager: "x" });
    expect(seen()).toBe("c");
    await client.delete(KINDS.ConfigMap, key, { uid: created.metadata.uid });
    expect(view.reader.get(KINDS.ConfigMap, key)).toBeUndefined();
    world.server.releaseWatches();
    await world.clock.advance(1_000);
    expect(view.reader.get(KINDS.ConfigMap, key)).toBeUndefined();
  });

  it("wakes whom it concerns", async () => {
    const world = widgetWorld();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    running = world.start();
    await world.clock.advance(1_000);
    const map = inShop("w-map");
    const data = [{ op: "replace", path: "/data/text", value: "theirs" }] as const;
    await running.manager.client.jsonPatch(KINDS.ConfigMap, map, data, { fieldManager: "x" });
    await world.clock.advance(1_000);
    expect(world.server.read(KINDS.ConfigMap, map)?.data).toEqual({ text: "a" });
  });
});
