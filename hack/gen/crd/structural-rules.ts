// The rules of kube-apiserver for the schemas of a CRD, in our own words, for any CRD, ours or not:
// what makes a schema structural, which keys may stand together, what lists and defaults must be.
// CEL is left to the API server: only it can compile rules and estimate what they cost.
// Source: apiextensions-apiserver v0.34, pkg/apiserver/schema/validation.go and
// pkg/apis/apiextensions/validation/validation.go.

import { valueProblems } from "./defaults.ts";
import type { Schema } from "./schema.ts";
import { asList, asSchema, isSchema } from "./schema.ts";

type Level = "root" | "field" | "item";

const FORBIDDEN = [
  "$ref",
  "$schema",
  "additionalItems",
  "const",
  "definitions",
  "dependencies",
  "id",
  "patternProperties",
] as const;

const TYPES = new Set(["array", "boolean", "integer", "number", "object", "string"]);

/** What only the core of a schema may say, and nothing below allOf, anyOf, oneOf or not. */
const CORE_ONLY = [
  "additionalProperties",
  "default",
  "description",
  "nullable",
  "title",
  "type",
  "x-kubernetes-embedded-resource",
  "x-kubernetes-int-or-string",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-list-type",
  "x-kubernetes-map-type",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-validations",
] as const;

const INT_OR_STRING = JSON.stringify([{ type: "integer" }, { type: "string" }]);

/** Everything that the API server would refuse in a CRD, as `path: problem`. */
export function structuralProblems(document: Schema): readonly string[] {
  const spec = asSchema(document["spec"]);
  const versions = asList(spec["versions"]).map(asSchema);
  const stored = versions.filter((version) => version["storage"] === true);
  const names = versions.map((version) => String(version["name"]));
  return [
    ...nameProblems(document, spec),
    ...(stored.length === 1 ? [] : ["spec.versions: exactly one version must be stored"]),
    ...(new Set(names).size === names.length ? [] : ["spec.versions: names must differ"]),
    ...versions.flatMap((version, index) => {
      const root = asSchema(version["schema"])["openAPIV3Schema"];
      const path = `spec.versions[${index}].schema.openAPIV3Schema`;
      if (root === undefined) return [`${path}: is required`];
      return [...schemaProblems(asSchema(root), path), ...columnProblems(version, index)];
    }),
  ];
}

/** The same for one root schema. */
export function schemaProblems(root: Schema, path: string): readonly string[] {
  return [...node(root, "root", path), ...complete(root, path)];
}

function nameProblems(document: Schema, spec: Schema): readonly string[] {
  const names = asSchema(spec["names"]);
  const name = asSchema(document["metadata"])["name"];
  const wanted = `${String(names["plural"])}.${String(spec["group"])}`;
  const problems: string[] = [];
  if (name !== wanted) problems.push(`metadata.name: must be ${wanted}`);
  if (names["kind"] === names["listKind"]) problems.push("spec.names: kind and listKind differ");
  if (!["Cluster", "Namespaced"].includes(String(spec["scope"]))) {
    problems.push("spec.scope: must be Cluster or Namespaced");
  }
  return problems;
}

const COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"];

function columnProblems(version: Schema, index: number): readonly string[] {
  return asList(version["additionalPrinterColumns"])
    .map(asSchema)
    .flatMap((column, at) => {
      const path = `spec.versions[${index}].additionalPrinterColumns[${at}]`;
      const { name, type, jsonPath } = column;
      return [
        ...(typeof name === "string" && name !== "" ? [] : [`${path}.name: is required`]),
        ...(COLUMN_TYPES.includes(String(type))
          ? []
          : [`${path}.type: must be one of ${COLUMN_TYPES.join(", ")}`]),
        ...(typeof jsonPath === "string" && jsonPath.startsWith(".")
          ? []
          : [`${path}.jsonPath: must be a simple path that starts with a dot`]),
      ];
    });
}

