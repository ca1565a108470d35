// Server-side apply as far as operators use it: who owns which leaf, what a new apply takes over,
// what it lets go. A leaf is a scalar, an atomic list or map, an empty map or list, or an element of a
// list map (its existence). Source: Kubernetes docs "Server-Side Apply"; held to the real server
// by the conformance test of this folder.

import { elementKey, isAtomicMap, isSet, listKeys } from "../apply/list-keys.ts";

/** Plain JSON. */
export type Json = Readonly<Record<string, unknown>>;

/** A leaf's place: field names, `k:<key>` for elements of list maps, `v:<value>` for sets. */
type Path = readonly string[];

/** One writer's fields in one part of the object. */
export interface ManagerFields {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly subresource: string;
  /** JSON of each {@link Path}. */
  readonly fields: ReadonlySet<string>;
}

/** A field that somebody else owns with another value. */
export interface Conflict {
  readonly manager: string;
  readonly field: string;
}

/** What an apply leads to. */
export type Applied =
  | { readonly kind: "merged"; readonly object: Json; readonly managers: readonly ManagerFields[] }
  | { readonly kind: "conflict"; readonly conflicts: readonly Conflict[] };

/** Metadata that the server alone sets and that nobody owns. */
const SYSTEM_METADATA = new Set([
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "name",
  "namespace",
  "resourceVersion",
  "uid",
]);

/** Applies `desired` (already limited to the part that the request may write) to `live`. */
export function applyFields(
  live: Json,
  managers: readonly ManagerFields[],
  desired: Json,
  options: { readonly manager: string; readonly subresource: string; readonly force: boolean },
): Applied {
  const wanted = leaves(desired);
  const isMine = (one: ManagerFields): boolean =>
    one.manager === options.manager &&
    one.operation === "Apply" &&
    one.subresource === options.subresource;
  const conflicts = findConflicts(live, managers, wanted, isMine);
  if (conflicts.length > 0 && !options.force) return { kind: "conflict", conflicts };
  const contested = new Set(conflicts.map((one) => one.field));
  const others = managers
    .filter((one) => !isMine(one))
    .map((one) => ({
      ...one,
      fields: new Set([...one.fields].filter((field) => !contested.has(field))),
    }))
    .filter((one) => one.fields.size > 0);
  const mine = managers.find(isMine);
  const object = structuredClone(live) as Record<string, unknown>;
  for (const field of mine?.fields ?? []) {
    const stillOwned = wanted.has(field) || others.some((one) => one.fields.has(field));
    if (!stillOwned) removeLeaf(object, parse(field));
  }
  for (const [field, value] of wanted) setLeaf(object, parse(field), value, desired);
  const entry: ManagerFields = {
    manager: options.manager,
    operation: "Apply",
    subresource: options.subresource,
    fields: new Set(wanted.keys()),
  };
  return { kind: "merged", object, managers: wanted.size === 0 ? others : [...others, entry] };
}

/** Ownership after a write that is no apply: what it changed is the writer's, as `Update`. */
export function updateFields(
  before: Json,
  after: Json,
  managers: readonly ManagerFields[],
  options: { readonly manager: string; readonly subresource: string },
): readonly ManagerFields[] {
  const old = leaves(before);
  const now = leaves(after);
  const changed = new Set<string>();
  for (const [field, value] of now) {
    if (!old.has(field) || !same(old.get(field), value)) changed.add(field);
  }
  const isMine = (one: ManagerFields): boolean =>
    one.manager === options.manager &&
    one.operation === "Update" &&
    one.subresource === options.subresource;
  const others = managers
    .filter((one) => !isMine(one))
    .map((one) => ({
      ...one,
      fields: new Set([...one.fields].filter((field) => now.has(field) && !changed.has(field))),
    }))
    .filter((one) => one.fields.size > 0);
  const kept = [...(managers.find(isMine)?.fields ?? [])].filter((field) => now.has(field));
  const fields = new Set([...kept, ...changed]);
  if (fields.size === 0) return others;
  return [...others, { ...options, operation: "Update", fields }];
}

/** As `metadata.managedFields` shows it; the field sets are summarised. */
export function managedFieldsOf(managers: readonly ManagerFields[]): readonly Json[] {
  return managers.map((one) => ({
    manager: one.manager,
    operation: one.operation,
    ...(one.subresource === "" ? {} : { subresource: one.subresource }),
    fieldsType: "FieldsV1",
    fieldsV1: Object.fromEntries([...one.fields].sort().map((field) => [field, {}])),
  }));
}

function findConflicts(
  live: Json,
  managers: readonly ManagerFields[],
  wanted: ReadonlyMap<string, unknown>,
  isMine: (one: ManagerFields) => boolean,
): readonly Conflict[] {
  const present = leaves(live);
  const conflicts: Conflict[] = [];
  for (const other of managers) {
    if (isMine(other)) continue;
    for (const [field, value] of wanted) {
      if (!other.fields.has(field) || same(present.get(field), value)) continue;
      conflicts.push({ manager: other.manager, field });
    }
  }
  return conflicts;
}

