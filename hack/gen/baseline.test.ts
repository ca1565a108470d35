import { expect, it } from "@jest/globals";

import { compareWithRelease, judge } from "./baseline.ts";
import { findingText } from "./crd-main.ts";
import type { CrdFinding } from "./crd-main.ts";

it("crds/ breaks nobody who uses the last release, unless accepted.yaml says why", async () => {
  const { released, unaccepted, stale } = await compareWithRelease();
  expect(released).toContain("opackages.oaas.io");
  expect(unaccepted.map(findingText)).toEqual([]);
  expect(stale).toEqual([]);
});

it("a finding needs its entry, and an entry its finding", () => {
  const finding: CrdFinding = {
    crd: "things.t.io",
    path: "v1.spec.a",
    change: "FieldRemoved",
    severity: "Breaking",
    problem: "p",
    mend: "m",
  };
  const { crd, path } = finding;
  const entry = { crd, path, change: "FieldRemoved", reason: "never served" } as const;
  expect(judge([finding], [])).toEqual({ unaccepted: [finding], stale: [] });
  expect(judge([finding], [entry])).toEqual({ unaccepted: [], stale: [] });
  expect(judge([], [entry])).toEqual({ unaccepted: [], stale: [entry] });
});
