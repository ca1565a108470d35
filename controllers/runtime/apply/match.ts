// Is what we want already there? `differences` compares a desired object with a live one the way
// server-side apply would: what we do not mention is not ours. No I/O, no state.

import { elementKey, isAtomicMap, isSet, listKeys } from "./list-keys.ts";
import { equalQuantities } from "./quantity.ts";

/** A place where live is not as desired. `live` is for comparing with later, never for logs. */
export interface Difference {
  /** As a user would write it: `spec.template.spec.containers[name=app].image`. */
  readonly path: string;
  /** What is there, as JSON; empty if nothing is. */
  readonly live: string;
  /** What shall be there, as JSON; empty if nothing shall. */
  readonly want: string;
}

/**
 * Every place where `live` lacks something of `desired` or has it otherwise, depth first. Values
 * that the API server writes differently are equal: quantities (`1000m` and `1`), and an empty list
 * or map is equal to none.
 */
export function differences(desired: unknown, live: unknown, path = ""): readonly Difference[] {
  const found: Difference[] = [];
  compare({ desired, live, at: { text: path }, field: "", found });
  return found;
}

/**
 * The same in both directions: what live has beyond `desired` counts too. For status, of which one
 * writer owns everything.
 */
export function exactDifferences(desired: unknown, live: unknown): readonly Difference[] {
  const found = [...differences(desired, live)];
  extras({ desired, live, at: { text: "" }, field: "", found });
  return found;
}

/** Where in the objects. Made into text only for a difference: nearly always there is none. */
interface Place {
  /** The root has none; its text is the path as it was given. */
  readonly above?: Place;
  /** Name of the field, or what tells the element of a list. */
  readonly text: string;
  readonly isElement?: true;
}

interface Step {
  readonly desired: unknown;
  readonly live: unknown;
  readonly at: Place;
  /** Name of the field that holds the value, for list keys. */
  readonly field: string;
  readonly found: Difference[];
}

function compare(step: Step): void {
  const { desired, live, at } = step;
  if (desired === undefined || desired === null) return;
  if (isEmpty(desired) && (live === undefined || isEmpty(live))) return;
  if (Array.isArray(desired)) {
    if (Array.isArray(live)) compareLists({ ...step, desired, live });
    else differ(step);
  } else if (typeof desired === "object") {
    if (typeof live === "object" && live !== null && !Array.isArray(live)) {
      compareMaps({ ...step, desired, live });
    } else if (!isEmpty(desired)) {
      differ(step);
    }
  } else if (desired !== live && !equalQuantities(textOf(at), desired, live)) {
    differ(step);
  }
}

function compareMaps(step: Step & { readonly desired: object; readonly live: object }): void {
  const { desired, live, at, found } = step;
  const foreign = Object.keys(live).some((key) => !Object.hasOwn(desired, key));
  if (foreign && isAtomicMap(step.field, desired)) differ(step);
  for (const [field, value] of Object.entries(desired)) {
    const below = (live as Record<string, unknown>)[field];
    if (value === below) continue;
    compare({ desired: value, live: below, at: { above: at, text: field }, field, found });
  }
}

function differ({ desired, live, at, found }: Step): void {
  found.push({ path: textOf(at), live: json(live), want: json(desired) });
}

function compareLists(
  step: Step & { readonly desired: readonly unknown[]; readonly live: readonly unknown[] },
): void {
  const { desired, live, at, field, found } = step;
  if (isSet(field)) {
    for (const item of desired) {
      if (!live.includes(item)) {
        found.push({ path: `${textOf(at)}[${String(item)}]`, live: "", want: json(item) });
      }
    }
    return;
  }
  const keys = listKeys(field, desired[0]);
  if (keys === undefined) {
    if (desired.length !== live.length) {
      differ(step);
      return;
    }
    desired.forEach((item, index) =>
      compare({ desired: item, live: live[index], at: element(at, index), field: "", found }),
    );
    return;
  }
  const byKey = new Map(live.map((item) => [elementKey(item, keys), item]));
  for (const item of desired) {
    const key = elementKey(item, keys);
    const name = (item as Record<string, unknown>)[keys[0] ?? ""];
    const below = element(at, `${keys[0] ?? ""}=${String(name)}`);
    compare({ desired: item, live: byKey.get(key), at: below, field: "", found });
    if (!byKey.has(key)) found.push({ path: textOf(below), live: "", want: json(item) });
  }
}

function extras({ desired, live, at, field, found }: Step): void {
  if (live === undefined || live === null || isEmpty(live)) return;
  if (desired === undefined || desired === null) {
    found.push({ path: textOf(at), live: json(live), want: "" });
    return;
  }
  if (Array.isArray(live)) {
    if (!Array.isArray(desired)) return;
    const keys = listKeys(field, live[0]);
    live.forEach((item, index) => {
      const match: unknown =
        keys === undefined
          ? desired[index]
          : desired.find((one) => elementKey(one, keys) === elementKey(item, keys));
      extras({ desired: match, live: item, at: element(at, index), field: "", found });
    });
    return;
  }
  if (typeof live !== "object" || typeof desired !== "object") return;
  for (const [key, value] of Object.entries(live)) {
    const wanted = (desired as Record<string, unknown>)[key];
    if (wanted === value) continue;
    extras({ desired: wanted, live: value, at: { above: at, text: key }, field: key, found });
  }
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function element(above: Place, name: string | number): Place {
  return { above, text: String(name), isElement: true };
}

function textOf({ above, text, isElement }: Place): string {
  if (above === undefined) return text;
  const path = textOf(above);
  if (isElement === true) return `${path}[${text}]`;
  const step = /^[A-Za-z0-9_-]+$/.test(text) ? text : `[${text}]`;
  return path === "" || step.startsWith("[") ? `${path}${step}` : `${path}.${step}`;
}

function json(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value);
}
