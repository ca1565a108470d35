import { describe, expect, it } from "@jest/globals";

import type { OstStatus } from "#api/workload/ost.ts";
import type { CloseDisk, OpenDisk, OstSeen } from "#controllers/ost-target/plan/plan.ts";
import type { Client } from "#controllers/runtime/index.ts";
import { ApiError } from "#controllers/runtime/index.ts";
import { FakeClock, memoryLogger } from "#controllers/runtime/testing/index.ts";

import { changeBetween, OperatorTargetPort } from "./target-port.ts";

function known(change: Partial<OstStatus>): OstSeen {
  const status: OstStatus = {
    cluster: "c",
    target: "t",
    incarnation: "i",
    formatVersion: 1,
    state: "Serving",
    capacityBytes: 100,
    usedBytes: 10,
    availableBytes: 90,
    objects: 1,
    lastErrors: [],
    ...change,
  };
  return { kind: "known", status };
}

describe("changeBetween", () => {
  it.each([
    ["the same words", known({}), known({}), "none"],
    ["a write", known({}), known({ usedBytes: 20, objects: 2 }), "counts"],
    ["less free space", known({}), known({ availableBytes: 80 }), "counts"],
    ["hardly less free space", known({}), known({ availableBytes: 89.5 }), "none"],
    ["the first object", known({ objects: 0 }), known({ objects: 1 }), "much"],
    ["a disk that is closed", known({}), known({ closedFor: "x" }), "much"],
    ["a failure", known({}), known({ state: "Failed" }), "much"],
    ["silence", known({}), { kind: "unreachable", message: "x" } satisfies OstSeen, "much"],
  ] as const)("%s", (_name, before, after, want) => {
    expect(changeBetween(before, after)).toBe(want);
  });
});

const URL_OF_A = "http://10.0.0.1:9090/status";
const CLOSE: CloseDisk = { kind: "close-disk", target: "a", holder: "x" };
const POD = { namespace: "ns", name: "pod-0", uid: "uid-0" };

/** A port over a program that answers after `answerMs`, and an API server that says 409 or not. */
function setUp(options: { readonly answerMs?: number; readonly conflict?: boolean } = {}) {
  const { answerMs = 0, conflict = false } = options;
  const clock = new FakeClock();
  const told: (CloseDisk | OpenDisk)[] = [];
  let asked = 0;
  const woken: string[] = [];
  const client = {
    delete: () =>
      conflict
        ? Promise.reject(new ApiError({ status: 409, body: undefined, what: "DELETE" }))
        : Promise.resolve({ outcome: "gone" }),
  } as unknown as Client;
  const port = new OperatorTargetPort(client, memoryLogger(), {
    clock,
    timers: clock,
    ask: () => {
      asked += 1;
      const said = known(told.length === 0 ? {} : { closedFor: "x" });
      return new Promise((resolve) => clock.schedule(answerMs, () => resolve(said)));
    },
    tell: (_url, order) => {
      told.push(order);
      return Promise.resolve();
    },
  });
  const stop = port.start((name) => woken.push(name));
  return { clock, port, told, woken, stop, askedCount: () => asked };
}

describe("a program that is told to take no new objects", () => {
  it("is asked at once what it says now, and its target is woken", async () => {
    const { clock, port, told, woken, stop } = setUp();
    const first = port.seen("a", URL_OF_A);
    await clock.advance(1_000);
    await first;
    woken.length = 0;
    await port.turnDisk(CLOSE);
    await clock.advance(1);
    expect(told).toEqual([CLOSE]);
    expect(woken).toEqual(["a"]);
    expect(await port.seen("a", URL_OF_A)).toEqual(known({ closedFor: "x" }));
    stop();
  });

  it("is asked again if its answer was under way, and in one row after that", async () => {
    const { clock, port, stop, askedCount } = setUp({ answerMs: 500 });
    const first = port.seen("a", URL_OF_A);
    await clock.advance(100);
    await port.turnDisk(CLOSE);
    await clock.advance(900);
    await first;
    expect(askedCount()).toBe(2);
    expect(await port.seen("a", URL_OF_A)).toEqual(known({ closedFor: "x" }));
    await clock.advance(5_000);
    expect(askedCount()).toBe(4);
    stop();
  });

  it("has not been told if nobody asks it", async () => {
    const { port, told, stop } = setUp();
    await expect(port.turnDisk(CLOSE)).rejects.toThrow("a is not served");
    expect(told).toEqual([]);
    stop();
  });
});

describe("a pod that is restarted", () => {
  it("counts as going before the caches show it, for a while", async () => {
    const { clock, port, stop } = setUp();
    await port.restartPod(POD);
    expect(port.restarted(POD.uid)).toBe(true);
    await clock.advance(110_000);
    expect(port.restarted(POD.uid)).toBe(true);
    await clock.advance(10_000);
    expect(port.restarted(POD.uid)).toBe(false);
    stop();
  });

  // Seeds 12188, 12320, 20368, 22506 and 22682: it was remembered as going, and nobody asked again.
  it("does not count as going if the API server would not decide", async () => {
    const { port, stop } = setUp({ conflict: true });
    await port.restartPod(POD);
    expect(port.restarted(POD.uid)).toBe(false);
    stop();
  });
});
