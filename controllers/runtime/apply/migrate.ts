// Takes over the fields of managers that we have replaced. Server-side apply removes only fields of
// its own manager, so what an older version has written by update or under another name would stay
// for ever (kubernetes#99003). The entries of the old managers are joined to ours; the next apply
// then removes what is no longer desired. The idea is that of client-go's csaupgrade.

import type { ManagedFieldsEntry } from "kubernetes-types/meta/v1.js";

import type { Client, JsonPatchOperation } from "../client/client.ts";
import type { Kind, Live } from "../kinds/kind.ts";
import { keyOf } from "../kinds/kind.ts";

/** Whose fields become whose. */
export interface Migration {
  readonly from: readonly string[];
  readonly to: string;
  /** Empty for the main resource. */
  readonly subresource: string;
}

type FieldSet = Readonly<Record<string, unknown>>;

/**
 * The entries with all fields of the old managers, whether updated or applied, under the apply
 * entry of the new one; undefined if there is nothing to take over.
 */
export function migrateEntries(
  entries: readonly ManagedFieldsEntry[],
  migration: Migration,
): readonly ManagedFieldsEntry[] | undefined {
  const within = entries.filter((one) => (one.subresource ?? "") === migration.subresource);
  const old = within.filter((one) => migration.from.includes(one.manager ?? ""));
  const [first] = old;
  if (first === undefined) return undefined;
  const own = within.find((one) => one.manager === migration.to && one.operation === "Apply");
  const base = own ?? first;
  const fields = [own, ...old].reduce<FieldSet>(
    (sum, one) => union(sum, (one?.fieldsV1 ?? {}) as FieldSet),
    {},
  );
  const joined = { ...base, manager: migration.to, operation: "Apply", fieldsV1: fields };
  return [...entries.filter((one) => one !== own && !old.includes(one)), joined];
}

/**
 * Takes over the fields of exactly this object in the state that it has now, and returns it as it
 * is then; undefined if there was nothing to do. Throws ApiError 409 if somebody was faster.
 */
export async function migrateManagedFields(
  client: Client,
  kind: Kind,
  live: Live,
  options: Migration & { readonly signal: AbortSignal },
): Promise<Live | undefined> {
  const { signal } = options;
  const key = keyOf(live);
  const now = await client.readManagedFields(kind, key, { signal });
  if (now?.uid !== live.metadata.uid) return undefined;
  const entries = migrateEntries(now.entries, options);
  if (entries === undefined) return undefined;
  const operations: readonly JsonPatchOperation[] = [
    { op: "test", path: "/metadata/uid", value: now.uid },
    // A precondition: the server refuses a resourceVersion that is not the current one.
    { op: "replace", path: "/metadata/resourceVersion", value: now.resourceVersion },
    { op: "replace", path: "/metadata/managedFields", value: entries },
  ];
  return client.jsonPatch(kind, key, operations, { fieldManager: options.to, signal });
}

function union(a: FieldSet, b: FieldSet): FieldSet {
  const sum: Record<string, unknown> = { ...a };
  for (const [step, below] of Object.entries(b)) {
    sum[step] = union((sum[step] ?? {}) as FieldSet, below as FieldSet);
  }
  return sum;
}
