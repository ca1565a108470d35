import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import { parse, parseAllDocuments, stringify } from "yaml";

import type { ClassRuntime, Environment, OPackage } from "#api/oaas/v1alpha1/index.ts";
import type { Rendered } from "#controllers/objects/index.ts";
import { expectGolden } from "#test/support/golden.ts";

import { plan } from "./plan.ts";
import { runtimeName } from "./plan/deployments.ts";
import type { ObservedPackage } from "./plan/observed.ts";
import { render } from "./render.ts";

const folder = join(import.meta.dirname, "testdata");

function read<T>(name: string): T {
  return parse(readFileSync(join(folder, name), "utf8")) as T;
}

function observe(found: OPackage, seen: Partial<ObservedPackage> = {}): ObservedPackage {
  return { package: found, packages: new Map(), environments: new Map(), runtimes: [], ...seen };
}

function whole(): ObservedPackage {
  const environments = parseAllDocuments(readFileSync(join(folder, "environments.yaml"), "utf8"))
    .map((document) => document.toJS() as Environment)
    .map((environment) => [environment.metadata.name ?? "", environment] as const);
  return observe(read<OPackage>("full.yaml"), {
    packages: new Map([["base", read<OPackage>("base.yaml")]]),
    environments: new Map(environments),
  });
}

function renderAll(observed: ObservedPackage): readonly Rendered[] {
  const rendered = render(observed, plan(observed));
  if ("refused" in rendered) throw new Error(rendered.refused.message);
  if ("held" in rendered) throw new Error(rendered.held.message);
  return rendered;
}

/** The objects as one YAML text. */
function yamlOf(objects: readonly unknown[]): string {
  return objects.map((object) => stringify(object, { lineWidth: 100 })).join("---\n");
}

describe("render goldens", () => {
  it("quickstart", () => {
    expectGolden(
      yamlOf(renderAll(observe(read<OPackage>("quickstart.yaml")))),
      join(folder, "quickstart.golden.yaml"),
    );
  });

  it("full", () => {
    expectGolden(yamlOf(renderAll(whole())), join(folder, "full.golden.yaml"));
  });

  it("renders the same bytes again", () => {
    expect(JSON.stringify(renderAll(whole()))).toBe(JSON.stringify(renderAll(whole())));
  });
});

const quickstart = read<OPackage>("quickstart.yaml");

function withSpec(spec: Partial<OPackage["spec"]>): OPackage {
  return { ...quickstart, spec: { ...quickstart.spec, ...spec } };
}

function runtimes(observed: ObservedPackage): readonly ClassRuntime[] {
  return renderAll(observed) as unknown as readonly ClassRuntime[];
}

describe("render", () => {
  it("gives each deployment and environment a name that nothing else in the package changes", () => {
    const key = { namespace: "default", package: "quickstart" };
    const [only] = runtimes(observe(withSpec({ version: "2", description: "other" })));
    expect(only?.metadata.name).toBe(runtimeName(key, "counter", "default"));
    expect(runtimeName(key, "a-b", "c")).not.toBe(runtimeName(key, "a", "b-c"));
  });

  it("switches everything off with the package, or with the class", () => {
    const [off] = runtimes(observe(withSpec({ state: "Disabled" })));
    expect(off?.spec.state).toBe("Disabled");
    const classes = (quickstart.spec.classes ?? []).map((cls) => ({
      ...cls,
      state: "Disabled" as const,
    }));
    expect(runtimes(observe(withSpec({ classes })))[0]?.spec.state).toBe("Disabled");
    expect(runtimes(observe(quickstart))[0]?.spec).not.toHaveProperty("state");
  });

  it("carries only functions that the deployed class binds", () => {
    const extra = { name: "unused", provision: { deployment: { image: "i:1" } } };
    const functions = [...(quickstart.spec.functions ?? []), extra];
    const [only] = runtimes(observe(withSpec({ functions })));
    expect(only?.spec.functions?.map((fn) => fn.name)).toEqual(["echo", "random", "counter"]);
  });

  it("reads its memory back: partitions that are there stay when nobody names a number", () => {
    const [first] = runtimes(observe(quickstart));
    if (first === undefined) throw new Error("quickstart renders one runtime");
    const there: ClassRuntime = {
      ...first,
      spec: { ...first.spec, collection: { ...first.spec.collection, partitions: 16 } },
    };
    const deployments = (quickstart.spec.deployments ?? []).map(
      ({ partitions: _named, ...rest }) => rest,
    );
    const [again] = runtimes(observe(withSpec({ deployments }), { runtimes: [there] }));
    expect(again?.spec.collection?.partitions).toBe(16);
  });

  it("touches nothing while suspended or refused", () => {
    const held = observe(withSpec({ suspend: true }));
    expect(render(held, plan(held))).toEqual({
      held: { reason: "Suspended", message: "spec.suspend is set" },
    });
    const wrong = observe(withSpec({ classes: [] }));
    expect(render(wrong, plan(wrong))).toEqual({
      refused: {
        reason: "Invalid",
        message: "spec.deployments[0].class: there is no class quickstart.Counter",
      },
    });
  });
});