/** Every leaf with its value; system metadata and the type are nobody's. */
function leaves(object: Json): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [field, value] of Object.entries(object)) {
    if (field === "apiVersion" || field === "kind") continue;
    if (field !== "metadata") {
      collect(value, [field], field, found);
      continue;
    }
    for (const [name, part] of Object.entries(value as Json)) {
      if (!SYSTEM_METADATA.has(name)) collect(part, [field, name], name, found);
    }
  }
  return found;
}

function collect(value: unknown, path: Path, field: string, found: Map<string, unknown>): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) {
    const keys = listKeys(field, value[0]);
    if (isSet(field)) {
      for (const item of value) found.set(text([...path, `v:${String(item)}`]), item);
    } else if (keys === undefined || value.length === 0) {
      found.set(text(path), value);
    } else {
      for (const item of value) {
        const below = [...path, `k:${elementKey(item, keys) ?? ""}`];
        found.set(text([...below, "."]), null);
        collectFields(item as Json, below, found);
      }
    }
  } else if (typeof value === "object" && isAtomicMap(field, value)) {
    found.set(text(path), value);
  } else if (typeof value === "object" && Object.keys(value).length > 0) {
    collectFields(value as Json, path, found);
  } else {
    found.set(text(path), value);
  }
}

function collectFields(map: Json, path: Path, found: Map<string, unknown>): void {
  for (const [name, part] of Object.entries(map)) collect(part, [...path, name], name, found);
}

/** Writes one leaf, making what is above it. */
function setLeaf(object: Record<string, unknown>, path: Path, value: unknown, from: Json): void {
  const last = path[path.length - 1] ?? "";
  let holder: unknown = object;
  for (let depth = 0; depth < path.length - 1; depth++) {
    holder = descend(
      holder,
      path[depth] ?? "",
      path[depth + 1] ?? "",
      from,
      path.slice(0, depth + 1),
    );
  }
  if (last === ".") return;
  if (last.startsWith("v:") && Array.isArray(holder)) {
    if (!holder.includes(value)) holder.push(value);
    return;
  }
  (holder as Record<string, unknown>)[last] = structuredClone(value);
}

/** The value under one step, made if it is not there. */
function descend(holder: unknown, step: string, next: string, from: Json, path: Path): unknown {
  if (step.startsWith("k:")) {
    const list = holder as unknown[];
    const existing = findElement(list, step);
    if (existing !== undefined) return existing;
    const made = keyFields(from, path);
    list.push(made);
    return made;
  }
  const map = holder as Record<string, unknown>;
  const isList = next.startsWith("k:") || next.startsWith("v:");
  const value = map[step];
  const fits = isList ? Array.isArray(value) : typeof value === "object" && value !== null;
  if (!fits) map[step] = isList ? [] : {};
  return map[step];
}

function findElement(list: readonly unknown[], step: string): unknown {
  // The field name is not known here; an element is found by whichever keys give this text.
  return list.find((item) => candidateKeys(item).some((key) => `k:${key}` === step));
}

function candidateKeys(item: unknown): readonly string[] {
  const tries = [
    ["name"],
    ["type"],
    ["uid"],
    ["ip"],
    ["mountPath"],
    ["devicePath"],
    ["containerPort", "protocol"],
    ["port", "protocol"],
    ["topologyKey", "whenUnsatisfiable"],
  ];
  return tries.flatMap((keys) => elementKey(item, keys) ?? []);
}

/** A new element starts as a copy of the key fields of the desired one. */
function keyFields(from: Json, path: Path): Record<string, unknown> {
  let value: unknown = from;
  for (const step of path) {
    value = step.startsWith("k:")
      ? findElement(value as readonly unknown[], step)
      : (value as Json)[step];
  }
  const keep = Object.entries(value as Json).filter(([, part]) => typeof part !== "object");
  return Object.fromEntries(keep);
}

function removeLeaf(object: Record<string, unknown>, path: Path): void {
  const holders: unknown[] = [object];
  for (const step of path.slice(0, -1)) {
    const holder = holders[holders.length - 1];
    const next = step.startsWith("k:")
      ? Array.isArray(holder)
        ? findElement(holder, step)
        : undefined
      : (holder as Json | undefined)?.[step];
    if (typeof next !== "object" || next === null) return;
    holders.push(next);
  }
  const last = path[path.length - 1] ?? "";
  const holder = holders[holders.length - 1];
  if (last === ".") {
    const list = holders[holders.length - 2];
    if (Array.isArray(list)) list.splice(list.indexOf(holder), 1);
  } else if (last.startsWith("v:") && Array.isArray(holder)) {
    const index = holder.findIndex((item) => `v:${String(item)}` === last);
    if (index >= 0) holder.splice(index, 1);
  } else {
    // The path was made from an object of this shape.
    delete (holder as Record<string, unknown>)[last];
  }
  dropEmpty(holders, path);
}

/** Maps and lists that the removal has emptied go too, up to the first that has content. */
function dropEmpty(holders: readonly unknown[], path: Path): void {
  for (let depth = holders.length - 1; depth > 0; depth--) {
    const value = holders[depth];
    const empty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
    if (!empty) return;
    const above = holders[depth - 1];
    const step = path[depth - 1] ?? "";
    if (Array.isArray(above)) above.splice(above.indexOf(value), 1);
    else delete (above as Record<string, unknown>)[step];
  }
}

function text(path: Path): string {
  return JSON.stringify(path);
}

function parse(field: string): Path {
  return JSON.parse(field) as Path;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
