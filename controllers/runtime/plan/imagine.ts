// What an object would be after a write, as far as it can be known without a server: no defaults,
// no admission, and of other managers' fields only those that stay. Pure.

import { elementKey, isAtomicMap, isSet, listKeys } from "../apply/list-keys.ts";
import { differences, exactDifferences } from "../apply/match.ts";
import type { KubeObject, Live } from "../kinds/kind.ts";
import type { PlannedField } from "./types.ts";

/** `live` after a server-side apply of `desired`; fields that are no longer applied stay. */
export function merged(live: KubeObject, desired: KubeObject): KubeObject {
  return merge(live, desired, "") as KubeObject;
}

/** An object of a kind whose `spec` one person or one controller owns as a whole. */
export function replaced(live: Live | undefined, desired: KubeObject, now: Date): KubeObject {
  const { spec } = desired as { readonly spec?: unknown };
  const metadata = merge(live?.metadata ?? {}, desired.metadata, "metadata");
  const before = live as { readonly spec?: unknown; readonly status?: unknown } | undefined;
  const same = before !== undefined && exactDifferences(spec ?? {}, before.spec ?? {}).length === 0;
  const generation = (live?.metadata.generation ?? 0) + (same ? 0 : 1);
  const creationTimestamp = live?.metadata.creationTimestamp ?? now.toISOString();
  const object = {
    ...desired,
    metadata: { ...(metadata as KubeObject["metadata"]), generation, creationTimestamp },
    ...(before?.status === undefined ? {} : { status: before.status }),
  };
  return object;
}

/**
 * Fields by which `after` differs from `before`, sorted by path. `owned`: `spec` is compared in
 * both directions. Values of Secrets are left out.
 */
export function fieldsOf(
  before: KubeObject,
  after: KubeObject,
  owned: boolean,
): readonly PlannedField[] {
  const found = differences(withoutNoise(after), before).filter(
    ({ path }) => !(owned && /^spec(\.|\[|$)/.test(path)),
  );
  const specs = owned ? exactDifferences(specOf(after) ?? {}, specOf(before) ?? {}) : [];
  const all = [
    ...found,
    ...specs.map((one) => ({ ...one, path: `spec${joint(one.path)}${one.path}` })),
  ];
  const secret = after.kind === "Secret";
  return all
    .map(({ path, live, want }) => ({
      path,
      ...(live === "" || secret ? {} : { from: live }),
      ...(want === "" || secret ? {} : { to: want }),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

function joint(path: string): string {
  return path === "" || path.startsWith("[") ? "" : ".";
}

function specOf(object: KubeObject): unknown {
  return (object as { readonly spec?: unknown }).spec;
}

/** Without what the server keeps about an object, and what only we compute about it. */
function withoutNoise(object: KubeObject): object {
  const { status: _status, ...rest } = object as KubeObject & { readonly status?: unknown };
  const {
    uid: _uid,
    resourceVersion: _version,
    generation: _generation,
    creationTimestamp: _created,
    managedFields: _managers,
    ...metadata
  } = object.metadata;
  return { ...rest, metadata };
}

function merge(live: unknown, desired: unknown, field: string): unknown {
  if (desired === undefined) return live;
  if (Array.isArray(desired))
    return Array.isArray(live) ? mergeLists(live, desired, field) : desired;
  if (!isRecord(desired) || !isRecord(live) || isAtomicMap(field, desired)) return desired;
  const sum: Record<string, unknown> = { ...live };
  for (const [key, value] of Object.entries(desired)) sum[key] = merge(live[key], value, key);
  return sum;
}

function mergeLists(
  live: readonly unknown[],
  desired: readonly unknown[],
  field: string,
): readonly unknown[] {
  if (isSet(field)) return [...new Set([...live, ...desired])];
  const keys = listKeys(field, desired[0]);
  if (keys === undefined) return desired;
  const wanted = new Map(desired.map((item) => [elementKey(item, keys), item]));
  const known = new Set(live.map((item) => elementKey(item, keys)));
  return [
    ...live.map((item) => merge(item, wanted.get(elementKey(item, keys)), "")),
    ...desired.filter((item) => !known.has(elementKey(item, keys))),
  ];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
