// Looks at the fake server's objects without copying them: for the simulation itself, which only
// reads and looks often.
import type { Kind, Live, ObjectKey } from "#controllers/runtime/index.ts";
import type { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";

/** All objects of a kind, by namespace and name. Shared: not to be changed. */
export function all<T extends object>(server: FakeApiServer, kind: Kind<T>): readonly Live<T>[] {
  return server.storage.list(kind).map((stored) => stored.object as unknown as Live<T>);
}

/** One object. Shared: not to be changed. */
export function one<T extends object>(
  server: FakeApiServer,
  kind: Kind<T>,
  key: ObjectKey,
): Live<T> | undefined {
  return server.storage.get(kind, key)?.object as Live<T> | undefined;
}
