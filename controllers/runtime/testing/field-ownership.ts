// Server-side apply as far as operators use it: who owns which part, what a new apply takes over,
// what it lets go. Sets of fields have the shape of fieldsV1: `f:<field>`, `k:<keys>` for elements
// of list maps, `v:<value>` for elements of sets, and a mark for the place itself.
// Source: Kubernetes docs "Server-Side Apply" and structured-merge-diff; held to the real server by
// test/conformance/apiserver.

import { isAtomicMap, isSet, listKeys } from "../apply/list-keys.ts";
import type { FieldSet } from "./field-set.ts";
import { abandoned, difference, EMPTY, intersection, isEmpty, LEAF } from "./field-set.ts";
import { sameFields, union } from "./field-set.ts";
import type { Json } from "./json.ts";
import { frozen, isMap, sameJson } from "./json.ts";

/** One writer's fields in one part of the object. */
export interface ManagerFields {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly subresource: string;
  readonly fields: FieldSet;
}

/** A field that somebody else owns with another value. */
export interface Conflict {
  readonly manager: string;
  /** As the server writes it: `.spec.containers[name="a"].image`. */
  readonly field: string;
}

/** What an apply leads to. */
export type Applied =
  | { readonly kind: "merged"; readonly object: Json; readonly managers: readonly ManagerFields[] }
  | { readonly kind: "conflict"; readonly conflicts: readonly Conflict[] };

/** Lists whose elements have one owner as a whole. */
const ATOMIC_ELEMENTS = new Set(["ownerReferences"]);
/** References that have one owner as a whole. */
const ATOMIC_FIELDS = new Set(["involvedObject", "regarding"]);
/** Structures of Kubernetes' own kinds that are always there and so nobody's. */
const STRUCTURES = new Set([
  "metadata",
  "resources",
  "spec",
  "status",
  "strategy",
  "template",
  "updateStrategy",
]);

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
  "selfLink",
  "uid",
]);

/** Applies `desired` (already limited to the part that the request may write) to `live`. */
export function applyFields(
  live: Json,
  managers: readonly ManagerFields[],
  desired: Json,
  options: { readonly manager: string; readonly subresource: string; readonly force: boolean },
): Applied {
  const wanted = fieldsOf(desired);
  const isMine = (one: ManagerFields): boolean =>
    one.manager === options.manager &&
    one.operation === "Apply" &&
    one.subresource === options.subresource;
  const contested = changedFields(live, mergeFields(live, desired, "", true) as Json);
  const conflicts = managers
    .filter((one) => !isMine(one))
    .flatMap((one) => {
      const shared = intersection(one.fields, contested);
      return places(shared, "").map((field) => ({ manager: one.manager, field }));
    });
  if (conflicts.length > 0 && !options.force) return { kind: "conflict", conflicts };
  const others = managers
    .filter((one) => !isMine(one))
    .flatMap((one) =>
      conflicts.length === 0 ? one : keepIfAny(one, difference(one.fields, contested)),
    );
  const { manager, subresource } = options;
  const mine = managers.find(isMine);
  const entry = entryOf({ manager, operation: "Apply", subresource, fields: wanted }, mine);
  const left = others.reduce(
    (fields, one) => abandoned(fields, one.fields),
    abandoned(mine?.fields ?? EMPTY, wanted),
  );
  const merged = mergeFields(live, desired, "", true);
  const object = isEmpty(left) ? merged : (removeFields(merged, left) ?? {});
  return {
    kind: "merged",
    object: frozen(object) as Json,
    managers: isEmpty(wanted) ? others : [...others, entry],
  };
}

