import { describe, expect, it } from "@jest/globals";

import { canonicalQuantity, parseQuantity, sumQuantities } from "./quantity.ts";

describe("canonicalQuantity", () => {
  // As printed by k8s.io/apimachinery's Quantity.String() for the same input.
  it.each([
    ["0", "0"],
    ["0.5", "500m"],
    [".5", "500m"],
    ["1", "1"],
    [1, "1"],
    ["1000m", "1"],
    ["1500m", "1500m"],
    ["100m", "100m"],
    ["1000", "1k"],
    ["1500", "1500"],
    ["1024Mi", "1Gi"],
    ["1.5Gi", "1536Mi"],
    ["0.5Gi", "512Mi"],
    ["0.5Ki", "512"],
    ["1Ki", "1Ki"],
    ["1000M", "1G"],
    ["1e3", "1e3"],
    ["1E6", "1e6"],
    ["-0.25", "-250m"],
    ["+2", "2"],
    ["1n", "1n"],
    ["0.1n", "1n"],
  ])("of %s is %s", (given, want) => {
    expect(canonicalQuantity(given)).toBe(want);
  });

  it("leaves alone what is no quantity", () => {
    expect(canonicalQuantity("much")).toBe("much");
    expect(parseQuantity("1 Gi")).toBeUndefined();
  });

  it("changes nothing the second time", () => {
    for (const text of ["0.3", "12Mi", "7e-3", "1234567Ki", "1.0001Gi"]) {
      const once = canonicalQuantity(text);
      expect(canonicalQuantity(once)).toBe(once);
    }
  });
});

describe("sumQuantities", () => {
  it.each([
    [["2", "1900m"], "3900m"],
    [["8039956Ki", "8039956Ki"], "16079912Ki"],
    [["512Mi", "512Mi"], "1Gi"],
    [["110", "110"], "220"],
    [[], "0"],
    [["1", "much"], "1"],
  ])("of %j is %s", (given, want) => {
    expect(sumQuantities(given)).toBe(want);
  });
});