/** What holds at every node of the core. */
function node(schema: Schema, level: Level, path: string): readonly string[] {
  return [
    ...FORBIDDEN.filter((key) => schema[key] !== undefined).map(
      (key) => `${path}.${key}: is not supported`,
    ),
    ...typeRules(schema, level, path),
    ...shapeRules(schema, level, path),
    ...extensionRules(schema, path),
    ...listRules(schema, path),
    ...defaultRules(schema, path),
    ...patternRules(schema, path),
    ...junctorRules(schema, path),
    ...(level === "root" || schema["x-kubernetes-embedded-resource"] === true
      ? metaRules(schema, level, path)
      : []),
    ...below(schema, path),
  ];
}

function below(schema: Schema, path: string): readonly string[] {
  const { items, additionalProperties: values } = schema;
  return [
    ...Object.entries(asSchema(schema["properties"])).flatMap(([name, member]) =>
      node(asSchema(member), "field", `${path}.properties[${name}]`),
    ),
    ...(isSchema(items) ? node(items, "item", `${path}.items`) : []),
    ...(isSchema(values) ? node(values, "field", `${path}.additionalProperties`) : []),
  ];
}

function typeRules(schema: Schema, level: Level, path: string): readonly string[] {
  const { type } = schema;
  const opaque =
    schema["x-kubernetes-int-or-string"] === true ||
    schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (type === undefined) return opaque && level !== "root" ? [] : [`${path}.type: is required`];
  if (Array.isArray(type)) return [`${path}.type: must be one type`];
  if (type === "null") return [`${path}.type: cannot be null; nullable says that`];
  if (!TYPES.has(String(type))) return [`${path}.type: ${String(type)} is no type`];
  if (level === "root" && type !== "object") return [`${path}.type: must be object at the root`];
  return [];
}

function shapeRules(schema: Schema, level: Level, path: string): readonly string[] {
  const problems: string[] = [];
  const values = schema["additionalProperties"];
  if (schema["type"] === "array" && schema["items"] === undefined) {
    problems.push(`${path}.items: is required`);
  }
  if (Array.isArray(schema["items"])) problems.push(`${path}.items: must be one schema`);
  if (schema["uniqueItems"] === true) problems.push(`${path}.uniqueItems: would be quadratic`);
  if (values !== undefined && level === "root") {
    problems.push(`${path}.additionalProperties: must not be used at the root`);
  }
  if (values === false) problems.push(`${path}.additionalProperties: cannot be false`);
  if (values !== undefined && schema["properties"] !== undefined) {
    problems.push(`${path}.additionalProperties: excludes properties`);
  }
  if (schema["nullable"] === true && level === "root") {
    problems.push(`${path}.nullable: cannot be true at the root`);
  }
  return problems;
}

function extensionRules(schema: Schema, path: string): readonly string[] {
  const problems: string[] = [];
  const keeps = schema["x-kubernetes-preserve-unknown-fields"];
  const embedded = schema["x-kubernetes-embedded-resource"] === true;
  if (keeps !== undefined && keeps !== true) {
    problems.push(`${path}.x-kubernetes-preserve-unknown-fields: must be true or undefined`);
  }
  if (schema["x-kubernetes-int-or-string"] === true && (keeps === true || embedded)) {
    problems.push(`${path}.x-kubernetes-int-or-string: excludes other extensions`);
  }
  if (embedded && schema["type"] !== "object") {
    problems.push(`${path}.type: must be object for an embedded resource`);
  }
  if (embedded && schema["additionalProperties"] !== undefined) {
    problems.push(`${path}.additionalProperties: not in an embedded resource`);
  }
  if (embedded && keeps !== true && Object.keys(asSchema(schema["properties"])).length === 0) {
    problems.push(`${path}.properties: an embedded resource needs some, or to keep unknown fields`);
  }
  const mapType = schema["x-kubernetes-map-type"];
  if (mapType !== undefined) {
    if (schema["type"] !== "object")
      problems.push(`${path}.x-kubernetes-map-type: needs an object`);
    if (!["atomic", "granular"].includes(String(mapType))) {
      problems.push(`${path}.x-kubernetes-map-type: must be atomic or granular`);
    }
  }
  for (const [index, rule] of asList(schema["x-kubernetes-validations"]).entries()) {
    problems.push(...ruleProblems(asSchema(rule), `${path}.x-kubernetes-validations[${index}]`));
  }
  return problems;
}