/** Ownership after a write that is no apply: what it changed is the writer's, as `Update`. */
export function updateFields(
  before: Json,
  after: Json,
  managers: readonly ManagerFields[],
  options: {
    readonly manager: string;
    readonly subresource: string;
    /** True for custom kinds, whose objects are maps all the way down and owned as such. */
    readonly untyped: boolean;
  },
): readonly ManagerFields[] {
  const all = changedFields(before, after);
  const changed = options.untyped ? all : withoutStructures(all, "");
  const removed = removedFields(before, after);
  if (isEmpty(changed) && isEmpty(removed)) return managers;
  const isMine = (one: ManagerFields): boolean =>
    one.manager === options.manager &&
    one.operation === "Update" &&
    one.subresource === options.subresource;
  const others = managers
    .filter((one) => !isMine(one))
    .flatMap((one) => keepIfAny(one, difference(difference(one.fields, changed), removed)));
  const mine = managers.find(isMine);
  const fields = union(difference(mine?.fields ?? EMPTY, removed), changed);
  if (isEmpty(fields)) return others;
  const { manager, subresource } = options;
  return [...others, entryOf({ manager, subresource, operation: "Update", fields }, mine)];
}

/** `entry`, or the one that was there if it says the same: its document is made already. */
function entryOf(entry: ManagerFields, before: ManagerFields | undefined): ManagerFields {
  return before !== undefined && sameFields(before.fields, entry.fields) ? before : entry;
}

/** As `metadata.managedFields` shows it, without times. */
export function managedFieldsOf(
  apiVersion: string,
  managers: readonly ManagerFields[],
): readonly Json[] {
  return managers.map((one) => {
    const made = shown.get(one);
    if (made?.["apiVersion"] === apiVersion) return made;
    const entry = frozen({
      manager: one.manager,
      operation: one.operation,
      apiVersion,
      ...(one.subresource === "" ? {} : { subresource: one.subresource }),
      fieldsType: "FieldsV1",
      fieldsV1: documentOf(one.fields),
    });
    shown.set(one, entry);
    return entry;
  });
}

const shown = new WeakMap<ManagerFields, Json>();

/** Inverse of what {@link managedFieldsOf} writes into `fieldsV1`. */
export function parseFields(document: Json): FieldSet {
  let self = false;
  const parts = new Map<string, FieldSet>();
  for (const [step, below] of Object.entries(document)) {
    if (step === ".") self = true;
    else parts.set(step, parseFields(below as Json));
  }
  return parts.size === 0 ? LEAF : { self, parts };
}

/** The top of an object: type and what the server sets in metadata are nobody's. */
function isOwnable(depth: "top" | "metadata" | "below", name: string): boolean {
  if (depth === "top") return name !== "apiVersion" && name !== "kind";
  return depth === "below" || !SYSTEM_METADATA.has(name);
}

function depthBelow(depth: "top" | "metadata" | "below", name: string): "metadata" | "below" {
  return depth === "top" && name === "metadata" ? "metadata" : "below";
}

/** Every place that a document mentions. */
function fieldsOf(document: Json): FieldSet {
  return mapFields(document, "top");
}

function mapFields(map: Json, depth: "top" | "metadata" | "below"): FieldSet {
  const parts = new Map<string, FieldSet>();
  for (const name in map) {
    if (!isOwnable(depth, name)) continue;
    const below = valueFields(map[name], name, depthBelow(depth, name));
    if (!isEmpty(below)) parts.set(`f:${name}`, below);
  }
  return { self: false, parts };
}

function valueFields(value: unknown, name: string, depth: "metadata" | "below"): FieldSet {
  if (Array.isArray(value)) {
    const keyed = elements(value, name);
    if (keyed === undefined || value.length === 0) return LEAF;
    const parts = new Map<string, FieldSet>();
    for (const [step, item] of keyed) parts.set(step, elementFields(item, name));
    return { self: false, parts };
  }
  if (!isMap(value) || isAtomic(name, value)) return LEAF;
  if (depth === "metadata") return mapFields(value, "metadata");
  for (const _part in value) return mapFields(value, "below");
  return LEAF;
}

function isAtomic(name: string, value: Json): boolean {
  return ATOMIC_FIELDS.has(name) || isAtomicMap(name, value);
}

function elementFields(item: unknown, list: string): FieldSet {
  if (!isMap(item) || ATOMIC_ELEMENTS.has(list)) return LEAF;
  return { ...mapFields(item, "below"), self: true };
}

/** Elements by their step if the list is a map or a set; undefined if it is atomic. */
function elements(
  list: readonly unknown[],
  name: string,
): ReadonlyMap<string, unknown> | undefined {
  if (isSet(name)) return new Map(list.map((item) => [`v:${JSON.stringify(item)}`, item]));
  const keys = listKeys(name, list[0]);
  if (keys === undefined) return undefined;
  const found = new Map<string, unknown>();
  for (const item of list) {
    const step = elementStep(item, keys);
    if (step === undefined) return undefined;
    found.set(step, item);
  }
  return found;
}

