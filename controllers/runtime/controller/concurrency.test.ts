// Never two passes of one object at a time, whatever wakes it, however long passes take, and over
// changes of leadership: random runs against the real runner.

import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { KINDS } from "../kinds/builtin.ts";
import { inShop, WIDGET, widget, widgetWorld } from "../testing/widgets.ts";

const NAMES = ["w0", "w1", "w2"] as const;
/** Longer than the limit of a pass and its grace together, now and then. */
const TOOK_MS = [0, 0, 5, 700, 4_000, 20_000] as const;

const step = fc.record({
  kind: fc.constantFrom("edit", "touch", "delete", "break", "wait"),
  name: fc.constantFrom(...NAMES),
  ms: fc.constantFrom(0, 1, 300, 2_000, 9_000),
});

describe("passes of one object", () => {
  it("never overlap, and the last word of the user is heard", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 25 }),
        fc.array(fc.constantFrom(...TOOK_MS), { minLength: 1, maxLength: 20 }),
        async (steps, took) => {
          const world = widgetWorld();
          const inside = new Map<string, number>();
          let most = 0;
          let turn = 0;
          const { clock } = world;
          const running = world.start(
            {},
            {
              concurrency: 2,
              timeoutMs: 3_000,
              async observe(key, reader) {
                const count = (inside.get(key.name) ?? 0) + 1;
                inside.set(key.name, count);
                most = Math.max(most, count);
                const ms = took[turn++ % took.length] ?? 0;
                // Deaf to the signal: only time ends it.
                if (ms > 0) await new Promise<void>((resolve) => clock.schedule(ms, resolve));
                inside.set(key.name, count - 1);
                const found = reader.get(WIDGET, key);
                if (found === undefined) return undefined;
                const maps = reader.owned(KINDS.ConfigMap, found.metadata.uid);
                return { widget: found, texts: maps.map((one) => one.data?.["text"] ?? "") };
              },
            },
          );
          const wanted = new Map<string, string>();
          let serial = 0;
          for (const { kind, name, ms } of steps) {
            if (kind === "edit") {
              wanted.set(name, `t${serial++}`);
              world.server.userApply(WIDGET, widget(name, { text: wanted.get(name) ?? "" }));
            } else if (kind === "delete" && wanted.delete(name)) {
              world.server.userDelete(WIDGET, inShop(name));
            } else if (kind === "break") {
              world.server.breakWatches();
            } else if (world.server.read(KINDS.ConfigMap, inShop(`${name}-map`)) !== undefined) {
              const data = { text: "theirs" };
              world.server.userPatch(KINDS.ConfigMap, inShop(`${name}-map`), { data });
            }
            await clock.advance(ms);
          }
          took.fill(0);
          await clock.advance(120_000);
          await running.stop();
          expect(most).toBeLessThanOrEqual(1);
          for (const [name, text] of wanted) {
            const map = world.server.read(KINDS.ConfigMap, inShop(`${name}-map`));
            expect(map?.data).toEqual({ text });
          }
        },
      ),
      { seed: 11, numRuns: 10 },
    );
  });
});
