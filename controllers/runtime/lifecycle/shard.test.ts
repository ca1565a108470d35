import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { WIDGET, widget, widgetWorld } from "../testing/widgets.ts";
import { shardFilter, shardLeaseName, shardOf } from "./shard.ts";

const texts = Array.from({ length: 4_000 }, (_, index) => `shop/object-${index}`);

describe("shards", () => {
  it("serve every object exactly once", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string({ minLength: 1 }),
        fc.integer({ min: 1, max: 20 }),
        fc.option(fc.string(), { nil: undefined }),
        (namespace, name, count, team) => {
          const labels = team === undefined ? {} : { team };
          const object = { metadata: { namespace, name, labels } };
          const served = Array.from({ length: count }, (_, index) =>
            shardFilter({ index, count, label: "team" })(object),
          );
          expect(served.filter(Boolean)).toHaveLength(1);
        },
      ),
    );
  });

  it("are about equal, and few objects move when there is one more", () => {
    const counts = [0, 0, 0, 0];
    let moved = 0;
    for (const text of texts) {
      const shard = shardOf(text, 4);
      counts[shard] = (counts[shard] ?? 0) + 1;
      const next = shardOf(text, 5);
      if (next === shard) continue;
      moved++;
      expect(next).toBe(4);
    }
    for (const count of counts) expect(count).toBeGreaterThan(900);
    expect(moved).toBeLessThan(900);
  });

  it("are the same in every version", () => {
    const shards = ["shop/a", "shop/b", "shop/c", "/node-1", "ä/ö"].map((one) => shardOf(one, 7));
    expect(shards).toEqual([2, 4, 6, 4, 4]);
  });

  it("keep objects with one label value together", () => {
    const filter = shardFilter({ index: 0, count: 3, label: "team" });
    const served = texts.map((name) => filter({ metadata: { name, labels: { team: "red" } } }));
    expect(new Set(served).size).toBe(1);
  });

  it.each([
    { index: 2, count: 2 },
    { index: -1, count: 2 },
    { index: 0, count: 0 },
    { index: 0.5, count: 2 },
  ])("refuse $index of $count", (options) => {
    expect(() => shardFilter(options)).toThrow();
  });

  it("have a Lease each, and one shard has the plain name", () => {
    expect(shardLeaseName("op", undefined)).toBe("op");
    expect(shardLeaseName("op", { index: 0, count: 1 })).toBe("op");
    expect(shardLeaseName("op", { index: 1, count: 2 })).toBe("op-1");
  });
});

describe("sharded operators", () => {
  it("each serve their part, and another replica takes over a shard", async () => {
    const world = widgetWorld();
    const leaderElection = { leaseName: "op", leaseNamespace: "system" };
    const shard = (index: number) => world.start({ leaderElection, shard: { index, count: 2 } });
    const zero = shard(0);
    const one = shard(1);
    for (let index = 0; index < 12; index++) {
      world.server.userApply(WIDGET, widget(`w-${index}`, { text: "a" }));
    }
    await world.clock.advance(10_000);
    const ready = (): readonly string[] =>
      world.server
        .readAll(WIDGET)
        .filter((live) => live.status?.text === live.spec.text)
        .map((live) => live.metadata.name);
    expect(ready()).toHaveLength(12);
    expect([zero.manager.isLeading, one.manager.isLeading]).toEqual([true, true]);
    await one.stop();
    for (let index = 0; index < 12; index++) {
      world.server.userApply(WIDGET, widget(`w-${index}`, { text: "b" }));
    }
    await world.clock.advance(10_000);
    const half = ready();
    expect(half.length).toBeGreaterThan(0);
    expect(half.every((name) => shardOf(`shop/${name}`, 2) === 0)).toBe(true);
    expect(half.length).toBeLessThan(12);
    const again = shard(1);
    await world.clock.advance(30_000);
    expect(ready()).toHaveLength(12);
    await Promise.all([zero.stop(), again.stop()]);
  });

  it("hand an object over when its label says so", async () => {
    const world = widgetWorld();
    const teams = ["red", "blue", "green", "black"];
    const [here = "", there = ""] = [0, 1].map((part) =>
      teams.find((team) => shardOf(team, 2) === part),
    );
    const looks = [0, 0];
    const shard = (index: number) =>
      world.start(
        { shard: { index, count: 2, label: "team" } },
        {
          requeueAfterMs: () => {
            looks[index] = (looks[index] ?? 0) + 1;
            return 5_000;
          },
        },
      );
    const both = [shard(0), shard(1)];
    const labelled = (team: string) => {
      const { metadata, ...rest } = widget("w", { text: "a" });
      return { ...rest, metadata: { ...metadata, labels: { team } } };
    };
    world.server.userApply(WIDGET, labelled(here));
    await world.clock.advance(30_000);
    expect(looks[0]).toBeGreaterThan(4);
    expect(looks[1]).toBe(0);
    world.server.userApply(WIDGET, labelled(there));
    await world.clock.advance(1_000);
    const [before] = looks;
    await world.clock.advance(30_000);
    expect(looks[0]).toBe(before);
    expect(looks[1]).toBeGreaterThan(4);
    await Promise.all(both.map((one) => one.stop()));
  });
});