function elementStep(item: unknown, keys: readonly string[]): string | undefined {
  if (!isMap(item)) return undefined;
  const parts: string[] = [];
  for (const key of keys) {
    const value = item[key] ?? (key === "protocol" ? "TCP" : undefined);
    if (value === undefined) return undefined;
    parts.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
  }
  return `k:{${parts.join()}}`;
}

/** `over` laid on `base`, with everything of `base` that `over` does not mention. */
function mergeFields(base: unknown, over: unknown, name: string, top = false): unknown {
  if (base === over) return base;
  if (Array.isArray(over)) return mergeLists(base, over, name);
  if (!isMap(over) || !isMap(base) || (!top && isAtomic(name, over))) return over;
  let merged: Record<string, unknown> | undefined;
  for (const key in over) {
    const next = mergeFields(base[key], over[key], key);
    if (next === base[key]) continue;
    merged ??= { ...base };
    if (next === null) delete merged[key];
    else merged[key] = next;
  }
  return merged ?? base;
}

function mergeLists(base: unknown, over: readonly unknown[], name: string): unknown {
  if (sameJson(base, over)) return base;
  if (!Array.isArray(base) || base.length === 0) return over;
  const old = elements(base, name);
  const wanted = elements(over, name);
  if (old === undefined || wanted === undefined) return over;
  // What both have keeps the order of the apply; what only the live list has stays where it is.
  const result: unknown[] = [];
  const pending = [...wanted];
  for (const [step, item] of old) {
    if (!wanted.has(step)) {
      result.push(item);
      continue;
    }
    for (;;) {
      const next = pending[0];
      if (next === undefined || (old.has(next[0]) && !sharedBefore(old, next[0], step))) break;
      pending.shift();
      result.push(mergeFields(old.get(next[0]), next[1], ""));
    }
  }
  for (const [step, item] of pending) result.push(mergeFields(old.get(step), item, ""));
  return result;
}

/** True if `step` stands at or before `limit` in the live list. */
function sharedBefore(old: ReadonlyMap<string, unknown>, step: string, limit: string): boolean {
  for (const one of old.keys()) {
    if (one === step) return true;
    if (one === limit) return false;
  }
  return false;
}

/** Places whose value is new or another one in `after`. */
function changedFields(before: Json, after: Json): FieldSet {
  return changedMap(before, after, "top");
}

function changedMap(before: Json, after: Json, depth: "top" | "metadata" | "below"): FieldSet {
  if (before === after) return EMPTY;
  const parts = new Map<string, FieldSet>();
  for (const name in after) {
    if (!isOwnable(depth, name) || before[name] === after[name]) continue;
    const below = changedValue(before[name], after[name], name, depthBelow(depth, name));
    if (!isEmpty(below)) parts.set(`f:${name}`, below);
  }
  return { self: false, parts };
}

function changedValue(
  before: unknown,
  after: unknown,
  name: string,
  depth: "metadata" | "below",
): FieldSet {
  if (before === undefined) {
    const all = valueFields(after, name, depth);
    return depth === "metadata" && isMap(after) ? all : withParents(all);
  }
  if (Array.isArray(after)) {
    const old = Array.isArray(before) ? elements(before, name) : undefined;
    const now = elements(after, name);
    if (old === undefined || now === undefined || after.length === 0 || old.size === 0) {
      if (sameJson(before, after)) return EMPTY;
      return valueFields(after, name, depth);
    }
    const parts = new Map<string, FieldSet>();
    for (const [step, item] of now) {
      const below = changedElement(old, step, item, name);
      if (!isEmpty(below)) parts.set(step, below);
    }
    return { self: false, parts };
  }
  if (isMap(after) && isMap(before) && !isAtomic(name, after)) {
    if (Object.keys(after).length === 0) return sameJson(before, after) ? EMPTY : LEAF;
    return changedMap(before, after, depth);
  }
  if (sameJson(before, after)) return EMPTY;
  return valueFields(after, name, depth);
}

