// The rules of the API server, one document per rule that breaks it.
import { describe, expect, it } from "@jest/globals";

import type { Schema } from "./schema.ts";
import { schemaProblems, structuralProblems } from "./structural-rules.ts";

/** A root with one field. */
function root(f: Schema, more: Schema = {}): Schema {
  return { type: "object", properties: { f }, ...more };
}

const text = { type: "string" };
const named = { type: "object", required: ["name"], properties: { name: text } };
const map = (items: Schema, keys: unknown = ["name"]): Schema =>
  root({
    type: "array",
    items,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": keys,
  });

describe("is refused", () => {
  it.each<readonly [string, Schema]>([
    ["properties[f].$ref: is not supported", root({ $ref: "#/definitions/A", type: "string" })],
    ["properties[f].const: is not supported", root({ type: "string", const: "A" })],
    ["patternProperties: is not supported", root(text, { patternProperties: {} })],
    ["properties[f].type: is required", root({})],
    ["properties[f].type: must be one type", root({ type: ["string", "null"] })],
    ["properties[f].type: cannot be null", root({ type: "null" })],
    ["properties[f].type: date is no type", root({ type: "date" })],
    ["type: must be object at the root", { type: "string" }],
    ["nullable: cannot be true at the root", root(text, { nullable: true })],
    ["items: is required", root({ type: "array" })],
    ["items: must be one schema", root({ type: "array", items: [text] })],
    ["uniqueItems", root({ type: "array", items: text, uniqueItems: true })],
    ["must not be used at the root", { type: "object", additionalProperties: text }],
    [
      "additionalProperties: cannot be false",
      root({ type: "object", additionalProperties: false }),
    ],
    [
      "additionalProperties: excludes properties",
      root({ type: "object", properties: { a: text }, additionalProperties: text }),
    ],
    [
      "x-kubernetes-preserve-unknown-fields: must be true",
      root({ type: "object", "x-kubernetes-preserve-unknown-fields": false }),
    ],
    [
      "int-or-string: excludes",
      root({
        "x-kubernetes-int-or-string": true,
        "x-kubernetes-preserve-unknown-fields": true,
      }),
    ],
    [
      "must be object for an embedded resource",
      root({
        "x-kubernetes-embedded-resource": true,
        "x-kubernetes-preserve-unknown-fields": true,
      }),
    ],
    [
      "an embedded resource needs some",
      root({ type: "object", "x-kubernetes-embedded-resource": true }),
    ],
    ["map-type: needs an object", root({ type: "string", "x-kubernetes-map-type": "atomic" })],
    ["map-type: must be atomic", root({ type: "object", "x-kubernetes-map-type": "set" })],
    ["list-type: needs an array", root({ type: "string", "x-kubernetes-list-type": "set" })],
    [
      "list-type: must be atomic, set or map",
      root({ type: "array", items: text, "x-kubernetes-list-type": "bag" }),
    ],
    [
      "must be map where there are list-map-keys",
      root({ type: "array", items: named, "x-kubernetes-list-map-keys": ["name"] }),
    ],
    [
      "items: must be atomic in a set",
      root({ type: "array", items: named, "x-kubernetes-list-type": "set" }),
    ],
    ["list-map-keys: is required", map(named, [])],
    ["list-map-keys: has duplicates", map(named, ["name", "name"])],
    ["items.type: must be object in a map", map(text)],
    ["other is no member", map(named, ["other"])],
    ["name must be a scalar", map({ ...named, properties: { name: named } })],
    ["name cannot be null", map({ ...named, properties: { name: { ...text, nullable: true } } })],
    [
      "name must be required or have a default",
      map({ type: "object", properties: { name: text } }),
    ],
    ["items.nullable", map({ ...named, nullable: true })],
    ["properties[f].default", root({ type: "string", default: 1 })],
    ["would be pruned", root({ type: "object", properties: {}, default: { a: 1 } })],
    ["RE2", root({ type: "string", pattern: "(?!a)" })],
    ["no regular expression", root({ type: "string", pattern: "(" })],
    ["rule: is required", root(text, { "x-kubernetes-validations": [{ message: "m" }] })],
    [
      "message: must not contain line breaks",
      root(text, { "x-kubernetes-validations": [{ rule: "true", message: "a\nb" }] }),
    ],
    [
      "message: is required where the rule has line breaks",
      root(text, { "x-kubernetes-validations": [{ rule: "true\n&& true" }] }),
    ],
    ["anyOf[0].type: must not stand in a junctor", root(text, { anyOf: [{ type: "object" }] })],
    ["not.default: must not stand in a junctor", root({ ...text, not: { default: "a" } })],
    [
      "x-kubernetes-validations: must not stand in a junctor",
      root(text, { allOf: [{ "x-kubernetes-validations": [] }] }),
    ],
    [
      "properties[g]: must also stand in the core",
      root(text, { oneOf: [{ properties: { g: { minLength: 1 } } }] }),
    ],
    [
      "properties[metadata]: must not stand in a junctor",
      root(text, { anyOf: [{ properties: { metadata: {} } }] }),
    ],
    ["properties[kind].type", { type: "object", properties: { kind: { type: "integer" } } }],
    [
      "only name and generateName",
      {
        type: "object",
        properties: { metadata: { type: "object", properties: { labels: named } } },
      },
    ],
    [
      "default: must not be set at the root",
      { type: "object", properties: { kind: { type: "string", default: "A" } } },
    ],
  ])("%s", (problem, schema) => {
    expect(schemaProblems(schema, "s").join("\n")).toContain(problem);
  });

  it.each([
    ["metadata.name", { metadata: { name: "a.t.io" } }],
    ["scope", { spec: { scope: "Here" } }],
    ["exactly one version", { spec: { versions: [] } }],
  ])("%s of the document", (problem, document: Schema) => {
    expect(structuralProblems(document).join("\n")).toContain(problem);
  });
});

describe("is taken", () => {
  const pattern = [{ type: "integer" }, { type: "string" }];
  it.each<readonly [string, Schema]>([
    ["int-or-string", root({ "x-kubernetes-int-or-string": true, anyOf: pattern })],
    [
      "int-or-string in allOf",
      root({ "x-kubernetes-int-or-string": true, allOf: [{ anyOf: pattern }, { maxLength: 3 }] }),
    ],
    ["an opaque field", root({ "x-kubernetes-preserve-unknown-fields": true })],
    ["values in junctors", root(text, { anyOf: [{ properties: { f: { minLength: 1 } } }] })],
    [
      "a restricted name",
      { type: "object", properties: { metadata: { type: "object", properties: { name: text } } } },
    ],
    [
      "a set of atomic objects",
      root({
        type: "array",
        "x-kubernetes-list-type": "set",
        items: { ...named, "x-kubernetes-map-type": "atomic" },
      }),
    ],
    ["a list map", map(named)],
  ])("%s", (_what, schema) => {
    expect(schemaProblems(schema, "s")).toEqual([]);
  });
});
