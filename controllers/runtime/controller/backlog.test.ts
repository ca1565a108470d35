// What an operator hears while a backlog keeps it busy. Its passes find everything as it should be,
// so they wait for nobody: it hears nothing at all unless it stops to listen.

import { describe, expect, it } from "@jest/globals";

import { settle } from "../testing/fake-clock.ts";
import { inShop, WIDGET, widget, widgetWorld } from "../testing/widgets.ts";

const COUNT = 200;
const LAST = "w199";
/** What a pass takes; a slice is five of them. */
const PASS_MS = 1;

describe("a backlog of passes that wait for nobody", () => {
  it("is interrupted by a user's edit", async () => {
    const world = widgetWorld();
    for (let index = 0; index < COUNT; index++) {
      world.server.userApply(WIDGET, widget(`w${index}`, { text: "first" }));
    }
    const before = world.start();
    await world.clock.advance(60_000);
    await before.stop();

    const order: string[] = [];
    let spentMs = 0;
    let turns = 0;
    const after = world.start(
      {
        clock: { nowMs: () => world.clock.nowMs(), monotonicMs: () => spentMs },
        timers: {
          schedule: (delayMs, run) => world.clock.schedule(delayMs, run),
          async turn() {
            turns++;
            // Once the backlog is there and has begun.
            if (order.length > 0) {
              world.server.userApply(WIDGET, widget(LAST, { text: "second" }));
            }
            await settle(2);
          },
        },
      },
      {
        plan({ widget: { metadata, spec } }) {
          order.push(`${metadata.name} ${spec.text}`);
          spentMs += PASS_MS;
          return { text: spec.text };
        },
      },
    );
    await world.clock.advance(60_000);
    await after.stop();

    expect(turns).toBeGreaterThan(COUNT / 10);
    expect(order.indexOf(`${LAST} second`)).toBeGreaterThan(0);
    expect(order.indexOf(`${LAST} second`)).toBeLessThan(COUNT / 4);
    expect(world.server.read(WIDGET, inShop(LAST))?.status).toMatchObject({ text: "second" });
  });
});
