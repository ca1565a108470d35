// Specs as values: what stands at a place, and the same spec with something else there.
import type { Schema, Step } from "./schema.ts";
import { schemaAt } from "./schema.ts";
import { leastValue } from "./values.ts";

/** A spec, or a part of one. */
export type Json = unknown;

/** What stands there; undefined if nothing does. Of a list the first element is looked at. */
export function valueAt(document: Json, steps: readonly Step[]): Json {
  return steps.reduce<Json>((at, step) => {
    if (at === undefined || at === null) return undefined;
    if (step === "[]") return Array.isArray(at) ? (at[0] as Json) : undefined;
    return (at as Readonly<Record<string, Json>>)[step];
  }, document);
}

/**
 * The document with this value there. What is missing on the way is made with the least that the
 * schema requires. `undefined` takes the property away and leaves what is around it.
 */
export function withValue(
  document: Json,
  steps: readonly Step[],
  value: Json,
  schema: Schema,
): Json {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  if (step === "[]") {
    const list = Array.isArray(document) ? (document as readonly Json[]) : [];
    const first = list[0] ?? leastValue(schemaAt(schema, ["[]"]));
    return [withValue(first, rest, value, schemaAt(schema, ["[]"])), ...list.slice(1)];
  }
  const object = (document ?? leastValue(schema)) as Readonly<Record<string, Json>>;
  const { [step]: before, ...others } = object;
  if (rest.length === 0 && value === undefined) return others;
  if (before === undefined && value === undefined) return object;
  return { ...object, [step]: withValue(before, rest, value, schemaAt(schema, [step])) };
}

/**
 * The ways in which what stands beside the property, or beside one of its parents, may exclude it:
 * the document without those neighbours, nearest parent first. What is required stays.
 */
export function withoutNeighbours(
  document: Json,
  steps: readonly Step[],
  schema: Schema,
): readonly Json[] {
  const found: Json[] = [];
  for (let depth = steps.length - 1; depth >= 0; depth -= 1) {
    const parent = steps.slice(0, depth);
    const own = steps[depth];
    const at = valueAt(document, parent);
    const parentSchema = schemaAt(schema, parent);
    if (own === "[]" || own === undefined || typeof at !== "object" || at === null) continue;
    const kept = Object.entries(at).filter(
      ([name]) => name === own || (parentSchema.required ?? []).includes(name),
    );
    found.push(withValue(document, parent, Object.fromEntries(kept), schema));
  }
  return found;
}

/** The document with each of these parts in its place, one at a time. */
export function withParts(
  document: Json,
  parts: readonly { readonly steps: readonly Step[]; readonly value: Json }[],
  schema: Schema,
): readonly Json[] {
  return parts.map(({ steps, value }) =>
    withValue(document, steps, known(value, schemaAt(schema, steps)), schema),
  );
}

/** The value without what the schema does not know. */
function known(value: Json, schema: Schema): Json {
  if (Array.isArray(value)) return value.map((item: Json) => known(item, schema.items ?? {}));
  const { properties } = schema;
  if (properties === undefined || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, below]): [string, Json][] => {
      const own = properties[name];
      return own === undefined ? [] : [[name, known(below, own)]];
    }),
  );
}

/** All that stands there, of every element of every list on the way. */
export function elementsAt(document: Json, steps: readonly Step[]): readonly Json[] {
  return steps.reduce<readonly Json[]>(
    (found, step) =>
      found.flatMap((at): readonly Json[] => {
        if (at === undefined || at === null) return [];
        if (step === "[]") return Array.isArray(at) ? (at as readonly Json[]) : [];
        const below = (at as Readonly<Record<string, Json>>)[step];
        return below === undefined ? [] : [below];
      }),
    [document],
  );
}

/** Where the first of each list is meant: `spec.classes[0].keys[0].type`. */
export function placeOf(steps: readonly Step[]): string {
  return steps.reduce<string>(
    (text, step) => (step === "[]" ? `${text}[0]` : `${text}.${step}`),
    "spec",
  );
}

/** True if the message names this place, or complains about one that it is inside of as a whole. */
export function namesPlace(message: string, steps: readonly Step[]): boolean {
  // A rule about two places is told at one of them: the other is named by its end.
  if (steps.length > 2 && message.includes(steps.slice(-2).join("."))) return true;
  for (let depth = steps.length; depth > 0; depth -= 1) {
    const place = placeOf(steps.slice(0, depth)).replace("spec.", "");
    const after = depth === steps.length ? /^([^A-Za-z0-9_]|$)/ : /^([:,; ]|$)/;
    for (let at = message.indexOf(place); at >= 0; at = message.indexOf(place, at + 1)) {
      if (after.test(message.slice(at + place.length))) return true;
    }
  }
  return false;
}
