import { describe, expect, it } from "@jest/globals";
import type { Deployment } from "kubernetes-types/apps/v1.js";

import type { ClassRuntime, ClassRuntimeSpec, OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { computeConditions } from "#controllers/runtime/conditions/conditions.ts";
import { computeKstatus } from "#controllers/runtime/conditions/kstatus.ts";
import type { Outcome } from "#controllers/runtime/index.ts";

import { plan } from "./plan.ts";
import type { ObservedRuntime } from "./plan.ts";
import { functionChildName } from "./render/names.ts";
import { computeStatus } from "./status.ts";
import { translateCollectionPaths } from "./status/paths.ts";

const applied: Outcome = {
  kind: "applied",
  changeSet: { changes: [], changed: false, complete: true },
};

function runtime(spec: Partial<ClassRuntimeSpec> = {}): ClassRuntime {
  const functions = [
    { name: "f", provision: { deployment: { image: "i:1" } } },
    { name: "out", provision: { staticUrl: "http://example.com/" } },
  ];
  return {
    apiVersion: "oaas.io/v1alpha1",
    kind: "ClassRuntime",
    metadata: { name: "r", namespace: "ns", uid: "u", generation: 2 },
    spec: { class: "p.A", templateHint: "Edge", functions, ...spec },
  };
}

function deployment(ready: number, extra: Partial<Deployment["status"]> = {}): Deployment {
  return {
    metadata: { name: "d", generation: 1 },
    spec: { replicas: 2, selector: {}, template: {} },
    status: {
      observedGeneration: 1,
      replicas: 2,
      updatedReplicas: 2,
      readyReplicas: ready,
      availableReplicas: ready,
      ...extra,
    },
  };
}

type ConditionInput = { readonly type: string; readonly status: string; readonly reason: string };

function collection(
  conditions: readonly (ConditionInput & { readonly message?: string })[],
  observedGeneration = 1,
): OdgmCollection {
  return {
    apiVersion: "oaas.io/v1alpha1",
    kind: "OdgmCollection",
    metadata: { name: "c", generation: 1 },
    spec: { collection: "p.A", nodes: 2 },
    status: {
      observedGeneration,
      partitions: { total: 1, serving: 1 },
      conditions: conditions.map((condition) => ({
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
        ...condition,
      })) as never,
    },
  };
}

const dataReady = { type: "DataReady", status: "True", reason: "Available" };

interface Given {
  readonly spec?: Partial<ClassRuntimeSpec>;
  readonly seen?: Partial<ObservedRuntime>;
  readonly ready?: Deployment;
  readonly data?: OdgmCollection;
}

function observe(given: Given): ObservedRuntime {
  const found = runtime(given.spec);
  const name = functionChildName(found, "Deployment", "f");
  return {
    runtime: found,
    environment: { kind: "implied" },
    claimedBy: undefined,
    deployments: given.ready === undefined ? new Map() : new Map([[name, given.ready]]),
    pods: [],
    autoscaled: new Set(),
    collection: given.data,
    ...given.seen,
  };
}

/** The conditions as they are written, in short, and what kstatus makes of them. */
function judge(given: Given, outcome: Outcome = applied) {
  const observed = observe(given);
  const decided = plan(observed);
  const draft = computeStatus(observed, decided, outcome);
  const conditions = computeConditions({
    drafts: draft.conditions,
    outcome,
    previous: [],
    generation: 2,
    now: new Date(0),
  });
  const object = {
    metadata: { generation: 2 },
    status: { observedGeneration: 2, conditions },
  };
  return {
    fields: draft.fields,
    conditions: Object.fromEntries(conditions.map((c) => [c.type, `${c.status} ${c.reason}`])),
    messages: Object.fromEntries(conditions.map((c) => [c.type, c.message])),
    kstatus: computeKstatus(object),
  };
}

describe("conditions of a ClassRuntime", () => {
  it("before anything is there: in progress", () => {
    expect(judge({})).toMatchObject({
      kstatus: "InProgress",
      conditions: {
        Ready: "False Pending",
        Reconciling: "True Pending",
        FunctionsReady: "False Pending",
        DataReady: "False WaitingForData",
        NfrObserved: "Unknown NoData",
        NfrMet: "Unknown NoData",
      },
    });
  });

  it("functions and data well: current, and nothing but the standing conditions", () => {
    const { conditions, kstatus } = judge({ ready: deployment(2), data: collection([dataReady]) });
    expect(kstatus).toBe("Current");
    expect(conditions).toEqual({
      Ready: "True Available",
      FunctionsReady: "True Available",
      DataReady: "True Available",
      NfrObserved: "Unknown NoData",
      NfrMet: "Unknown NoData",
    });
  });

  it("pods are starting: in progress, with the count", () => {
    const judged = judge({ ready: deployment(1), data: collection([dataReady]) });
    expect(judged.conditions).toMatchObject({
      Ready: "False WaitingForPods",
      Reconciling: "True WaitingForPods",
    });
    expect(judged.messages["Ready"]).toBe("function f: 1 of 2 pods are ready");
    expect(judged.kstatus).toBe("InProgress");
  });

  it("pods are refused: not reconciling, for waiting helps nobody", () => {
    const message = 'pods "x" is forbidden: exceeded quota: q';
    const refused = deployment(0, {
      conditions: [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message }],
    });
    const judged = judge({ ready: refused, data: collection([dataReady]) });
    expect(judged.conditions).toMatchObject({ Ready: "False QuotaExceeded" });
    expect(judged.conditions).not.toHaveProperty("Reconciling");
    expect(judged.messages["Ready"]).toBe(`function f: ${message}`);
  });

  it("the data is not ready: its reason, with this object's paths", () => {
    const bad = collection([
      {
        type: "DataReady",
        status: "False",
        reason: "StorageFull",
        message: "spec.storage.size is used up",
      },
    ]);
    const judged = judge({ ready: deployment(2), data: bad });
    expect(judged.conditions).toMatchObject({ Ready: "False StorageFull" });
    expect(judged.messages["DataReady"]).toBe("spec.collection.storage.size is used up");
  });

  it("what a collection said about an older spec does not count", () => {
    const judged = judge({ ready: deployment(2), data: collection([dataReady], 0) });
    expect(judged.conditions["DataReady"]).toBe("False WaitingForData");
  });

  it("a stalled collection stalls the runtime", () => {
    const stalled = collection([
      dataReady,
      { type: "Stalled", status: "True", reason: "IdentityLost", message: "no ConfigMap" },
    ]);
    const judged = judge({ ready: deployment(2), data: stalled });
    expect(judged.conditions).toMatchObject({
      Ready: "False ChildStalled",
      Stalled: "True ChildStalled",
    });
    expect(judged.messages["Stalled"]).toBe("OdgmCollection c: IdentityLost: no ConfigMap");
    expect(judged.kstatus).toBe("Failed");
  });

  it("refused: failed, and the children that are there are still told about", () => {
    const given = { spec: { templateHint: "Knative" as const }, ready: deployment(2) };
    const refusal = { reason: "Unsupported", message: "m", path: "spec.templateHint" };
    const judged = judge(given, { kind: "refused", refusal });
    expect(judged.kstatus).toBe("Failed");
    expect(judged.conditions["Stalled"]).toBe("True Unsupported");
    expect(judged.fields.functions?.[0]).toMatchObject({ name: "f", ready: true });
  });

  it("suspended: ready if it was, and it says so", () => {
    const held: Outcome = { kind: "held", reason: "Suspended", message: "" };
    const given = { spec: { suspend: true }, ready: deployment(2), data: collection([dataReady]) };
    expect(judge(given, held)).toMatchObject({
      kstatus: "Current",
      conditions: { Ready: "True Suspended" },
    });
    const { ready: _gone, ...starting } = given;
    expect(judge(starting, held).conditions["Ready"]).toBe("False Suspended");
  });

  it("waiting for its environment: not ready, not failed", () => {
    const held: Outcome = { kind: "held", reason: "NotFound", message: "" };
    const given: Given = {
      spec: { environment: "nope" },
      seen: { environment: { kind: "missing" } },
    };
    expect(judge(given, held)).toMatchObject({
      kstatus: "InProgress",
      conditions: { Ready: "False NotFound" },
    });
  });

  it("disabled: as wanted, so ready", () => {
    const judged = judge({ spec: { state: "Disabled" }, data: collection([]) });
    expect(judged.conditions).toMatchObject({
      Ready: "True Disabled",
      FunctionsReady: "True Disabled",
      DataReady: "True Disabled",
    });
  });

  it("a class without data needs none", () => {
    const judged = judge({ spec: { addons: [] }, ready: deployment(2) });
    expect(judged.conditions).toMatchObject({
      Ready: "True Available",
      DataReady: "True Available",
    });
  });
});

