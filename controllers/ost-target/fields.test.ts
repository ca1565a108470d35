// "A set field is honoured or refused". The list of fields comes from the CRD, which is generated from
// the types: none can be forgotten.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";

import { findUnsupported } from "#controllers/runtime/index.ts";

import { served } from "./fields.ts";
import type { Observed, ObservedTarget, TargetDefaults } from "./plan/plan.ts";
import { plan } from "./plan/plan.ts";
import { render } from "./render.ts";
import { computeStatus } from "./status.ts";

const crdFile = join(import.meta.dirname, "..", "..", "crds", "osttargets.rawstor.io.yaml");
const testdata = join(import.meta.dirname, "testdata");

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}

interface Crd {
  readonly spec: {
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** Fields below `spec` that have no fields of their own; maps such as resources count as one. */
function leaves(schema: Schema, path = ""): readonly string[] {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return [path];
  return fields.flatMap(([name, below]) => leaves(below, path === "" ? name : `${path}.${name}`));
}

function read<T>(path: string): T {
  return parse(readFileSync(path, "utf8")) as T;
}

const root = read<Crd>(crdFile).spec.versions[0]?.schema.openAPIV3Schema.properties?.["spec"];
if (root === undefined) throw new Error(`${crdFile} has no schema of spec`);
const all = leaves(root);

function isServed(path: string): boolean {
  return served.some((entry) => path === entry || path.startsWith(`${entry}.`));
}

function only(path: string): unknown {
  return path.split(".").reduceRight<unknown>((value, name) => ({ [name]: value }), "set");
}

/** The spec without one field; undefined if it does not have it. */
function without(spec: object, [head = "", ...rest]: readonly string[]): object | undefined {
  const { [head]: value, ...others } = spec as Readonly<Record<string, unknown>>;
  if (value === undefined) return undefined;
  if (rest.length === 0) return others;
  const below = without(value as object, rest);
  return below === undefined ? undefined : { ...others, [head]: below };
}

const { observed: serving, defaults } = read<{
  readonly observed: Omit<Observed, "target">;
  readonly defaults: TargetDefaults;
}>(join(testdata, "serving.yaml"));

/** Everything that comes of a spec, as text. */
function effectOf(target: ObservedTarget, spec: object): string {
  const observed = { ...serving, target: { ...target, spec: spec as ObservedTarget["spec"] } };
  const next = plan(observed, new Date(0), defaults);
  return JSON.stringify([render(observed, next, defaults), computeStatus(observed, next)]);
}

describe("the table of served fields", () => {
  it("is sorted and names fields that exist", () => {
    expect(served.toSorted()).toEqual(served);
    const known = (entry: string): boolean =>
      all.some((leaf) => leaf === entry || leaf.startsWith(`${entry}.`));
    expect(served.filter((entry) => !known(entry))).toEqual([]);
  });

  it.each(all.filter((path) => !isServed(path)))("refuses %s with its path", (path) => {
    expect(findUnsupported(only(path), served)).toEqual([`spec.${path}`]);
  });

  it.each(all.filter(isServed))("serves %s: something comes of it", (path) => {
    expect(findUnsupported(only(path), served)).toEqual([]);
    const targets = ["folder", "claim"].map((name) =>
      read<ObservedTarget>(join(testdata, `${name}.yaml`)),
    );
    const differences = targets.flatMap((target) => {
      const less = without(target.spec, path.split("."));
      if (less === undefined) return [];
      return [effectOf(target, less) !== effectOf(target, target.spec)];
    });
    expect(differences).toEqual([true, ...(path === "nodeName" ? [true] : [])]);
  });
});
