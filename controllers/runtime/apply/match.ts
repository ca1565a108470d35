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
  compare({ desired, live, path, field: "", found });
  return found;
}

/**
 * The same in both directions: what live has beyond `desired` counts too. For status, of which one
 * writer owns everything.
 */
export function exactDifferences(desired: unknown, live: unknown): readonly Difference[] {
  const found = [...differences(desired, live)];
  extras(desired, live, "", "", found);
  return found;
}

interface Step {
  readonly desired: unknown;
  readonly live: unknown;
  readonly path: string;
  /** Name of the field that holds the value, for list keys. */
  readonly field: string;
  readonly found: Difference[];
}

function compare(step: Step): void {
  const { desired, live, path, found } = step;
  if (desired === undefined || desired === null) return;
  if (isEmpty(desired) && (live === undefined || isEmpty(live))) return;
  if (Array.isArray(desired)) {
    if (Array.isArray(live)) compareLists({ ...step, desired, live });
    else differ(step);
  } else if (typeof desired === "object") {
    if (typeof live === "object" && live !== null && !Array.isArray(live)) {
      const foreign = Object.keys(live).some((key) => !Object.hasOwn(desired, key));
      if (foreign && isAtomicMap(step.field, desired)) differ(step);
      for (const [field, value] of Object.entries(desired)) {
        const below = (live as Record<string, unknown>)[field];
        compare({ desired: value, live: below, path: join(path, field), field, found });
      }
    } else if (!isEmpty(desired)) {
      differ(step);
    }
  } else if (desired !== live && !equalQuantities(path, desired, live)) {
    differ(step);
  }
}

function differ({ desired, live, path, found }: Step): void {
  found.push({ path, live: json(live), want: json(desired) });
}

function compareLists(
  step: Step & { readonly desired: readonly unknown[]; readonly live: readonly unknown[] },
): void {
  const { desired, live, path, field, found } = step;
  if (isSet(field)) {
    for (const item of desired) {
      if (!live.includes(item)) {
        found.push({ path: `${path}[${String(item)}]`, live: "", want: json(item) });
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
      compare({ desired: item, live: live[index], path: `${path}[${index}]`, field: "", found }),
    );
    return;
  }
  const byKey = new Map(live.map((item) => [elementKey(item, keys), item]));
  for (const item of desired) {
    const key = elementKey(item, keys);
    const name = (item as Record<string, unknown>)[keys[0] ?? ""];
    const below = `${path}[${keys[0] ?? ""}=${String(name)}]`;
    compare({ desired: item, live: byKey.get(key), path: below, field: "", found });
    if (!byKey.has(key)) found.push({ path: below, live: "", want: json(item) });
  }
}

function extras(
  desired: unknown,
  live: unknown,
  path: string,
  field: string,
  found: Difference[],
): void {
  if (live === undefined || live === null || isEmpty(live)) return;
  if (desired === undefined || desired === null) {
    found.push({ path, live: json(live), want: "" });
    return;
  }
  if (Array.isArray(live)) {
    if (!Array.isArray(desired)) return;
    const keys = listKeys(field, live[0]);
    live.forEach((item, index) => {
      const match =
        keys === undefined
          ? desired[index]
          : desired.find((one) => elementKey(one, keys) === elementKey(item, keys));
      extras(match, item, `${path}[${index}]`, "", found);
    });
    return;
  }
  if (typeof live !== "object" || typeof desired !== "object") return;
  for (const [key, value] of Object.entries(live)) {
    extras((desired as Record<string, unknown>)[key], value, join(path, key), key, found);
  }
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function join(path: string, field: string): string {
  const step = /^[A-Za-z0-9_-]+$/.test(field) ? field : `[${field}]`;
  return path === "" || step.startsWith("[") ? `${path}${step}` : `${path}.${step}`;
}

function json(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value);
}