describe("functions in status", () => {
  it("tell where they are called and how many pods answer", () => {
    const { fields } = judge({ ready: deployment(1) });
    const service = functionChildName(runtime(), "Service", "f");
    expect(fields.functions).toEqual([
      {
        name: "f",
        condition: "Deploying",
        ready: false,
        reason: "WaitingForPods",
        replicas: 2,
        readyReplicas: 1,
        url: `http://${service}.ns.svc:80`,
        message: "1 of 2 pods are ready",
      },
      {
        name: "out",
        condition: "Running",
        ready: true,
        url: "http://example.com/",
        message: "runs elsewhere; it is not watched from here",
      },
    ]);
  });

  it("are down without a single pod, and deploying while old pods still answer", () => {
    const late = (ready: number): Deployment =>
      deployment(ready, {
        conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }],
      });
    expect(judge({ ready: late(0) }).fields.functions?.[0]?.condition).toBe("Down");
    expect(judge({ ready: late(1) }).fields.functions?.[0]?.condition).toBe("Deploying");
  });

  it("are down and not missed when they are disabled", () => {
    const judged = judge({ spec: { disabledFunctions: ["f"] }, data: collection([dataReady]) });
    expect(judged.fields.functions?.[0]).toMatchObject({ condition: "Down", reason: "Disabled" });
    expect(judged.conditions["Ready"]).toBe("True Available");
  });
});

describe("the accepted generation", () => {
  it("moves when everything is in place, and stays while it is not", () => {
    expect(judge({}).fields.acceptedGeneration).toBe(2);
    const observed = observe({});
    const before: ClassRuntime = { ...observed.runtime, status: { acceptedGeneration: 1 } };
    const decided = plan(observed);
    const draft = computeStatus({ ...observed, runtime: before }, decided, { kind: "refused" });
    expect(draft.fields.acceptedGeneration).toBe(1);
  });
});

describe("paths of a collection become those of its runtime", () => {
  it.each([
    ["spec.partitions: too many", "spec.collection.partitions: too many"],
    ["spec.storage.class: immutable", "spec.collection.storage.class: immutable"],
    ["spec.collection: immutable", "spec.class: immutable"],
    ["spec.routes[2].url: bad", "spec.resolvedClass.functions[2].url: bad"],
    ["spec.resolvedClass.keys: not served", "spec.resolvedClass.keys: not served"],
    [
      "[spec.nodes: a, spec.replicas: b]",
      "[spec.collection.nodes: a, spec.collection.replicas: b]",
    ],
    ["nothing to translate", "nothing to translate"],
  ])("%s", (given, want) => {
    expect(translateCollectionPaths(given)).toBe(want);
  });
});
