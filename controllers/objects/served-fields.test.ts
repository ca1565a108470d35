// "A set field is honoured or refused", for all kinds whose controllers are built on this unit. The
// list of fields comes from the CRDs, which are generated from the types: none can be forgotten.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import { parse, parseAllDocuments } from "yaml";

import type { ClassRuntime, Environment, OPackage } from "#api/oaas/v1alpha1/index.ts";
import { CLASS_RUNTIME_SERVED } from "#controllers/class-runtime/fields.ts";
import { plan as planRuntime } from "#controllers/class-runtime/plan.ts";
import { render as renderRuntime } from "#controllers/class-runtime/render.ts";
import { computeStatus as runtimeStatus } from "#controllers/class-runtime/status.ts";
import { ENVIRONMENT_SERVED } from "#controllers/environment/fields.ts";
import { observe as observeEnvironment } from "#controllers/environment/observe.ts";
import { plan as planEnvironment } from "#controllers/environment/plan.ts";
import { computeStatus as environmentStatus } from "#controllers/environment/status.ts";
import { OPACKAGE_SERVED } from "#controllers/opackage/fields.ts";
import { plan as planPackage } from "#controllers/opackage/plan.ts";
import { render as renderPackage } from "#controllers/opackage/render.ts";
import { computeStatus as packageStatus } from "#controllers/opackage/status.ts";
import type { Reader } from "#controllers/runtime/index.ts";
import { findUnsupported } from "#controllers/runtime/index.ts";

const root = join(import.meta.dirname, "..", "..");

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

/** Paths of all fields below `spec` that have no fields of their own: `a.b`, `list[].c`. */
function leafFields(crdFile: string): readonly string[] {
  const crd = parse(readFileSync(join(root, "crds", crdFile), "utf8")) as {
    readonly spec: {
      readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
    };
  };
  const spec = crd.spec.versions[0]?.schema.openAPIV3Schema.properties?.["spec"];
  if (spec === undefined) throw new Error(`${crdFile} has no schema of spec`);
  return leaves(spec, "");
}

function leaves(schema: Schema, path: string): readonly string[] {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length > 0) {
    return fields.flatMap(([name, below]) => leaves(below, path === "" ? name : `${path}.${name}`));
  }
  if (schema.items === undefined) return [path];
  const below = leaves(schema.items, `${path}[]`);
  // A list of plain values is one field.
  return below.length === 1 && below[0] === `${path}[]` ? [path] : below;
}

/** A spec in which only this field is set. */
function onlyField(path: string): unknown {
  const [head = "", ...rest] = path.split(".");
  const list = head.endsWith("[]");
  const value: unknown = rest.length === 0 ? "set" : onlyField(rest.join("."));
  return { [list ? head.slice(0, -2) : head]: list ? [value] : value };
}

function isServed(table: readonly string[], path: string): boolean {
  return table.some(
    (entry) => path === entry || path.startsWith(`${entry}.`) || path.startsWith(`${entry}[`),
  );
}

const kinds = [
  { kind: "OPackage", crd: "opackages.oaas.io.yaml", table: OPACKAGE_SERVED },
  { kind: "ClassRuntime", crd: "classruntimes.oaas.io.yaml", table: CLASS_RUNTIME_SERVED },
  { kind: "Environment", crd: "environments.oaas.io.yaml", table: ENVIRONMENT_SERVED },
];

describe.each(kinds)("$kind", ({ crd, table }) => {
  const all = leafFields(crd);

  it("has a table that is sorted and names fields that exist", () => {
    expect(table.toSorted()).toEqual(table);
    expect(table.filter((entry) => !all.some((leaf) => isServed([entry], leaf)))).toEqual([]);
  });

  it.each(all.filter((path) => !isServed(table, path)))("refuses %s with its path", (path) => {
    const [told, ...others] = findUnsupported(onlyField(path), table);
    expect(others).toEqual([]);
    const asWritten = `spec.${path.replaceAll("[]", "[0]")}`;
    expect(asWritten.startsWith(told ?? "nothing was refused")).toBe(true);
  });

  it("refuses none of the fields in its table", () => {
    const refused = all
      .filter((path) => isServed(table, path))
      .filter((path) => findUnsupported(onlyField(path), table).length > 0);
    expect(refused).toEqual([]);
  });
});

