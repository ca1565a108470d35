// Where the data of a collection is served. Functions are told this address before the collection
// exists, so it follows from names alone. The controller of OdgmCollection renders the Service, the
// one of ClassRuntime tells functions of it: the rule has to live where both can see it.

import { childName } from "#api/meta/index.ts";

/** Port of the data service (gRPC, plaintext, inside of the cluster). */
export const DATA_SERVICE_PORT = 8080;

/** Name of the ClusterIP Service of an OdgmCollection's data; `key` tells further Services apart. */
export function dataServiceName(
  collection: { readonly namespace: string; readonly name: string },
  key = "",
): string {
  return childName({
    childKind: "Service",
    namespace: collection.namespace,
    parentKind: "OdgmCollection",
    parentName: collection.name,
    childKey: key,
  });
}

/** `host:port` under which any pod of the namespace's cluster reaches the collection's data. */
export function dataServiceAddress(collection: {
  readonly namespace: string;
  readonly name: string;
}): string {
  return `${dataServiceName(collection)}.${collection.namespace}.svc:${DATA_SERVICE_PORT}`;
}
