// From decoded JSON to an object that may be cached. managedFields is 78 % of the heap of a small
// object, so only who manages what kind of fields is kept, shared between objects.

import type { KindId } from "#api/meta/index.ts";
import { apiVersionOf } from "#api/meta/index.ts";

import type { Live } from "./kind.ts";

interface ManagerEntry {
  readonly manager: string;
  readonly operation: string;
  readonly subresource?: string;
}

/** One array per combination of managers ever seen; a cluster has a few dozen. */
const shared = new Map<string, readonly ManagerEntry[]>();
const SHARED_MAX = 10_000;

/** Thrown for JSON that is no object of the API. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/**
 * Takes over `raw` (it is changed in place) as an object of `kind`: apiVersion and kind are set,
 * which lists leave out, and managedFields is reduced to manager, operation and subresource.
 */
export function decodeObject<T extends object>(kind: KindId, raw: unknown): Live<T> {
  const object = raw as { apiVersion?: string; kind?: string; metadata?: Record<string, unknown> };
  const metadata = object.metadata;
  if (
    typeof metadata !== "object" ||
    typeof metadata["name"] !== "string" ||
    typeof metadata["resourceVersion"] !== "string"
  ) {
    throw new DecodeError(`not an object of kind ${kind.kind}`);
  }
  object.apiVersion = apiVersionOf(kind);
  object.kind = kind.kind;
  if (Array.isArray(metadata["managedFields"])) {
    metadata["managedFields"] = shareManagers(metadata["managedFields"]);
  }
  // Checked above as far as the runtime relies on it; the rest is the API server's promise.
  return object as unknown as Live<T>;
}

/** True if `manager` holds fields of the main resource by server-side apply. */
export function isAppliedBy(object: Live, manager: string): boolean {
  const entries = object.metadata.managedFields ?? [];
  return entries.some(
    (entry) =>
      entry.manager === manager && entry.operation === "Apply" && (entry.subresource ?? "") === "",
  );
}

/** True if `manager` holds fields of this subresource (empty: the main resource) in any way. */
export function isHeldBy(object: Live, manager: string, subresource: string): boolean {
  const entries = object.metadata.managedFields ?? [];
  return entries.some(
    (entry) => entry.manager === manager && (entry.subresource ?? "") === subresource,
  );
}

function shareManagers(raw: readonly unknown[]): readonly ManagerEntry[] {
  const entries = raw.map((item): ManagerEntry => {
    const entry = item as Record<string, unknown>;
    const subresource = String(entry["subresource"] ?? "");
    return {
      manager: String(entry["manager"] ?? ""),
      operation: String(entry["operation"] ?? ""),
      ...(subresource === "" ? {} : { subresource }),
    };
  });
  const key = JSON.stringify(entries);
  const known = shared.get(key);
  if (known !== undefined) return known;
  if (shared.size >= SHARED_MAX) shared.clear();
  const frozen = Object.freeze(entries);
  shared.set(key, frozen);
  return frozen;
}
