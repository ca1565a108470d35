import { describe, expect, it } from "@jest/globals";

import type { OstStatus } from "#api/workload/ost.ts";

import type { Observed, TargetDefaults, TargetPlan, TargetPod } from "./plan.ts";
import { calls, plan } from "./plan.ts";

const now = new Date("2030-01-01T00:00:00Z");
const defaults: TargetDefaults = {
  image: "ost:1",
  namespace: "rawstor-system",
  clusterUid: "cluster",
  allowedPathPrefixes: ["/var/lib/rawstor/disks"],
};

function status(change: Partial<OstStatus> = {}): Observed["seen"] {
  return {
    kind: "known",
    status: {
      cluster: "cluster",
      target: "t-uid",
      incarnation: "i1",
      formatVersion: 1,
      state: "Serving",
      capacityBytes: 100,
      usedBytes: 0,
      availableBytes: 100,
      objects: 0,
      lastErrors: [],
      ...change,
    },
  };
}

function observed(change: Partial<Observed> = {}, path = "/var/lib/rawstor/disks/a"): Observed {
  return {
    target: {
      apiVersion: "rawstor.io/v1alpha1",
      kind: "OstTarget",
      metadata: { name: "a", uid: "t-uid" },
      spec: { nodeName: "n1", path },
    },
    seen: { kind: "absent" },
    othersDown: [],
    claim: "none",
    ...change,
  };
}

describe("formatting", () => {
  it("is intended on record before it is allowed", () => {
    const first = plan(observed(), now, defaults);
    expect(first).toEqual({ record: { target: "t-uid" }, format: "Never", serve: false });
    const second = plan(observed({ record: { target: "t-uid" } }), now, defaults);
    expect(second).toMatchObject({ format: "IfBlank", serve: true });
  });

  it("is forbidden once the incarnation is on record", () => {
    const record = { target: "t-uid" };
    const seen = plan(observed({ record, seen: status() }), now, defaults);
    const registered = { target: "t-uid", incarnation: "i1" };
    expect(seen).toEqual({ record: registered, format: "Never", serve: true });
    const later = plan(observed({ record: seen.record }), now, defaults);
    expect(later.format).toBe("Never");
  });

  it("keeps the uid on record when the target is made again, so that its disk is known", () => {
    const record = { target: "old-uid", incarnation: "i1" };
    const next = plan(observed({ record, seen: status({ target: "old-uid" }) }), now, defaults);
    expect(next.trouble).toBeUndefined();
    expect(next.record).toEqual(record);
  });
});

describe("another disk", () => {
  it.each([
    ["of another target", { target: "else" }],
    ["of another cluster", { cluster: "else" }],
    ["of another incarnation", { incarnation: "i9" }],
  ])("%s is WrongDisk and changes no record", (_name, change) => {
    const record = { target: "t-uid", incarnation: "i1" };
    const next = plan(observed({ record, seen: status(change) }), now, defaults);
    expect(next.trouble?.reason).toBe("WrongDisk");
    expect(next.record).toEqual(record);
  });
});

describe("paths", () => {
  it.each(["/etc", "/var/lib/rawstor/disks", "/var/lib/rawstor/disks-else/a"])(
    "%s is refused by field",
    (path) => {
      const next = plan(observed({}, path), now, defaults);
      expect(next.refusal).toMatchObject({ reason: "Invalid", path: "spec.path" });
    },
  );
});

describe("a record that is gone", () => {
  it("stalls a target that was made, for its disk could be any", () => {
    const next = plan(observed({ claim: "kept" }), now, defaults);
    expect(next.refusal).toMatchObject({ reason: "IdentityLost" });
  });

  it("is written again from what the running program says", () => {
    const next = plan(observed({ claim: "kept", seen: status() }), now, defaults);
    expect(next.refusal).toBeUndefined();
    expect(next.record).toEqual({ target: "t-uid", incarnation: "i1" });
  });

  it("nobody understands stalls it too", () => {
    const next = plan(observed({ record: { malformed: "no target" } }), now, defaults);
    expect(next.refusal).toMatchObject({ reason: "IdentityLost", message: "no target" });
  });
});

describe("a disk that an earlier target closed", () => {
  const record = { target: "t-uid", incarnation: "i1" };
  const seen = status({ closedFor: "t0@2029" });

  it("is opened", () => {
    const at = observed({ record, seen });
    const order = { kind: "open-disk", target: "a", holder: "t0@2029" };
    expect(calls(at, plan(at, now, defaults), "")).toEqual([order]);
  });

  it.each([
    ["it is another disk", observed({ record: { ...record, incarnation: "i0" }, seen })],
    ["the spec is refused", observed({ record, seen }, "/etc")],
  ])("is left alone if %s", (_name, at) => {
    expect(calls(at, plan(at, now, defaults), "")).toEqual([]);
  });
});

describe("restarts", () => {
  const pod = (change: Partial<TargetPod> = {}): TargetPod => ({
    name: "a",
    namespace: "rawstor-system",
    uid: "a",
    ready: true,
    deleting: false,
    template: "old",
    mayFormat: false,
    ...change,
  });
  const never: TargetPlan = { record: { target: "t-uid" }, format: "Never", serve: true };
  const ifBlank: TargetPlan = { ...never, format: "IfBlank" };
  const refused: TargetPlan = { ...never, refusal: { reason: "Invalid", message: "x" } };
  const down = ["b"];

  it.each([
    ["a new template, all others well", pod(), never, "new", [], 1],
    ["a new template, another one is down", pod(), never, "new", down, 0],
    ["a new template, it is down itself", pod({ ready: false }), never, "new", down, 1],
    ["nothing new", pod(), never, "old", [], 0],
    ["nothing new and down", pod({ ready: false }), never, "old", [], 0],
    ["it goes already", pod({ deleting: true }), never, "new", [], 0],
    ["it has formatted its disk", pod({ mayFormat: true }), never, "old", down, 1],
    ["it may format and shall", pod({ mayFormat: true }), ifBlank, "old", [], 0],
    ["it shall format and may not", pod({ ready: false }), ifBlank, "old", down, 1],
    ["the spec is refused", pod({ ready: false }), refused, "new", [], 0],
  ] as const)("%s", (_name, mine, next, template, othersDown, count) => {
    expect(calls(observed({ pod: mine, othersDown }), next, template)).toHaveLength(count);
  });
});
