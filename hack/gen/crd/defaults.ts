// Whether a value is valid under a structural schema, for defaults: the API server refuses a CRD
// whose defaults are invalid or would be pruned. CEL rules are left to it.

import type { Schema } from "./schema.ts";

/** Why `value` is not valid under `schema`, with the path inside the value; empty if it is. */
export function valueProblems(schema: Schema, value: unknown, path = ""): readonly string[] {
  const at = path === "" ? "" : `${path}: `;
  const text = JSON.stringify(value);
  if (value === null) return schema["nullable"] === true ? [] : [`${at}null is not allowed`];
  if (schema["x-kubernetes-int-or-string"] === true) {
    const fits = typeof value === "string" || Number.isInteger(value);
    return fits ? limits(schema, value, at) : [`${at}${text} is no integer or string`];
  }
  const type = schema["type"];
  if (type === undefined) return [];
  if (typeOf(value) !== type && !(type === "number" && typeof value === "number")) {
    return [`${at}${text} is not of type ${String(type)}`];
  }
  const allowed = schema["enum"];
  if (Array.isArray(allowed) && !allowed.includes(value))
    return [`${at}${text} is not in the enum`];
  return [...limits(schema, value, at), ...inside(schema, value, path)];
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (Number.isInteger(value)) return "integer";
  return typeof value;
}

function inside(schema: Schema, value: unknown, path: string): readonly string[] {
  if (Array.isArray(value)) {
    const items = (schema["items"] ?? {}) as Schema;
    return value.flatMap((item, index) => valueProblems(items, item, `${path}[${index}]`));
  }
  if (typeof value !== "object" || value === null) return [];
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, Schema>>;
  const additional = schema["additionalProperties"] as Schema | undefined;
  const required = (schema["required"] ?? []) as readonly string[];
  const missing = required
    .filter((name) => !(name in value) && properties[name]?.["default"] === undefined)
    .map((name) => `${path === "" ? "" : `${path}: `}${name} is required`);
  const problems = Object.entries(value).flatMap(([name, below]) => {
    const known = properties[name] ?? additional;
    const inner = path === "" ? name : `${path}.${name}`;
    if (known !== undefined) return valueProblems(known, below, inner);
    const keeps = schema["x-kubernetes-preserve-unknown-fields"] === true;
    return keeps ? [] : [`${inner}: is no member and would be pruned`];
  });
  return [...missing, ...problems];
}

function limits(schema: Schema, value: unknown, at: string): readonly string[] {
  const problems: string[] = [];
  const check = (key: string, holds: (limit: number) => boolean): void => {
    const limit = schema[key];
    if (typeof limit === "number" && !holds(limit)) {
      problems.push(`${at}${JSON.stringify(value)} breaks ${key} ${limit}`);
    }
  };
  if (typeof value === "number") {
    check("minimum", (limit) => value >= limit);
    check("maximum", (limit) => value <= limit);
    check("multipleOf", (limit) => Number.isInteger(value / limit));
  }
  if (typeof value === "string") {
    const length = [...value].length;
    check("minLength", (limit) => length >= limit);
    check("maxLength", (limit) => length <= limit);
    const pattern = schema["pattern"];
    if (typeof pattern === "string" && !new RegExp(pattern, "u").test(value)) {
      problems.push(`${at}${JSON.stringify(value)} does not match ${pattern}`);
    }
  }
  if (Array.isArray(value)) {
    check("minItems", (limit) => value.length >= limit);
    check("maxItems", (limit) => value.length <= limit);
  } else if (typeof value === "object" && value !== null) {
    const count = Object.keys(value).length;
    check("minProperties", (limit) => count >= limit);
    check("maxProperties", (limit) => count <= limit);
  }
  return problems;
}
