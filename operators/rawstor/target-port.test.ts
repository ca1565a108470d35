import { describe, expect, it } from "@jest/globals";

import type { OstStatus } from "#api/workload/ost.ts";
import type { OstSeen } from "#controllers/ost-target/plan/plan.ts";

import { changeBetween } from "./target-port.ts";

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
    ["a failure", known({}), known({ state: "Failed" }), "much"],
    ["silence", known({}), { kind: "unreachable", message: "x" } satisfies OstSeen, "much"],
  ] as const)("%s", (_name, before, after, want) => {
    expect(changeBetween(before, after)).toBe(want);
  });
});
