import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";

import type { Condition } from "#api/meta/index.ts";
import type { OstRefusal, OstStatus } from "#api/workload/ost.ts";
import { ostExitCodes } from "#api/workload/ost.ts";
import { computeConditions } from "#controllers/runtime/conditions/conditions.ts";
import type { KStatus } from "#controllers/runtime/conditions/kstatus.ts";
import { computeKstatus } from "#controllers/runtime/conditions/kstatus.ts";

import type { Observed, ObservedTarget, TargetDefaults, TargetPod } from "./plan/plan.ts";
import { plan } from "./plan/plan.ts";
import { computeStatus } from "./status.ts";

const now = new Date("2030-01-01T00:00:00Z");

function read<T>(name: string): T {
  return parse(readFileSync(join(import.meta.dirname, "testdata", name), "utf8")) as T;
}

interface Serving {
  readonly observed: Omit<Observed, "target" | "pod" | "seen"> & {
    readonly pod: TargetPod;
    readonly seen: { readonly kind: "known"; readonly status: OstStatus };
  };
  readonly defaults: TargetDefaults;
}

const target = read<ObservedTarget>("folder.yaml");
const { observed: well, defaults: DEFAULTS } = read<Serving>("serving.yaml");
const silent = { kind: "absent" } as const;

/** Status as the framework would write it after a pass without a failure. */
function seenBy(observed: Observed) {
  const { fields, conditions: drafts } = computeStatus(observed, plan(observed, now, DEFAULTS));
  const outcome = {
    kind: "applied",
    changeSet: { changes: [], changed: false, complete: true },
  } as const;
  const conditions = computeConditions({ drafts, outcome, previous: [], generation: 1, now });
  const kstatus = computeKstatus({
    metadata: { generation: 1 },
    status: { observedGeneration: 1, conditions },
  });
  const one = (type: string): Condition | undefined =>
    conditions.find((condition) => condition.type === type);
  return { fields, kstatus, one };
}

const serving = (change: Partial<Observed> = {}): Observed => ({ ...well, target, ...change });

const podOf = (change: Partial<TargetPod>): TargetPod => ({ ...well.pod, ...change });

const saying = (change: Partial<OstStatus>): Pick<Observed, "seen"> => ({
  seen: { kind: "known", status: { ...well.seen.status, ...change } },
});

/** The observation without one of its optional parts. */
function without(part: "pod" | "nodeLabels"): Observed {
  const { [part]: _gone, ...rest } = serving({ seen: silent });
  return rest;
}

describe("a disk that an earlier target closed", () => {
  it("is not Ready before it takes objects again", () => {
    const { kstatus, one } = seenBy(serving(saying({ closedFor: "earlier" })));
    expect(one("Ready")).toMatchObject({ status: "False", reason: "Progressing" });
    expect(kstatus).toBe("InProgress");
  });
});

describe("a target that serves", () => {
  it("shows where, how much, and what is wrong with nothing", () => {
    const { fields, kstatus, one } = seenBy(serving());
    expect(kstatus).toBe("Current");
    expect(fields).toEqual({
      address: "10.96.0.7:7777",
      capacity: { totalBytes: 1000, usedBytes: 100, availableBytes: 900 },
      objects: 1,
      lastErrors: [],
      topology: { rack: "r1", zone: "z1" },
    });
    expect(one("Ready")).toMatchObject({ status: "True", reason: "Available" });
    expect(one("Drained")).toMatchObject({ status: "False", message: "1 object is on it" });
    expect(one("Reconciling")).toBeUndefined();
  });

  it("takes its place from the node where the spec says nothing", () => {
    const bare = { ...target, spec: { nodeName: "node-1", path: "/var/lib/rawstor/disks/a" } };
    expect(seenBy({ ...well, target: bare }).fields.topology).toEqual({ zone: "zone-of-node" });
  });

  it("tells its last error and serves on", () => {
    const time = "2030-01-01T00:00:00Z";
    const lastErrors = [{ time, code: "Checksum" as const, message: "x".repeat(2000) }];
    const { fields, one } = seenBy(serving(saying({ lastErrors })));
    expect(fields.lastErrors?.[0]?.message).toHaveLength(512);
    expect(one("DiskHealthy")?.status).toBe("True");
  });
});

const noImage = { reason: "ImagePullFailed", message: "no such tag" };
const cases: readonly (readonly [string, Observed, string, KStatus])[] = [
  ["nothing exists yet", without("pod"), "WaitingForPods", "InProgress"],
  [
    "its pod starts",
    serving({ pod: podOf({ ready: false }), seen: silent }),
    "WaitingForPods",
    "InProgress",
  ],
  ["there is no such node", without("nodeLabels"), "NotFound", "InProgress"],
  [
    "its pod may still format",
    serving({ pod: podOf({ mayFormat: true }) }),
    "Formatting",
    "InProgress",
  ],
  [
    "its image cannot be pulled",
    serving({ pod: podOf({ ready: false, trouble: noImage }), seen: silent }),
    "ImagePullFailed",
    "InProgress",
  ],
  ["it has another disk", serving(saying({ target: "else" })), "WrongDisk", "Failed"],
  ["a sync failed", serving(saying({ state: "Failed" })), "DiskFailed", "Failed"],
];

describe("a target that does not serve says why when", () => {
  it.each(cases)("%s", (_name, observed, reason, verdict) => {
    const { kstatus, one } = seenBy(observed);
    expect(one("Ready")).toMatchObject({ status: "False", reason });
    expect(kstatus).toBe(verdict);
  });

  const refusals = Object.keys(ostExitCodes).filter(
    (name): name is OstRefusal => !["Ok", "Crash", "Usage"].includes(name),
  );

  it.each(refusals)("its program refuses the disk: %s", (refusal) => {
    const { kstatus, one } = seenBy(
      serving({ pod: podOf({ ready: false, refusal }), seen: silent }),
    );
    const words = { status: "False", reason: refusal };
    expect(one("DiskHealthy")).toMatchObject(words);
    expect(one("Ready")).toMatchObject(words);
    expect(one("DiskHealthy")?.message).not.toBe(refusal);
    expect(kstatus).toBe("Failed");
  });
});
