import { describe, expect, it } from "@jest/globals";

import type { Condition } from "#api/meta/index.ts";

import type { ConditionDraft, Outcome } from "../controller/types.ts";
import { computeConditions } from "./conditions.ts";
import { computeKstatus } from "./kstatus.ts";

const noon = new Date("2030-01-01T12:00:00.987Z");
const later = new Date("2030-01-01T13:00:00Z");
const ready: ConditionDraft = {
  type: "Ready",
  status: "True",
  reason: "Available",
  message: "well",
};
const applied: Outcome = {
  kind: "applied",
  changeSet: { changes: [], changed: false, complete: true },
};

function compute(
  drafts: readonly ConditionDraft[],
  outcome: Outcome = applied,
  previous: readonly Condition[] = [],
  now = noon,
): readonly Condition[] {
  return computeConditions({
    drafts,
    outcome,
    previous,
    generation: 3,
    now,
    escapeAnnotation: "x/abandon",
  });
}

const kstatus = (conditions: readonly Condition[]) =>
  computeKstatus({ metadata: { generation: 3 }, status: { observedGeneration: 3, conditions } });

describe("conditions", () => {
  it("carry generation and whole seconds", () => {
    expect(compute([ready])).toEqual([
      {
        type: "Ready",
        status: "True",
        reason: "Available",
        message: "well",
        observedGeneration: 3,
        lastTransitionTime: "2030-01-01T12:00:00Z",
      },
    ]);
  });

  it("keep their time until their status changes", () => {
    const first = compute([ready]);
    const anew = { ...ready, reason: "Better", message: "very well" };
    const [same] = compute([anew], applied, first, later);
    expect(same?.lastTransitionTime).toBe("2030-01-01T12:00:00Z");
    expect(same).toMatchObject({ reason: "Better", message: "very well" });
    const [changed] = compute([{ ...ready, status: "False" }], applied, first, later);
    expect(changed?.lastTransitionTime).toBe("2030-01-01T13:00:00Z");
  });

  it("say that work goes on after a failure, though a draft mirrors a stalled child", () => {
    const drafts: ConditionDraft[] = [
      { ...ready, status: "False" },
      { type: "Stalled", status: "True", reason: "Unsupported", message: "the child says so" },
    ];
    const failed: Outcome = {
      kind: "failed",
      reason: "ApplyFailed",
      message: "connection reset",
      changeSet: { changes: [], changed: false, complete: false },
    };
    expect(kstatus(compute(drafts, failed))).toBe("InProgress");
    expect(kstatus(compute(drafts))).toBe("Failed");
  });

  it("never go back in time, though another leader's clock was ahead", () => {
    const first = compute([ready], applied, [], later);
    const [changed] = compute([{ ...ready, status: "False" }], applied, first, noon);
    expect(changed?.lastTransitionTime).toBe("2030-01-01T13:00:00Z");
  });

  it("show Reconciling and Stalled only while true, Ready first", () => {
    const drafts: ConditionDraft[] = [
      { type: "Stalled", status: "False", reason: "None", message: "" },
      { type: "DataReady", status: "True", reason: "Available", message: "" },
      { type: "Reconciling", status: "True", reason: "Progressing", message: "" },
      ready,
    ];
    expect(compute(drafts).map((one) => one.type)).toEqual(["Ready", "DataReady", "Reconciling"]);
  });

  it.each([
    { name: "applied and ready", outcome: applied, want: "Current" },
    {
      name: "refused",
      outcome: { kind: "refused", refusal: { reason: "Invalid", message: "m", path: "spec.a" } },
      want: "Failed",
    },
    {
      name: "failed and retried",
      outcome: {
        kind: "failed",
        reason: "ApplyFailed",
        message: "m",
        changeSet: { changes: [], changed: false, complete: false },
      },
      want: "InProgress",
    },
    {
      name: "finalizer at work",
      outcome: { kind: "finalizing", reason: "Draining", message: "m", overdue: false },
      want: "InProgress",
    },
    {
      name: "finalizer overdue",
      outcome: { kind: "finalizing", reason: "Draining", message: "m", overdue: true },
      want: "Failed",
    },
  ] as const)("$name reads as $want", ({ outcome, want }) => {
    expect(kstatus(compute([ready], outcome))).toBe(want);
  });

  it("a refusal overrides what the controller drafted, and nothing reconciles then", () => {
    const drafts: ConditionDraft[] = [
      ready,
      { type: "Reconciling", status: "True", reason: "Progressing", message: "" },
    ];
    const outcome: Outcome = { kind: "refused", refusal: { reason: "Invalid", message: "m" } };
    const said = compute(drafts, outcome).map((one) => `${one.type}=${one.status}`);
    expect(said).toEqual(["Ready=False", "Stalled=True"]);
  });

  it("a status without Ready is a bug", () => {
    expect(() => compute([])).toThrow("Ready");
  });
});

describe("computeKstatus", () => {
  it.each([
    { name: "no status at all", given: { metadata: { generation: 1 } }, want: "Current" },
    {
      name: "the default of our schema",
      given: { metadata: { generation: 1 }, status: { observedGeneration: -1 } },
      want: "InProgress",
    },
    {
      name: "being deleted",
      given: { metadata: { generation: 1, deletionTimestamp: "x" } },
      want: "Terminating",
    },
  ])("$name", ({ given, want }) => {
    expect(computeKstatus(given)).toBe(want);
  });
});