function changedElement(
  old: ReadonlyMap<string, unknown>,
  step: string,
  item: unknown,
  list: string,
): FieldSet {
  if (!old.has(step)) return elementFields(item, list);
  const was = old.get(step);
  if (!isMap(item) || !isMap(was)) return EMPTY;
  if (!ATOMIC_ELEMENTS.has(list)) return changedMap(was, item, "below");
  return sameJson(was, item) ? EMPTY : LEAF;
}

/** Places of `before` that are not there any more. */
function removedFields(before: Json, after: Json): FieldSet {
  if (hasAllOf(after, before)) return EMPTY;
  return difference(fieldsWithParents(before), fieldsWithParents(after));
}

/** True if `after` surely has every place of `before`; lists that differ are not looked into. */
function hasAllOf(after: unknown, before: unknown): boolean {
  if (after === before) return true;
  if (isMap(before)) {
    if (!isMap(after)) return false;
    for (const name in before) {
      if (!(name in after) || !hasAllOf(after[name], before[name])) return false;
    }
    return true;
  }
  return Array.isArray(before) ? sameJson(before, after) : !isMap(after) && !Array.isArray(after);
}

/** As {@link fieldsOf}, and every map and list on the way too. */
function fieldsWithParents(document: Json): FieldSet {
  return withParents(fieldsOf(document));
}

function withParents(fields: FieldSet): FieldSet {
  const parts = new Map<string, FieldSet>();
  for (const [step, below] of fields.parts) parts.set(step, withParents(below));
  return { self: true, parts };
}

/** Structures that are always there have no owner, only their fields. */
function withoutStructures(fields: FieldSet, name: string): FieldSet {
  const parts = new Map<string, FieldSet>();
  for (const [step, below] of fields.parts) {
    parts.set(step, withoutStructures(below, step.slice(2)));
  }
  return { self: fields.self && !(STRUCTURES.has(name) && fields.parts.size > 0), parts };
}

/** `value` without these places; undefined if nothing is left of it. */
function removeFields(value: unknown, fields: FieldSet, name = ""): unknown {
  if (fields.self) return undefined;
  if (Array.isArray(value)) return removeElements(value, fields, name);
  if (!isMap(value)) return value;
  const result: Record<string, unknown> = { ...value };
  for (const [step, below] of fields.parts) {
    const field = step.slice(2);
    const next = removeFields(value[field], below, field);
    if (next === undefined) delete result[field];
    else result[field] = next;
  }
  return Object.keys(result).length === 0 ? undefined : result;
}

function removeElements(list: readonly unknown[], fields: FieldSet, name: string): unknown {
  const keyed = elements(list, name);
  if (keyed === undefined) return list;
  const result = [...keyed].flatMap(([step, item]) => {
    const below = fields.parts.get(step);
    if (below === undefined) return [item];
    const next = removeFields(item, below);
    return next === undefined ? [] : [next];
  });
  return result.length === 0 ? undefined : result;
}

function keepIfAny(one: ManagerFields, fields: FieldSet): readonly ManagerFields[] {
  if (isEmpty(fields)) return [];
  return [fields === one.fields ? one : { ...one, fields }];
}

const documents = new WeakMap<FieldSet, Json>();

function documentOf(fields: FieldSet): Json {
  const made = documents.get(fields);
  if (made !== undefined) return made;
  const document: Record<string, unknown> = {};
  if (fields.self && fields.parts.size > 0) document["."] = {};
  for (const [step, below] of fields.parts) document[step] = documentOf(below);
  const result = frozen(document);
  documents.set(fields, result);
  return result;
}

/** Places as the server names them in messages. */
function places(fields: FieldSet, path: string): readonly string[] {
  const found = fields.self ? [path] : [];
  for (const [step, below] of fields.parts) {
    found.push(...places(below, `${path}${placeOf(step)}`));
  }
  return found;
}

function placeOf(step: string): string {
  const text = step.slice(2);
  if (step.startsWith("f:")) return `.${text}`;
  if (step.startsWith("v:")) return `[=${text}]`;
  const keys = Object.entries(JSON.parse(text) as Json);
  return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join()}]`;
}