function ruleProblems(rule: Schema, path: string): readonly string[] {
  const { rule: expression, message, fieldPath } = rule;
  const problems: string[] = [];
  if (typeof expression !== "string" || expression.trim() === "") {
    problems.push(`${path}.rule: is required`);
  } else if (expression.includes("\n") && message === undefined) {
    problems.push(`${path}.message: is required where the rule has line breaks`);
  }
  for (const [key, text] of Object.entries({ message, fieldPath })) {
    if (text === undefined) continue;
    if (typeof text !== "string" || text.trim() === "") problems.push(`${path}.${key}: is empty`);
    else if (text.includes("\n")) problems.push(`${path}.${key}: must not contain line breaks`);
  }
  return problems;
}

function listRules(schema: Schema, path: string): readonly string[] {
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"];
  const at = `${path}.x-kubernetes-list-type`;
  if (listType === undefined) {
    return asList(keys).length > 0 ? [`${at}: must be map where there are list-map-keys`] : [];
  }
  const problems: string[] = [];
  const items = asSchema(schema["items"]);
  if (schema["type"] !== "array") problems.push(`${at}: needs an array`);
  if (!["atomic", "set", "map"].includes(String(listType))) {
    problems.push(`${at}: must be atomic, set or map`);
  }
  if (asList(keys).length > 0 && listType !== "map") problems.push(`${at}: must be map`);
  if (listType !== "atomic" && items["nullable"] === true) {
    problems.push(`${path}.items.nullable: not in a ${String(listType)}`);
  }
  if (listType === "set") {
    const type = items["type"];
    const atomicMap = items["x-kubernetes-map-type"] === "atomic";
    const atomicList = items["x-kubernetes-list-type"] === "atomic";
    if (type === "object" && !atomicMap) problems.push(`${path}.items: must be atomic in a set`);
    if (type === "array" && !atomicList) problems.push(`${path}.items: must be atomic in a set`);
  }
  return listType === "map" ? [...problems, ...keyRules(items, asList(keys), path)] : problems;
}

function keyRules(items: Schema, keys: readonly unknown[], path: string): readonly string[] {
  const at = `${path}.x-kubernetes-list-map-keys`;
  const problems: string[] = [];
  if (keys.length === 0) problems.push(`${at}: is required in a map`);
  if (new Set(keys).size !== keys.length) problems.push(`${at}: has duplicates`);
  if (items["type"] !== "object") problems.push(`${path}.items.type: must be object in a map`);
  const properties = asSchema(items["properties"]);
  const required = asList(items["required"]);
  for (const key of keys.map(String)) {
    const member = properties[key];
    if (!isSchema(member)) {
      problems.push(`${at}: ${key} is no member of the items`);
      continue;
    }
    if (["array", "object"].includes(String(member["type"]))) {
      problems.push(`${at}: ${key} must be a scalar`);
    }
    if (member["nullable"] === true) problems.push(`${at}: ${key} cannot be null`);
    if (!required.includes(key) && member["default"] === undefined) {
      problems.push(`${at}: ${key} must be required or have a default`);
    }
  }
  return problems;
}

function defaultRules(schema: Schema, path: string): readonly string[] {
  if (schema["default"] === undefined) return [];
  return valueProblems(schema, schema["default"]).map((problem) => `${path}.default: ${problem}`);
}

