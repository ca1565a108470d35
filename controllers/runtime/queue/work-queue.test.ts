import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { createMetrics } from "../base/metrics.ts";
import { fakeWorld } from "../testing/fake-clock.ts";
import type { Priority } from "./work-queue.ts";
import { WorkQueue } from "./work-queue.ts";

function openQueue(metrics = createMetrics()) {
  const world = fakeWorld();
  return { queue: new WorkQueue({ name: "q", world, metrics }), clock: world.clock, metrics };
}

async function drain(queue: WorkQueue, count: number): Promise<readonly (string | undefined)[]> {
  const keys: (string | undefined)[] = [];
  for (let index = 0; index < count; index++) {
    const key = await queue.take();
    keys.push(key);
    if (key !== undefined) queue.done(key);
  }
  return keys;
}

describe("a work queue", () => {
  it("holds a key once, at its highest priority", async () => {
    const { queue } = openQueue();
    queue.add("a", "background");
    queue.add("b", "background");
    queue.add("b", "edit");
    queue.add("a", "background");
    expect(queue.depth).toBe(2);
    expect(await drain(queue, 2)).toEqual(["b", "a"]);
  });

  it("does not hand out a key that is being worked on, and hands it out again after", async () => {
    const { queue } = openQueue();
    queue.add("a", "change");
    expect(await queue.take()).toBe("a");
    queue.add("a", "change");
    expect(queue.depth).toBe(0);
    queue.done("a");
    expect(await queue.take()).toBe("a");
  });

  it("makes one turn of several wakes in one breath, though somebody waits for keys", async () => {
    const { queue } = openQueue();
    const waiting = queue.take();
    queue.add("a", "change", "u 1");
    queue.add("a", "change", "u 1");
    expect(await waiting).toBe("a");
    queue.done("a");
    expect(queue.depth).toBe(0);
  });

  it("does not come back for what the pass has made itself, but for anything else", async () => {
    const { queue } = openQueue();
    const own = new Set(["u 1", "v 7"]);
    for (const [causes, again] of [
      [["u 1"], 0],
      [["u 1", "v 7"], 0],
      [["u 1", "w 3"], 1],
      [[undefined], 1],
    ] as const) {
      queue.add("a", "change");
      await queue.take();
      for (const cause of causes) queue.add("a", "change", cause);
      queue.done("a", own);
      expect(queue.depth).toBe(again);
      if (again > 0) queue.done((await queue.take()) ?? "");
    }
  });

  it("serves a user's edit before ten thousand keys of a resync", async () => {
    const { queue } = openQueue();
    for (let index = 0; index < 10_000; index++) queue.add(`k${index}`, "background");
    queue.add("edited", "edit");
    expect(await queue.take()).toBe("edited");
  });

  it("starves nobody: low keys get through a flood of edits", async () => {
    const { queue } = openQueue();
    queue.add("low", "background");
    const taken: string[] = [];
    for (let turn = 0; turn < 16; turn++) {
      queue.add(`edit-${turn}`, "edit");
      queue.add(`more-${turn}`, "edit");
      taken.push((await queue.take()) ?? "");
    }
    expect(taken).toContain("low");
  });

  it("doubles the pause of a failing key from 5 ms and forgets it on success", () => {
    const { queue } = openQueue();
    const pauses = Array.from({ length: 30 }, () => queue.addFailed("a"));
    expect(pauses[0]).toBeLessThanOrEqual(5);
    expect(pauses[5]).toBeGreaterThan(60);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1_000_000);
    queue.succeeded("a");
    expect(queue.addFailed("a")).toBeLessThanOrEqual(5);
  });

  it("lets changes wake a troubled key at most once a second, an edit at once", async () => {
    const { queue, clock } = openQueue();
    for (let round = 0; round < 20; round++) queue.contested("a");
    let passes = 0;
    for (let step = 0; step < 500; step++) {
      queue.add("a", "change");
      while (queue.depth > 0) {
        queue.done((await queue.take()) ?? "");
        queue.contested("a");
        passes++;
      }
      await clock.advance(10);
    }
    expect(passes).toBeGreaterThan(3);
    expect(passes).toBeLessThan(7);
    queue.add("a", "edit");
    expect(queue.depth).toBe(1);
  });

  it("keeps the sooner of two wishes", async () => {
    const { queue, clock } = openQueue();
    queue.addAfter("a", 10_000, "background");
    queue.addAfter("a", 1_000, "background");
    queue.addAfter("a", 5_000, "background");
    await clock.advance(1_500);
    expect(queue.depth).toBe(1);
    expect(clock.waiting).toBe(0);
  });

  it("closes: waiting takers end, what is due later never comes, running keys drain", async () => {
    const { queue, clock } = openQueue();
    queue.add("a", "change");
    const running = await queue.take();
    const waiting = queue.take();
    queue.addAfter("b", 1_000, "change");
    queue.close();
    expect(await waiting).toBeUndefined();
    let drained = false;
    void queue.drained().then(() => {
      drained = true;
    });
    await clock.advance(5_000);
    expect(drained).toBe(false);
    queue.done(running ?? "");
    await clock.advance(0);
    expect(drained).toBe(true);
    expect(await queue.take()).toBeUndefined();
  });

  it("never loses a key and never runs one twice at a time", async () => {
    const step = fc.record({
      kind: fc.constantFrom("add", "take", "done"),
      key: fc.constantFrom("a", "b", "c"),
      priority: fc.constantFrom<Priority>("edit", "change", "background"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { queue } = openQueue(metricsOnce);
        const owed = new Set<string>();
        const running = new Set<string>();
        for (const { kind, key, priority } of steps) {
          if (kind === "add") {
            queue.add(key, priority);
            owed.add(key);
          } else if (kind === "take" && queue.depth > 0) {
            const taken = (await queue.take()) ?? "";
            expect(running.has(taken)).toBe(false);
            running.add(taken);
            owed.delete(taken);
          } else if (kind === "done" && running.has(key)) {
            running.delete(key);
            queue.done(key);
          }
        }
        for (const key of running) queue.done(key);
        const rest = await drain(queue, queue.depth);
        expect(new Set(rest)).toEqual(owed);
      }),
      { seed: 7 },
    );
  });
});

const metricsOnce = createMetrics();