/** Every leaf of a document: its path as in the tables, and the document without it. */
function withoutEachLeaf(
  value: unknown,
  path = "",
  rebuild: (changed: unknown) => unknown = (changed) => changed,
): readonly { readonly path: string; readonly without: unknown }[] {
  if (Array.isArray(value) && value.some((item) => typeof item === "object")) {
    const list: readonly unknown[] = value;
    return list.flatMap((item, i) =>
      withoutEachLeaf(item, `${path}[]`, (changed) => rebuild(list.with(i, changed))),
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, field]) => {
    const below = path === "" ? name : `${path}.${name}`;
    const others = Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
    const deeper = withoutEachLeaf(field, below, (changed) =>
      rebuild({ ...value, [name]: changed }),
    );
    return deeper.length > 0 ? deeper : [{ path: below, without: rebuild(others) }];
  });
}

function documents<T>(path: string): readonly T[] {
  const text = readFileSync(join(root, "controllers", path), "utf8");
  return parseAllDocuments(text).map((document) => document.toJS() as T);
}

function document<T>(path: string): T {
  const [first] = documents<T>(path);
  if (first === undefined) throw new Error(`${path} is empty`);
  return first;
}

/** What a user can see of a runtime: its children, or why there are none, and its status. */
function runtimeEffect(spec: ClassRuntime["spec"]): string {
  const whole = document<ClassRuntime>("class-runtime/testdata/full.yaml");
  const environment = document<Environment>("class-runtime/testdata/environment.yaml");
  const observed = {
    runtime: { ...whole, spec },
    environment:
      spec.environment === undefined
        ? ({ kind: "implied" } as const)
        : ({ kind: "found", environment } as const),
    claimedBy: undefined,
    deployments: new Map(),
    pods: [],
    autoscaled: new Set<string>(),
    collection: undefined,
  };
  const decided = planRuntime(observed);
  const objects = renderRuntime(observed, decided, { systemNamespace: "oaas-system" });
  return JSON.stringify([objects, runtimeStatus(observed, decided, { kind: "applied" })]);
}

function packageEffect(spec: OPackage["spec"]): string {
  const whole = document<OPackage>("opackage/testdata/full.yaml");
  const base = document<OPackage>("opackage/testdata/base.yaml");
  const environments = documents<Environment>("opackage/testdata/environments.yaml");
  const observed = {
    package: { ...whole, spec },
    packages: new Map([["base", base]]),
    environments: new Map(environments.map((e) => [e.metadata.name ?? "", e])),
    runtimes: [],
  };
  const decided = planPackage(observed);
  const objects = renderPackage(observed, decided);
  return JSON.stringify([objects, packageStatus(observed, decided, { kind: "applied" })]);
}

const honoured = [
  {
    kind: "ClassRuntime",
    crd: "classruntimes.oaas.io.yaml",
    table: CLASS_RUNTIME_SERVED,
    spec: document<ClassRuntime>("class-runtime/testdata/full.yaml").spec as object,
    effect: runtimeEffect as (spec: never) => string,
    // The three probes are one shape, and rendered by one function.
    unit: (path: string) => path.replace(/\.probes\.(liveness|readiness|startup)\./, ".probes.*."),
    // What taking it away does not show, because it says what holds anyway or is for people.
    silent: new Map([
      ["addons", "Odgm is the default; another test has []"],
      ["collection.storage.provider", "Volume is the default and the only one served"],
      ["constraints.jurisdiction", "allows; another test refuses"],
      ["functions[].description", "for people"],
      ["functions[].provision.deployment.protocol", "Grpc is the default and the only one served"],
      ["functions[].requirements.availability", "the runtime's is stricter"],
      ["functions[].requirements.latencyMs", "the runtime's is stricter"],
      ["functions[].requirements.throughputRps", "the runtime's is stricter"],
      ["functions[].state", "Enabled is the default"],
      ["functions[].type", "Task is the default"],
      ["functions[].variables[].description", "for people"],
      ["functions[].variables[].name", "for people"],
      ["functions[].variables[].required", "for people"],
      ["requirements.availability", "templateHint is set; see the table of templates"],
      ["requirements.latencyMs", "templateHint is set; see the table of templates"],
      ["requirements.throughputRps", "templateHint is set; see the table of templates"],
      ["resolvedClass.functions[].stateless", "false is the default of one of them"],
      ["state", "Enabled is the default; another test has Disabled"],
      ["suspend", "false is the default; another test has true"],
    ]),
  },
  {
    kind: "OPackage",
    crd: "opackages.oaas.io.yaml",
    table: OPACKAGE_SERVED,
    spec: document<OPackage>("opackage/testdata/full.yaml").spec as object,
    effect: packageEffect as (spec: never) => string,
    // What is handed down whole is one field here; the runtime's own test goes deeper.
    unit: (path: string) =>
      path.replace(/^(functions\[\]\.(provision\.deployment|variables)).*$/, "$1"),
    silent: new Map([
      ["author", "for people"],
      ["classes[].state", "Enabled is the default of one of them"],
      ["description", "for people"],
      ["deployments[].members[].id", "numbers members; data in several is not served yet"],
      ["deployments[].requirements.locality.regions", "one candidate; see the placement tests"],
      ["deployments[].requirements.locality.zones", "one candidate; see the placement tests"],
      ["state", "Enabled is the default; another test has Disabled"],
      ["suspend", "false is the default; another test has true"],
      ["tags", "for people"],
      ["version", "for people"],
    ]),
  },
];

