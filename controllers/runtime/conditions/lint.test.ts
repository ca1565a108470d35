import { describe, expect, it } from "@jest/globals";

import type { Condition } from "#api/meta/index.ts";

import type { WithStatus } from "./lint.ts";
import { lintStatus, lintStatusWrite } from "./lint.ts";

const READY: Condition = {
  type: "Ready",
  status: "True",
  observedGeneration: 2,
  lastTransitionTime: "2030-01-01T00:00:00Z",
  reason: "Available",
  message: "",
};
const STALLED: Condition = { ...READY, type: "Stalled", reason: "Invalid" };

function object(conditions: readonly Condition[], observedGeneration = 2): WithStatus {
  return { metadata: { uid: "u", generation: 2 }, status: { observedGeneration, conditions } };
}

describe("lintStatus", () => {
  it.each<{ name: string; given: WithStatus; want: readonly string[] }>([
    { name: "a good one", given: object([READY]), want: [] },
    { name: "none", given: { metadata: {} }, want: ["there is no status"] },
    {
      name: "nothing in it",
      given: { metadata: { generation: 1 }, status: {} },
      want: ["observedGeneration is missing", "Ready is missing"],
    },
    {
      name: "a generation that is still to come",
      given: object([READY], 3),
      want: ["observedGeneration is ahead of generation"],
    },
    { name: "a type twice", given: object([READY, READY]), want: ["Ready: twice"] },
    {
      name: "a type and a reason in other cases",
      given: object([READY, { ...READY, type: "data-ready", reason: "all good" }]),
      want: [
        "data-ready: the type is not in PascalCase",
        'data-ready: the reason "all good" is not in CamelCase',
      ],
    },
    {
      name: "a time with fractions",
      given: object([{ ...READY, lastTransitionTime: "2030-01-01T00:00:00.123Z" }]),
      want: ["Ready: lastTransitionTime is not in whole seconds of UTC"],
    },
    {
      name: "abnormal conditions that are not True",
      given: object([READY, { ...STALLED, status: "False" }]),
      want: ["Stalled: is there although it is not True"],
    },
    {
      name: "well and stuck at once",
      given: object([READY, STALLED]),
      want: ["Stalled and Ready at once"],
    },
    {
      name: "a phase",
      given: {
        metadata: { generation: 2 },
        status: { observedGeneration: 2, conditions: [READY], phase: "Running" },
      } as WithStatus,
      want: ["phase: conditions are there for that"],
    },
  ])("finds in $name what there is", ({ given, want }) => {
    expect(lintStatus(given)).toEqual(want);
  });
});

describe("lintStatusWrite", () => {
  const later = "2030-01-01T01:00:00Z";

  it.each<{ name: string; after: WithStatus; want: readonly string[] }>([
    {
      name: "a change of status with its time",
      after: object([{ ...READY, status: "False", lastTransitionTime: later }]),
      want: [],
    },
    { name: "nothing", after: object([READY]), want: ["it was written although it was so"] },
    {
      name: "a time alone",
      after: object([{ ...READY, lastTransitionTime: later }]),
      want: ["Ready: lastTransitionTime moved, the status did not"],
    },
    {
      name: "a time that goes back",
      after: object([{ ...READY, status: "False", lastTransitionTime: "2029-01-01T00:00:00Z" }]),
      want: ["Ready: lastTransitionTime went back"],
    },
    {
      name: "an older generation",
      after: object([READY], 1),
      want: ["observedGeneration went back"],
    },
  ])("finds in a write of $name what there is", ({ after, want }) => {
    expect(lintStatusWrite(object([READY]), after)).toEqual(want);
  });

  it("wants a refusal to read as failed and a failure as under way", () => {
    const fresh = { metadata: { uid: "u", generation: 2 } };
    const says = (conditions: readonly Condition[], outcome: "refused" | "failed") =>
      lintStatusWrite(fresh, object(conditions), outcome);
    const down: Condition = { ...READY, status: "False" };
    expect(says([down, STALLED], "refused")).toEqual([]);
    expect(says([down], "refused")).toEqual([
      "kstatus reads InProgress after a pass that was refused",
    ]);
    expect(says([{ ...down }, { ...STALLED, type: "Reconciling" }], "failed")).toEqual([]);
    expect(says([READY], "failed")).toEqual(["kstatus reads Current after a pass that was failed"]);
  });
});