function patternRules(schema: Schema, path: string): readonly string[] {
  const { pattern } = schema;
  if (pattern === undefined) return [];
  // The API server uses RE2, which has neither of these.
  if (/\(\?<?[=!]|\\[1-9]/.test(String(pattern))) {
    return [`${path}.pattern: RE2 has no lookaround and no back references`];
  }
  try {
    new RegExp(String(pattern), "u");
    return [];
  } catch {
    return [`${path}.pattern: is no regular expression`];
  }
}

function metaRules(schema: Schema, level: Level, path: string): readonly string[] {
  const properties = asSchema(schema["properties"]);
  const problems = ["apiVersion", "kind"]
    .filter((name) => isSchema(properties[name]) && asSchema(properties[name])["type"] !== "string")
    .map((name) => `${path}.properties[${name}].type: must be string`);
  if (level === "root") {
    for (const name of ["apiVersion", "kind", "metadata"]) {
      if (asSchema(properties[name])["default"] === undefined) continue;
      problems.push(`${path}.properties[${name}].default: must not be set at the root`);
    }
  }
  const metadata = properties["metadata"];
  if (!isSchema(metadata)) return problems;
  const at = `${path}.properties[metadata]`;
  if (metadata["type"] !== "object") problems.push(`${at}.type: must be object`);
  if (level !== "root") return problems;
  const { type: _type, properties: members, default: _default, ...others } = metadata;
  const restricted = Object.keys(asSchema(members)).filter(
    (name) => name !== "name" && name !== "generateName",
  );
  if (restricted.length > 0 || Object.keys(others).length > 0) {
    problems.push(`${at}: only name and generateName may be restricted`);
  }
  return problems;
}

/** Junctors may only reason about values; the one exception is the pattern of int-or-string. */
function junctorRules(schema: Schema, path: string): readonly string[] {
  const isIntOrString = schema["x-kubernetes-int-or-string"] === true;
  const skips = (members: unknown): boolean =>
    isIntOrString && JSON.stringify(members) === INT_OR_STRING;
  return junctors(schema, path).flatMap(({ at, member, key, index }) => {
    if (key === "anyOf" && skips(schema["anyOf"])) return [];
    const first = key === "allOf" && index === 0 && skips(member["anyOf"]);
    return nested(member, at, first);
  });
}

interface Junctor {
  readonly key: string;
  readonly index: number;
  readonly at: string;
  readonly member: Schema;
}

function junctors(schema: Schema, path: string): readonly Junctor[] {
  const lists = ["allOf", "anyOf", "oneOf"].flatMap((key) =>
    asList(schema[key]).map((member, index) => ({
      key,
      index,
      at: `${path}.${key}[${index}]`,
      member: asSchema(member),
    })),
  );
  const not = schema["not"];
  return isSchema(not)
    ? [...lists, { key: "not", index: 0, at: `${path}.not`, member: not }]
    : lists;
}

function nested(schema: Schema, path: string, skipsAnyOf: boolean): readonly string[] {
  const properties = asSchema(schema["properties"]);
  const { items } = schema;
  return [
    ...CORE_ONLY.filter((key) => schema[key] !== undefined).map(
      (key) => `${path}.${key}: must not stand in a junctor`,
    ),
    ...(properties["metadata"] === undefined
      ? []
      : [`${path}.properties[metadata]: must not stand in a junctor`]),
    ...Object.entries(properties).flatMap(([name, member]) =>
      nested(asSchema(member), `${path}.properties[${name}]`, false),
    ),
    ...(isSchema(items) ? nested(items, `${path}.items`, false) : []),
    ...junctors(schema, path)
      .filter(({ key }) => !(skipsAnyOf && key === "anyOf"))
      .flatMap(({ member, at }) => nested(member, at, false)),
  ];
}

/** Every field that a junctor speaks of must stand in the core too. */
function complete(schema: Schema, path: string): readonly string[] {
  const missing = junctors(schema, path).flatMap(({ member, at }) => uncovered(member, schema, at));
  const { items, additionalProperties: values } = schema;
  return [
    ...missing,
    ...Object.entries(asSchema(schema["properties"])).flatMap(([name, member]) =>
      complete(asSchema(member), `${path}.properties[${name}]`),
    ),
    ...(isSchema(items) ? complete(items, `${path}.items`) : []),
    ...(isSchema(values) ? complete(values, `${path}.additionalProperties`) : []),
  ];
}

function uncovered(member: Schema, core: Schema, path: string): readonly string[] {
  const coreProperties = asSchema(core["properties"]);
  const own = Object.entries(asSchema(member["properties"])).flatMap(([name, inner]) => {
    const match = coreProperties[name];
    const at = `${path}.properties[${name}]`;
    return isSchema(match)
      ? uncovered(asSchema(inner), match, at)
      : [`${at}: must also stand in the core`];
  });
  const { items } = member;
  const listed = !isSchema(items)
    ? []
    : isSchema(core["items"])
      ? uncovered(items, core["items"], `${path}.items`)
      : [`${path}.items: must also stand in the core`];
  const deeper = junctors(member, path).flatMap((one) => uncovered(one.member, core, one.at));
  return [...own, ...listed, ...deeper];
}
