import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import { parse, stringify } from "yaml";

import { expectGolden } from "#test/support/golden.ts";

import type { Observed, ObservedTarget, TargetDefaults } from "./plan/plan.ts";
import { plan } from "./plan/plan.ts";
import type { TargetChild } from "./render.ts";
import { render, templateName } from "./render.ts";

const folder = join(import.meta.dirname, "testdata");
const now = new Date("2030-01-01T00:00:00Z");

function read<T>(name: string): T {
  return parse(readFileSync(join(folder, name), "utf8")) as T;
}

interface Serving {
  readonly observed: Omit<Observed, "target">;
  readonly defaults: TargetDefaults;
}

const { observed: serving, defaults: DEFAULTS } = read<Serving>("serving.yaml");

function servingTarget(target: ObservedTarget, change: Partial<Observed> = {}): Observed {
  return { ...serving, target, ...change };
}

function targetOf(name: string, spec: Partial<ObservedTarget["spec"]> = {}): ObservedTarget {
  const target = read<ObservedTarget>(`${name}.yaml`);
  return { ...target, spec: { ...target.spec, ...spec } };
}

function children(observed: Observed): readonly TargetChild[] {
  const rendered = render(observed, plan(observed, now, DEFAULTS), DEFAULTS);
  if ("refused" in rendered) throw new Error(rendered.refused.message);
  return rendered;
}

function templateOf(target: ObservedTarget, change: Partial<Observed> = {}): string {
  const observed = servingTarget(target, change);
  return templateName(observed, plan(observed, now, DEFAULTS), DEFAULTS);
}

function statefulSetOf(observed: Observed): StatefulSet {
  const found = children(observed).find((child) => child.object.kind === "StatefulSet");
  if (found === undefined) throw new Error("no StatefulSet");
  return found.object as StatefulSet;
}

describe("render goldens", () => {
  it.each(["folder", "claim"])("%s", (name) => {
    const all = children(servingTarget(targetOf(name)));
    const text = all.map((child) => stringify(child, { lineWidth: 100 })).join("---\n");
    expectGolden(text, join(folder, `${name}.golden.yaml`));
  });

  it("renders the same bytes again", () => {
    const observed = servingTarget(targetOf("folder"));
    expect(JSON.stringify(children(observed))).toBe(JSON.stringify(children(observed)));
  });
});

describe("before the intent is on record", () => {
  it("there is the record and nothing that touches the disk", () => {
    const fresh: Observed = {
      target: targetOf("folder"),
      claim: "none",
      seen: { kind: "absent" },
      othersDown: [],
    };
    expect(children(fresh).map((child) => child.object.kind)).toEqual(["ConfigMap"]);
    expect(children(fresh)[0]).toMatchObject({ prune: "Keep", ownership: "Label" });
  });
});

describe("the permission to format", () => {
  const target = targetOf("folder");
  const { uid } = target.metadata;
  const env = (observed: Observed): string => JSON.stringify(statefulSetOf(observed).spec);
  const intended = servingTarget(target, { record: { target: uid }, seen: { kind: "absent" } });

  it("is given while the intent is on record and taken back with the incarnation", () => {
    expect(env(intended)).toContain("IfBlank");
    expect(env(servingTarget(target))).not.toContain("IfBlank");
  });

  it("is not part of the template's name, so that it alone makes no rollout", () => {
    expect(templateOf(target, { record: { target: uid }, seen: { kind: "absent" } })).toBe(
      templateOf(target),
    );
  });
});

describe("the template's name", () => {
  it.each([
    ["image", { image: "example.com/ost:3" }],
    ["capacity", { capacity: "11Gi" }],
    ["resources", { resources: { limits: { memory: "2Gi" } } }],
  ])("changes with %s", (_name, spec) => {
    expect(templateOf(targetOf("folder", spec))).not.toBe(templateOf(targetOf("folder")));
  });

  it("does not change with the topology", () => {
    expect(templateOf(targetOf("folder", { topology: { rack: "else" } }))).toBe(
      templateOf(targetOf("folder")),
    );
  });
});

it("no child has an ownerReference: a drain outlives a foreground delete", () => {
  const all = children(servingTarget(targetOf("folder")));
  expect(new Set(all.map((child) => child.ownership))).toEqual(new Set(["Label"]));
});