describe.each(honoured)("$kind honours", ({ crd, table, spec, effect, silent, unit }) => {
  /** A field that is required cannot be taken away without breaking something: that shows too. */
  const seen = (changed: unknown): string => {
    try {
      return effect(changed as never);
    } catch (cause) {
      return `broken: ${String(cause)}`;
    }
  };
  const whole = seen(spec);
  const changes = withoutEachLeaf(spec).map((c) => ({ ...c, path: unit(c.path) }));
  const served = [
    ...new Set(
      leafFields(crd)
        .filter((p) => isServed(table, p))
        .map(unit),
    ),
  ];

  it("a document that sets every served field", () => {
    expect(whole).not.toMatch(/"refused"|"held"/);
    const present = new Set(changes.map((change) => change.path));
    const missing = served.filter(
      (path) => ![...present].some((p) => p === path || p.startsWith(`${path}.`)),
    );
    expect(missing).toEqual([]);
  });

  it.each(served.filter((path) => !silent.has(path)))("%s: taking it away shows", (path) => {
    const taken = changes.filter((c) => c.path === path || c.path.startsWith(`${path}.`));
    const showing = taken.filter((change) => seen(change.without) !== whole);
    expect(showing.length).toBeGreaterThan(0);
  });
});

describe("Environment honours", () => {
  const spec: Environment["spec"] = {
    tier: "Edge",
    region: "eu",
    zone: "eu-1",
    nodeSelector: { site: "one" },
    defaultTemplate: "Dev",
    availability: "0.95",
    cordoned: true,
  };
  const nodes = [
    { site: "one", ready: "True" },
    { site: "two", ready: "True" },
  ].map(({ site, ready }, i) => ({
    metadata: { name: `n${i}`, labels: { site } },
    status: { conditions: [{ type: "Ready", status: ready }], allocatable: { cpu: "2" } },
  }));
  const effect = (changed: Environment["spec"]): string => {
    const reader = {
      get: () => ({ metadata: { name: "e", generation: 1 }, spec: changed }),
      list: (kind: { kind: string }, filter?: { labels?: Record<string, string> }) =>
        kind.kind === "Node"
          ? nodes.filter(
              (node) =>
                filter?.labels?.["site"] === undefined ||
                node.metadata.labels.site === filter.labels["site"],
            )
          : [],
    } as unknown as Reader;
    const observed = observeEnvironment({ namespace: "", name: "e" }, reader);
    if (observed === undefined) throw new Error("the environment is there");
    const decided = planEnvironment(observed, new Date(0), { operatorVersion: "1" });
    return JSON.stringify(environmentStatus(observed, decided, { kind: "applied" }));
  };

  it.each(["nodeSelector", "defaultTemplate", "availability", "cordoned"] as const)(
    "%s: taking it away shows in its status",
    (field) => {
      const { [field]: _taken, ...rest } = spec;
      expect(effect(rest)).not.toBe(effect(spec));
    },
  );

  it("tier: it decides the default template", () => {
    const { defaultTemplate: _own, ...withTier } = spec;
    const { tier: _taken, ...without } = withTier;
    expect(effect(without)).not.toBe(effect(withTier));
  });

  // region and zone are read by the placement of packages: see its tests.
});
