import { describe, expect, it } from "@jest/globals";
import type { Node } from "kubernetes-types/core/v1.js";

import type { Environment } from "#api/oaas/v1alpha1/index.ts";

import { plan } from "./plan.ts";
import { render } from "./render.ts";
import { computeStatus } from "./status.ts";

function node(given: {
  readonly ready?: string;
  readonly cordoned?: boolean;
  readonly allocatable?: Record<string, string>;
}): Node {
  return {
    metadata: { name: "n" },
    spec: given.cordoned === true ? { unschedulable: true } : {},
    status: {
      conditions: [{ type: "Ready", status: given.ready ?? "True" }],
      allocatable: given.allocatable ?? { cpu: "2", memory: "4Gi", pods: "110" },
    },
  };
}

function judge(spec: Environment["spec"], nodes: readonly Node[]) {
  const environment: Environment = {
    apiVersion: "oaas.io/v1alpha1",
    kind: "Environment",
    metadata: { name: "e", generation: 1 },
    spec,
  };
  const observed = { environment, nodes, runtimes: 3 };
  const decided = plan(observed, new Date(0), { operatorVersion: "1.2.3" });
  const { fields, conditions } = computeStatus(observed, decided, { kind: "applied" });
  const ready = conditions.find((condition) => condition.type === "Ready");
  return { fields, ready, conditions, rendered: render(observed, decided) };
}

describe("status of an Environment", () => {
  it("counts what pods may have: nodes that are ready and not cordoned", () => {
    const { fields, ready } = judge({}, [
      node({}),
      node({ allocatable: { cpu: "1900m", memory: "4Gi", "nvidia.com/gpu": "1" } }),
      node({ ready: "False" }),
      node({ ready: "Unknown" }),
      node({ cordoned: true }),
    ]);
    expect(fields).toMatchObject({
      nodes: 5,
      readyNodes: 2,
      allocatable: { cpu: "3900m", memory: "8Gi", pods: "110" },
      runtimes: 3,
      operator: { version: "1.2.3" },
    });
    expect(fields.allocatable).not.toHaveProperty("nvidia.com/gpu");
    expect(ready).toMatchObject({ status: "True", message: "2 of 5 nodes are ready" });
  });

  it.each([
    { nodes: [], reason: "NotFound", message: "no node has the labels of spec.nodeSelector" },
    { nodes: [node({ ready: "False" })], reason: "Degraded", message: "none of 1 nodes is ready" },
  ])("is not ready: $message", ({ nodes, reason, message }) => {
    expect(judge({}, nodes).ready).toMatchObject({ status: "False", reason, message });
  });

  it("uses the availability that is declared, else one that is assumed, and says which", () => {
    expect(judge({ availability: "0.95" }, []).fields).toMatchObject({
      availability: "0.95",
      availabilitySource: "Declared",
    });
    expect(judge({}, []).fields).toMatchObject({
      availability: "0.99",
      availabilitySource: "Assumed",
    });
  });

  it("says when nothing new may be placed there", () => {
    expect(judge({ cordoned: true }, [node({})]).ready?.message).toBe(
      "1 of 1 nodes are ready; cordoned: nothing new is placed here",
    );
  });

  it("has all its conditions from the first visit on", () => {
    const { conditions } = judge({}, []);
    expect(conditions.map((c) => c.type)).toEqual(["Ready", "Reachable", "OperatorReady"]);
  });

  it("refuses a template that is not served", () => {
    expect(judge({ defaultTemplate: "Knative" }, []).rendered).toEqual({
      refused: {
        reason: "Unsupported",
        message:
          "spec.defaultTemplate: the template Knative is not served: it needs the API group " +
          "serving.knative.dev",
      },
    });
  });
});
