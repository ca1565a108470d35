import { describe, expect, it } from "@jest/globals";

import { fakeWorld } from "../testing/fake-clock.ts";
import { LoopWatch } from "./loop-watch.ts";

describe("the watch on the event loop", () => {
  it("forgives one long pause", async () => {
    const world = fakeWorld();
    const watch = new LoopWatch(world);
    const stop = watch.start();
    world.clock.freezeProcess(60_000);
    await world.clock.advance(20_000);
    expect(watch.problem).toBeUndefined();
    stop();
  });

  it("tells of a loop that is late every time, until it is not", async () => {
    const world = fakeWorld();
    const watch = new LoopWatch(world);
    const stop = watch.start();
    for (let turn = 0; turn < 12; turn++) {
      world.clock.freezeProcess(4_000);
      await world.clock.advance(0);
    }
    expect(watch.problem).toMatch(/late 10 times in a row/);
    await world.clock.advance(2_000);
    expect(watch.problem).toBeUndefined();
    stop();
  });
});
