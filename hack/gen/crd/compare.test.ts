// Every way in which a change of a CRD breaks its users, and beside it the change in the other
// direction or a like one that does not.
import { describe, expect, it } from "@jest/globals";

import { compareCrds } from "./compare.ts";
import type { ChangeKind } from "./finding.ts";
import type { Schema } from "./schema.ts";

const text = { type: "string", maxLength: 9 };
const list = (keys: readonly string[], type = "map"): Schema => ({
  type: "array",
  maxItems: 3,
  "x-kubernetes-list-type": type,
  ...(type === "map" ? { "x-kubernetes-list-map-keys": keys } : {}),
  items: { type: "object", required: ["name"], properties: { name: text, port: text } },
});
const rule = (expression: string): Schema => ({
  type: "object",
  properties: { a: text },
  "x-kubernetes-validations": [{ rule: expression, message: "m" }],
});

/** A CRD whose spec has one field `f`, or what is given in its place. */
function crd(
  f: Schema | undefined,
  more: { readonly spec?: Schema; readonly version?: Schema } = {},
) {
  const fields = f === undefined ? {} : { f };
  const spec = { type: "object", properties: { other: text, ...fields }, ...more.spec };
  return document([version("v1", spec, more.version)]);
}

function version(name: string, spec: Schema, more: Schema = {}): Schema {
  const openAPIV3Schema = { type: "object", properties: { spec } };
  return { name, served: true, storage: true, schema: { openAPIV3Schema }, ...more };
}

const names = { kind: "Thing", listKind: "ThingList", plural: "things", singular: "thing" };

function document(versions: readonly Schema[], more: Schema = {}): Schema {
  return { spec: { group: "t.io", scope: "Namespaced", names, versions, ...more } };
}

