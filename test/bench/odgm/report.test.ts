import { describe, expect, it } from "@jest/globals";

import type { Line } from "./report.ts";
import { atLeastTimes, below, exactly, median, outage, Reporter } from "./report.ts";

const versions = { odgm: "1" };

function told(figure: Parameters<Reporter["tell"]>[0]): {
  readonly line: Line;
  readonly missed: number;
} {
  const lines: string[] = [];
  const reporter = new Reporter({ write: (text) => lines.push(text), versions });
  reporter.tell(figure);
  expect(lines).toHaveLength(1);
  return { line: JSON.parse(lines[0] ?? "") as Line, missed: reporter.missed };
}

describe("a line", () => {
  it("has no more than there is to say", () => {
    const { line, missed } = told({
      bench: "ycsb.p99",
      of: { mix: "A" },
      value: 1.23456,
      unit: "ms",
    });
    const want = { bench: "odgm.ycsb.p99", of: { mix: "A" }, value: 1.235, unit: "ms", versions };
    expect([line, missed]).toEqual([want, 0]);
  });

  it("judges a value by its target", () => {
    const figure = { bench: "million.restart", unit: "s", target: below(10, "s") };
    expect(told({ ...figure, value: 9.9999 })).toMatchObject({
      line: { target: "< 10 s", ok: true },
      missed: 0,
    });
    expect(told({ ...figure, value: 10 })).toMatchObject({ line: { ok: false }, missed: 1 });
    expect(told({ ...figure, value: Number.NaN })).toMatchObject({
      line: { ok: false },
      missed: 1,
    });
    const counted = { bench: "million.listed", unit: "1", value: 999, target: exactly(1000) };
    expect(told(counted).line.ok).toBe(false);
  });

  it("judges the median of the pairs' ratios and shows their spread", () => {
    const figure = { bench: "etcd.writes", unit: "1/s", value: 5000, target: atLeastTimes(1) };
    expect(told({ ...figure, ratios: [0.9, 2, 1.1] }).line).toMatchObject({
      ratio: 1.1,
      ratioSpread: [0.9, 2],
      target: ">= 1.0x",
      ok: true,
    });
    expect(told({ ...figure, ratios: [0.9, 2, 0.99] }).line.ok).toBe(false);
    expect(told(figure).line.ok).toBe(false);
  });
});

describe("a median", () => {
  it("is the middle, or between the two middle ones", () => {
    expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([])]).toEqual([2, 2.5, Number.NaN]);
  });
});

describe("an outage", () => {
  it("lasts from the last write acknowledged before the kill to the next after it", () => {
    expect(outage([10, 20, 30, 900, 905], 35)).toBe(870);
  });

  it("is seen though one write was still acknowledged after the kill", () => {
    expect(outage([10, 20, 36, 900], 35)).toBe(864);
  });

  it("is not over before something was acknowledged", () => {
    expect(outage([10, 20], 35)).toBeUndefined();
    expect(outage([50], 35)).toBe(15);
  });
});
