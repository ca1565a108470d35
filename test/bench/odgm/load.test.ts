import { describe, expect, it } from "@jest/globals";

import type { Execute, OperationSource, Outcome } from "./load.ts";
import { runLoad } from "./load.ts";
import type { Operation } from "./mixes.ts";

/** Records counted up from 0. */
class Counting implements OperationSource {
  readonly acknowledged: number[] = [];
  begun = 0;

  next(): Operation {
    return { kind: "insert", record: this.begun++, length: 0 };
  }

  inserted(record: number): void {
    this.acknowledged.push(record);
  }
}

/** A subject that answers in the next turn, each operation taking so much of a clock of its own. */
class Subject {
  nowMs = 0;
  inFlight = 0;
  mostInFlight = 0;
  readonly #tookMs: (operation: Operation) => number;
  readonly #outcome: (operation: Operation) => Outcome;

  constructor(
    tookMs: (operation: Operation) => number,
    outcome: (operation: Operation) => Outcome = () => ({ kind: "done" }),
  ) {
    this.#tookMs = tookMs;
    this.#outcome = outcome;
  }

  readonly execute: Execute = (operation, done) => {
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    setImmediate(() => {
      this.nowMs += this.#tookMs(operation);
      this.inFlight -= 1;
      done(this.#outcome(operation));
    });
  };
}

describe("a closed loop", () => {
  it("keeps its number in flight and ends with the last operation", async () => {
    const [subject, source] = [new Subject(() => 1), new Counting()];
    const result = await runLoad({
      source,
      execute: subject.execute,
      loop: { kind: "closed", concurrency: 4 },
      seconds: 0.1,
      nowMs: () => subject.nowMs,
    });
    expect(subject.mostInFlight).toBe(4);
    // 4 are in flight when 100 ms are over; each takes its turn of 1 ms.
    expect(result.operations).toBe(source.begun);
    expect(result.operations).toBe(103);
    expect(result.seconds).toBeCloseTo(0.103, 6);
    expect(source.acknowledged).toHaveLength(103);
    expect(result.latency.percentile(0.5)).toBeCloseTo(4, 1);
  });

  it("ends after so many operations", async () => {
    const [subject, source] = [new Subject(() => 1), new Counting()];
    const loop = { kind: "closed", concurrency: 8 } as const;
    const result = await runLoad({ source, execute: subject.execute, loop, operationsMax: 20 });
    expect([result.operations, source.begun]).toEqual([20, 20]);
  });

  it("counts what failed apart, by reason, and what was missing with the rest", async () => {
    const subject = new Subject(
      () => 1,
      ({ record }) =>
        record % 3 === 0
          ? { kind: "failed", reason: "NO_LEADER" }
          : { kind: record % 3 === 1 ? "missing" : "done" },
    );
    const source = new Counting();
    const loop = { kind: "closed", concurrency: 2 } as const;
    const result = await runLoad({ source, execute: subject.execute, loop, operationsMax: 30 });
    expect([...result.failures]).toEqual([["NO_LEADER", 10]]);
    expect([result.operations, result.missing]).toEqual([20, 10]);
    expect(source.acknowledged).toHaveLength(10);
  });
});

describe("an open loop", () => {
  it("counts from when an operation was due, so that a pause is seen by all behind it", async () => {
    // The first operation takes 50 ms, in which 50 others become due; those take no time.
    const subject = new Subject(({ record }) => (record === 0 ? 50 : 0));
    const result = await runLoad({
      source: new Counting(),
      execute: subject.execute,
      loop: { kind: "open", perSecond: 1000 },
      operationsMax: 51,
      nowMs: () => subject.nowMs,
    });
    expect(result.operations).toBe(51);
    expect(result.latency.longestMs).toBe(50);
    expect(result.latency.percentile(0.5)).toBeGreaterThan(24);
    expect(result.latency.percentile(0.5)).toBeLessThan(26.5);
  });
});