/** [what, before, after, finding of before -> after]; after -> before must be safe. */
const ONE_WAY: readonly (readonly [string, Schema, Schema, ChangeKind, string])[] = [
  ["a field is removed", crd(text), crd(undefined), "FieldRemoved", "v1.spec.f"],
  [
    "a field becomes required",
    crd(text),
    crd(text, { spec: { required: ["f"] } }),
    "FieldRequired",
    "v1.spec.f",
  ],
  [
    "an enum loses a value",
    crd({ type: "string", enum: ["A", "B"] }),
    crd({ type: "string", enum: ["A"] }),
    "EnumNarrowed",
    "v1.spec.f",
  ],
  [
    "a string becomes an enum",
    crd(text),
    crd({ ...text, enum: ["A"] }),
    "EnumNarrowed",
    "v1.spec.f",
  ],
  [
    "minimum rises",
    crd({ type: "integer", minimum: 0 }),
    crd({ type: "integer", minimum: 1 }),
    "BoundNarrowed",
    "v1.spec.f",
  ],
  [
    "maximum falls",
    crd({ type: "integer", maximum: 9 }),
    crd({ type: "integer", maximum: 8 }),
    "BoundNarrowed",
    "v1.spec.f",
  ],
  ["maxLength appears", crd({ type: "string" }), crd(text), "BoundNarrowed", "v1.spec.f"],
  ["minLength appears", crd(text), crd({ ...text, minLength: 1 }), "BoundNarrowed", "v1.spec.f"],
  [
    "maxItems falls",
    crd(list(["name"])),
    crd({ ...list(["name"]), maxItems: 2 }),
    "BoundNarrowed",
    "v1.spec.f",
  ],
  [
    "maxProperties falls",
    crd({ type: "object", maxProperties: 3, additionalProperties: text }),
    crd({ type: "object", maxProperties: 2, additionalProperties: text }),
    "BoundNarrowed",
    "v1.spec.f",
  ],
  [
    "multipleOf gets coarser",
    crd({ type: "integer", multipleOf: 2 }),
    crd({ type: "integer", multipleOf: 4 }),
    "BoundNarrowed",
    "v1.spec.f",
  ],
  ["a pattern appears", crd(text), crd({ ...text, pattern: "^a" }), "PatternChanged", "v1.spec.f"],
  ["a format appears", crd(text), crd({ ...text, format: "ipv4" }), "FormatChanged", "v1.spec.f"],
  [
    "int64 becomes int32",
    crd({ type: "integer", format: "int64" }),
    crd({ type: "integer", format: "int32" }),
    "FormatChanged",
    "v1.spec.f",
  ],
  ["null is forbidden", crd({ ...text, nullable: true }), crd(text), "NullForbidden", "v1.spec.f"],
  [
    "unknown fields are pruned",
    crd({ type: "object", "x-kubernetes-preserve-unknown-fields": true, properties: {} }),
    crd({ type: "object", properties: {} }),
    "UnknownFieldsPruned",
    "v1.spec.f",
  ],
  [
    "a number becomes an integer",
    crd({ type: "number" }),
    crd({ type: "integer" }),
    "TypeChanged",
    "v1.spec.f",
  ],
  [
    "an int-or-string becomes a string",
    crd({ "x-kubernetes-int-or-string": true, maxLength: 9 }),
    crd(text),
    "TypeChanged",
    "v1.spec.f",
  ],
  [
    "a rule appears",
    crd({ type: "object", properties: { a: text } }),
    crd(rule("self.a != 'x'")),
    "RuleAdded",
    "v1.spec.f",
  ],
  [
    "inside the items of a list",
    crd(list(["name"])),
    crd({
      ...list(["name"]),
      items: { type: "object", required: ["name"], properties: { name: text } },
    }),
    "FieldRemoved",
    "v1.spec.f[].port",
  ],
  [
    "inside the values of a map",
    crd({ type: "object", additionalProperties: text }),
    crd({ type: "object", additionalProperties: { ...text, maxLength: 8 } }),
    "BoundNarrowed",
    "v1.spec.f.*",
  ],
  [
    "a subresource is removed",
    crd(text, { version: { subresources: { status: {} } } }),
    crd(text),
    "SubresourceRemoved",
    "v1.subresources.status",
  ],
  [
    "a selectable field is removed",
    crd(text, { version: { selectableFields: [{ jsonPath: ".spec.f" }] } }),
    crd(text),
    "SelectableFieldRemoved",
    "v1.selectableFields",
  ],
  [
    "a version is removed",
    document([version("v1", text), version("v2", text, { storage: false })]),
    document([version("v1", text)]),
    "VersionRemoved",
    "v2",
  ],
  [
    "a version is no longer served",
    document([version("v1", text)]),
    document([version("v1", text, { served: false })]),
    "VersionRemoved",
    "v1",
  ],
];

