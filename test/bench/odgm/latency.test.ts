import { describe, expect, it } from "@jest/globals";

import { seededRng } from "#api/base/testing/seeded-rng.ts";

import { LatencyRecorder } from "./latency.ts";

describe("a recorder", () => {
  it("knows percentiles of any size to 1.6 %, never too small", () => {
    const { next } = seededRng(1);
    // From 10 microseconds to 100 seconds, evenly over the powers of ten.
    const all = Array.from({ length: 20_000 }, () => 10 ** (next() * 7 - 2)).sort((a, b) => a - b);
    const recorder = new LatencyRecorder();
    for (const ms of all) recorder.record(ms);
    for (const share of [0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = all[Math.ceil(all.length * share) - 1] ?? Number.NaN;
      const found = recorder.percentile(share);
      expect(found).toBeGreaterThanOrEqual(exact - 1e-9);
      expect(found - exact).toBeLessThanOrEqual(exact / 60 + 0.001);
    }
  });

  it("counts, keeps the longest exactly, and says nothing about nothing", () => {
    const recorder = new LatencyRecorder();
    expect([recorder.count, recorder.percentile(0.5)]).toEqual([0, Number.NaN]);
    for (const ms of [0, 1, 1234.567]) recorder.record(ms);
    expect([recorder.count, recorder.longestMs]).toEqual([3, 1234.567]);
    expect(recorder.percentile(1)).toBe(1234.567);
  });

  it("gives the middle one of a few", () => {
    const recorder = new LatencyRecorder();
    for (const ms of [5, 1, 3]) recorder.record(ms);
    expect(recorder.percentile(0.5)).toBeCloseTo(3, 1);
    expect(recorder.percentile(0.34)).toBeCloseTo(3, 1);
    expect(recorder.percentile(0.33)).toBeCloseTo(1, 1);
  });

  it("has no gap where buckets become wider", () => {
    for (const micros of [63, 64, 65, 127, 128, 129, 2 ** 20 - 1, 2 ** 20]) {
      const recorder = new LatencyRecorder();
      recorder.record(micros / 1000);
      recorder.record(1e7);
      const found = recorder.percentile(0.5) * 1000;
      expect(found).toBeGreaterThanOrEqual(micros);
      expect(found).toBeLessThanOrEqual(micros + Math.max(1, micros / 60));
    }
  });
});
