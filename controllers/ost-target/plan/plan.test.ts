import { describe, expect, it } from "@jest/globals";

import type { OstStatus } from "#api/workload/ost.ts";

import type { Observed, TargetDefaults, TargetPod } from "./plan.ts";
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
    allPods: [],
    ...change,
  };
}

describe("formatting", () => {
  it("is intended on record before it is allowed", () => {
    const first = plan(observed(), now, defaults);
    expect(first).toEqual({ record: { target: "t-uid" }, format: "Never" });
    const second = plan(observed({ record: { target: "t-uid" } }), now, defaults);
    expect(second.format).toBe("IfBlank");
  });

  it("is forbidden once the incarnation is on record", () => {
    const record = { target: "t-uid" };
    const seen = plan(observed({ record, seen: status() }), now, defaults);
    expect(seen).toEqual({ record: { target: "t-uid", incarnation: "i1" }, format: "Never" });
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

describe("restarts", () => {
  const pod = (name: string, change: Partial<TargetPod> = {}): TargetPod => ({
    name,
    namespace: "rawstor-system",
    uid: name,
    ready: true,
    deleting: false,
    template: "old",
    ...change,
  });

  it("never take two targets together", () => {
    const mine = pod("a");
    expect(calls(observed({ pod: mine, allPods: [mine, pod("b")] }), "new")).toHaveLength(1);
    const busy = [mine, pod("b", { ready: false })];
    expect(calls(observed({ pod: mine, allPods: busy }), "new")).toEqual([]);
  });

  it("take a pod that does not serve anyway, and none that is as it shall be", () => {
    const broken = pod("a", { ready: false });
    expect(calls(observed({ pod: broken, allPods: [broken] }), "new")).toHaveLength(1);
    expect(calls(observed({ pod: broken, allPods: [broken] }), "old")).toEqual([]);
  });
});