/** As above, but the way back breaks too. */
const BOTH_WAYS: typeof ONE_WAY = [
  ["another type", crd(text), crd({ type: "boolean" }), "TypeChanged", "v1.spec.f"],
  [
    "a map becomes an object",
    crd({ type: "object", additionalProperties: text }),
    crd({ type: "object", properties: { a: text } }),
    "TypeChanged",
    "v1.spec.f",
  ],
  [
    "another list type",
    crd(list(["name"])),
    crd(list([], "atomic")),
    "ListTypeChanged",
    "v1.spec.f",
  ],
  [
    "other list map keys",
    crd(list(["name"])),
    crd(list(["name", "port"])),
    "ListTypeChanged",
    "v1.spec.f",
  ],
  [
    "another map type",
    crd({ type: "object", properties: { a: text } }),
    crd({ type: "object", properties: { a: text }, "x-kubernetes-map-type": "atomic" }),
    "ListTypeChanged",
    "v1.spec.f",
  ],
  [
    "another pattern",
    crd({ ...text, pattern: "^a" }),
    crd({ ...text, pattern: "^b" }),
    "PatternChanged",
    "v1.spec.f",
  ],
  [
    "another default",
    crd({ ...text, default: "a" }),
    crd({ ...text, default: "b" }),
    "DefaultChanged",
    "v1.spec.f",
  ],
  [
    "another rule",
    crd(rule("self.a != 'x'")),
    crd(rule("self.a != 'y'")),
    "RuleAdded",
    "v1.spec.f",
  ],
  [
    "another scope",
    document([], { scope: "Namespaced" }),
    document([], { scope: "Cluster" }),
    "ScopeChanged",
    "scope",
  ],
  ["another group", document([]), document([], { group: "u.io" }), "NamesChanged", "group"],
  [
    "another kind",
    document([]),
    document([], { names: { ...names, kind: "Other" } }),
    "NamesChanged",
    "names.kind",
  ],
  [
    "another stored version",
    document([version("v1", text), version("v2", text, { storage: false })]),
    document([version("v1", text, { storage: false }), version("v2", text)]),
    "StorageChanged",
    "versions",
  ],
  [
    "another conversion",
    document([], { conversion: { strategy: "None" } }),
    document([], { conversion: { strategy: "Webhook" } }),
    "ConversionChanged",
    "conversion",
  ],
];

function told(old: Schema, now: Schema): readonly string[] {
  return compareCrds(old, now).map(({ path, change }) => `${change} ${path}`);
}

describe("breaks, and its reverse does not", () => {
  it.each(ONE_WAY)("%s", (_what, before, after, change, path) => {
    expect(told(before, after)).toEqual([`${change} ${path}`]);
    expect(told(after, before)).toEqual([]);
  });
});

describe("breaks both ways", () => {
  it.each(BOTH_WAYS)("%s", (_what, before, after, change, path) => {
    expect(told(before, after)).toEqual([`${change} ${path}`]);
    expect(told(after, before)).toEqual([`${change} ${path}`]);
  });
});

describe("is safe", () => {
  const open = crd(undefined);
  it.each<readonly [string, Schema, Schema]>([
    ["nothing changes", crd(list(["name"])), crd(list(["name"]))],
    ["an optional field appears", open, crd(text)],
    [
      "an optional object with required members appears",
      open,
      crd({ type: "object", required: ["a"], properties: { a: text } }),
    ],
    [
      "a field with a default is required",
      open,
      crd({ ...text, default: "a" }, { spec: { required: ["f"] } }),
    ],
    [
      "a rule about a field that is new",
      crd({ type: "object", properties: {} }),
      crd(rule("!has(self.a) || self.a != 'x'")),
    ],
    [
      "keys of a list map in another order",
      crd(list(["name", "port"])),
      crd(list(["port", "name"])),
    ],
    ["another description", crd({ ...text, description: "a" }), crd({ ...text, description: "b" })],
    ["a minLength of nothing", crd(text), crd({ ...text, minLength: 0 })],
    [
      "a version that was not served goes on unserved",
      unserved(text),
      unserved({ type: "boolean" }),
    ],
    ["a new version", document([version("v1", text)]), twoVersions()],
  ])("%s", (_what, before, after) => {
    expect(told(before, after)).toEqual([]);
  });
});

function unserved(spec: Schema): Schema {
  return document([version("v1", spec, { served: false })]);
}

function twoVersions(): Schema {
  return document([version("v1", text), version("v2", text, { storage: false })]);
}

it("a rule about a new field that says more than that is reported", () => {
  const before = crd({ type: "object", properties: {} });
  expect(told(before, crd(rule("!has(self.a) || true ? false : true")))).toHaveLength(1);
});

it("every finding has a mend", () => {
  for (const [, before, after] of [...ONE_WAY, ...BOTH_WAYS]) {
    for (const { mend, problem } of compareCrds(before, after)) {
      expect(mend.length).toBeGreaterThan(10);
      expect(problem.length).toBeGreaterThan(3);
    }
  }
});
