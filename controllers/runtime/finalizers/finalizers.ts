// Adds and removes one finalizer without touching those of others. Adding is a server-side apply
// with a manager of its own (the list is a set); removing tests the exact list that it changes, so
// that a finalizer which somebody adds at the same moment is never lost.

import { apiVersionOf } from "#api/meta/index.ts";

import type { Client, JsonPatchOperation } from "../client/client.ts";
import { ApiError } from "../client/errors.ts";
import type { Kind, Live } from "../kinds/kind.ts";
import { keyOf } from "../kinds/kind.ts";

/** True if the object carries the finalizer. */
export function hasFinalizer(object: Live, name: string): boolean {
  return object.metadata.finalizers?.includes(name) ?? false;
}

/** Adds the finalizer to this very object (by uid). Throws as {@link Client.apply} does. */
export async function addFinalizer(
  client: Client,
  kind: Kind,
  object: Live,
  options: { readonly name: string; readonly fieldManager: string; readonly signal: AbortSignal },
): Promise<Live> {
  const { name, namespace, uid } = object.metadata;
  return client.apply(
    kind,
    {
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      metadata: {
        name,
        ...(namespace === undefined ? {} : { namespace }),
        finalizers: [options.name],
      },
    },
    {
      fieldManager: `${options.fieldManager}-finalizer`,
      expect: { uid },
      signal: options.signal,
    },
  );
}

const ATTEMPTS_MAX = 4;

/**
 * Removes the finalizer and returns the object as the server has it then, or undefined if it is
 * gone. Reads again and retries if the list has changed meanwhile. Throws ApiError otherwise.
 */
export async function removeFinalizer(
  client: Client,
  kind: Kind,
  object: Live,
  options: { readonly name: string; readonly fieldManager: string; readonly signal: AbortSignal },
): Promise<Live | undefined> {
  let current: Live | undefined = object;
  for (let attempt = 0; ; attempt++) {
    if (current === undefined || current.metadata.uid !== object.metadata.uid) return undefined;
    if (!hasFinalizer(current, options.name)) return current;
    try {
      return await client.jsonPatch(kind, keyOf(current), removal(current, options.name), {
        fieldManager: `${options.fieldManager}-finalizer`,
        signal: options.signal,
      });
    } catch (cause) {
      if (cause instanceof ApiError && cause.status === 404) return undefined;
      const changed = cause instanceof ApiError && (cause.status === 422 || cause.status === 409);
      if (!changed || attempt + 1 >= ATTEMPTS_MAX) throw cause;
      current = await client.get(kind, keyOf(object), { signal: options.signal });
    }
  }
}

function removal(object: Live, name: string): readonly JsonPatchOperation[] {
  const before = object.metadata.finalizers ?? [];
  const rest = before.filter((one) => one !== name);
  return [
    { op: "test", path: "/metadata/uid", value: object.metadata.uid },
    { op: "test", path: "/metadata/finalizers", value: before },
    rest.length === 0
      ? { op: "remove", path: "/metadata/finalizers" }
      : { op: "replace", path: "/metadata/finalizers", value: rest },
  ];
}
