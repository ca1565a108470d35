import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import type { Deployment } from "kubernetes-types/apps/v1.js";
import { parse, stringify } from "yaml";

import type { ClassRuntime, Environment, OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import type { Rendered } from "#controllers/objects/index.ts";
import { expectGolden } from "#test/support/golden.ts";

import { plan } from "./plan.ts";
import type { ObservedRuntime } from "./plan.ts";
import { render } from "./render.ts";
import { functionChildName } from "./render/names.ts";

const folder = join(import.meta.dirname, "testdata");
const defaults = { systemNamespace: "oaas-system" };

function read<T>(name: string): T {
  return parse(readFileSync(join(folder, name), "utf8")) as T;
}

function observe(runtime: ClassRuntime, seen: Partial<ObservedRuntime> = {}): ObservedRuntime {
  return {
    runtime,
    environment: { kind: "implied" },
    claimedBy: undefined,
    deployments: new Map(),
    pods: [],
    autoscaled: new Set(),
    collection: undefined,
    ...seen,
  };
}

function renderAll(observed: ObservedRuntime): readonly Rendered[] {
  const rendered = render(observed, plan(observed), defaults);
  if ("refused" in rendered) throw new Error(rendered.refused.message);
  if ("held" in rendered) throw new Error(rendered.held.message);
  return rendered;
}

/** The objects as one YAML text. */
function yamlOf(objects: readonly unknown[]): string {
  return objects.map((object) => stringify(object, { lineWidth: 100 })).join("---\n");
}

const edgeOne = (): Partial<ObservedRuntime> => ({
  environment: { kind: "found", environment: read<Environment>("environment.yaml") },
});

describe("render goldens", () => {
  it.each([
    { name: "dev", seen: {} },
    { name: "edge", seen: {} },
    { name: "full", seen: edgeOne() },
  ])("$name", ({ name, seen }) => {
    const observed = observe(read<ClassRuntime>(`${name}.yaml`), seen);
    expectGolden(yamlOf(renderAll(observed)), join(folder, `${name}.golden.yaml`));
  });

  it("renders the same bytes again", () => {
    const once = renderAll(observe(read<ClassRuntime>("full.yaml"), edgeOne()));
    const again = renderAll(observe(read<ClassRuntime>("full.yaml"), edgeOne()));
    expect(JSON.stringify(again)).toBe(JSON.stringify(once));
  });
});

const edge = read<ClassRuntime>("edge.yaml");

function withSpec(spec: Partial<ClassRuntime["spec"]>): ClassRuntime {
  return { ...edge, spec: { ...edge.spec, ...spec } };
}

function kindsOf(objects: readonly Rendered[]): readonly string[] {
  return objects.map((object) => object.kind);
}

function deploymentOf(objects: readonly Rendered[], name: string): Deployment {
  const found = objects.find((o) => o.kind === "Deployment" && o.metadata.name === name);
  if (found === undefined) throw new Error(`no Deployment ${name}`);
  return found as Deployment;
}

function collectionOf(objects: readonly Rendered[]): OdgmCollection {
  return objects.find((object) => object.kind === "OdgmCollection") as unknown as OdgmCollection;
}

describe("templates differ", () => {
  const perFunction = (template: "Dev" | "Edge" | "Cloud"): Record<string, number> => {
    const kinds = kindsOf(renderAll(observe(withSpec({ templateHint: template }))));
    return Object.fromEntries(
      ["Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"].map((kind) => [
        kind,
        kinds.filter((k) => k === kind).length,
      ]),
    );
  };

  it.each([
    ["Dev", { Deployment: 2, HorizontalPodAutoscaler: 0, PodDisruptionBudget: 0 }],
    ["Edge", { Deployment: 2, HorizontalPodAutoscaler: 0, PodDisruptionBudget: 2 }],
    ["Cloud", { Deployment: 2, HorizontalPodAutoscaler: 2, PodDisruptionBudget: 2 }],
  ] as const)("%s", (template, want) => {
    expect(perFunction(template)).toEqual(want);
  });

  it.each([
    ["Dev", 1],
    ["Edge", 2],
    ["Cloud", 3],
  ] as const)("%s has %d data pods", (templateHint, nodes) => {
    expect(collectionOf(renderAll(observe(withSpec({ templateHint })))).spec.nodes).toBe(nodes);
  });
});

describe("names and functions", () => {
  it("keeps the names of one function when another one goes", () => {
    const [echo] = edge.spec.functions ?? [];
    const both = renderAll(observe(edge)).map((o) => `${o.kind}/${o.metadata.name}`);
    const one = renderAll(
      observe(
        withSpec({
          functions: echo === undefined ? [] : [echo],
          resolvedClass: { functions: [{ name: "echo" }] },
        }),
      ),
    ).map((o) => `${o.kind}/${o.metadata.name}`);
    expect(both).toEqual(expect.arrayContaining(one));
    expect(both.length - one.length).toBe(5);
  });

  it("gives two functions whose names differ only in case different objects", () => {
    const names = ["Echo", "echo"].map((name) => functionChildName(edge, "Service", name));
    expect(new Set(names).size).toBe(2);
  });

  it("takes pods and route of a disabled function away and keeps the rest", () => {
    const objects = renderAll(observe(withSpec({ disabledFunctions: ["echo"] })));
    expect(kindsOf(objects).filter((kind) => kind === "Deployment")).toHaveLength(1);
    expect(collectionOf(objects).spec.routes).toContainEqual({ name: "echo", disabled: true });
  });

  it("rests when it is disabled: no pods of functions, no data pods, no prune of the data", () => {
    const objects = renderAll(observe(withSpec({ state: "Disabled" })));
    expect(kindsOf(objects)).toEqual(["OdgmCollection"]);
    expect(collectionOf(objects).spec.nodes).toBe(0);
  });

  it("has no collection without the addon, and tells functions so", () => {
    const { collection: _none, ...spec } = withSpec({ addons: [] }).spec;
    const objects = renderAll(observe({ ...edge, spec }));
    expect(kindsOf(objects)).not.toContain("OdgmCollection");
    const name = functionChildName(edge, "Deployment", "echo");
    const env = deploymentOf(objects, name).spec?.template.spec?.containers[0]?.env;
    expect(env).toContainEqual({ name: "ODGM_ENABLED", value: "false" });
  });

  it("lets the user's environment win and never repeats a name", () => {
    const [echo, counter] = edge.spec.functions ?? [];
    if (echo?.provision?.deployment === undefined || counter === undefined) throw new Error("edge");
    const env = [{ name: "HTTP_PORT", value: "80" }];
    const changed = {
      ...echo,
      provision: { deployment: { ...echo.provision.deployment, env } },
    };
    const objects = renderAll(observe(withSpec({ functions: [changed, counter] })));
    const name = functionChildName(edge, "Deployment", "echo");
    const got = deploymentOf(objects, name).spec?.template.spec?.containers[0]?.env ?? [];
    expect(got.filter((variable) => variable.name === "HTTP_PORT")).toEqual(env);
  });
});

describe("replicas", () => {
  const name = functionChildName(edge, "Deployment", "echo");
  const live = (replicas: number): ObservedRuntime["deployments"] =>
    new Map([[name, { spec: { replicas, selector: {}, template: {} } }]]);
  const replicasOf = (observed: ObservedRuntime): number | undefined =>
    deploymentOf(renderAll(observed), name).spec?.replicas;

  it("reverts a count that was scaled by hand", () => {
    expect(replicasOf(observe(edge, { deployments: live(7) }))).toBe(2);
  });

  it("reads the count back where an autoscaler is at work, and never falls to 1", () => {
    const seen = { deployments: live(7), autoscaled: new Set([name]) };
    expect(replicasOf(observe(withSpec({ templateHint: "Cloud" }), seen))).toBe(7);
    expect(replicasOf(observe(withSpec({ templateHint: "Cloud" })))).toBe(2);
  });

  it("keeps an autoscaler's count within the bounds of the plan", () => {
    const seen = { deployments: live(70), autoscaled: new Set([name]) };
    expect(replicasOf(observe(withSpec({ templateHint: "Cloud" }), seen))).toBe(10);
  });

  it("leaves the count to an autoscaler that the user has pointed at the Deployment", () => {
    const seen = { deployments: live(5), autoscaled: new Set([name]) };
    expect(replicasOf(observe(edge, seen))).toBe(5);
  });
});

describe("data pods", () => {
  const there = (nodes: number): OdgmCollection => ({
    apiVersion: "oaas.io/v1alpha1",
    kind: "OdgmCollection",
    metadata: { name: "c" },
    spec: { collection: "quickstart.Counter", nodes },
  });
  const nodesOf = (runtime: ClassRuntime, nodes: number): number | undefined =>
    collectionOf(renderAll(observe(runtime, { collection: there(nodes) }))).spec.nodes;

  it("are never lowered by a plan, only by an explicit number", () => {
    expect(nodesOf(withSpec({ templateHint: "Dev" }), 3)).toBe(3);
    expect(nodesOf(withSpec({ templateHint: "Dev", collection: { nodes: 1 } }), 3)).toBe(1);
  });

  it("come back after a rest", () => {
    expect(nodesOf(edge, 0)).toBe(2);
  });
});
