// Where a dry-run reads: an API server, through requests that cannot write, or objects in hand. The
// type has no way to write, and the transport below lets none through, whatever is done above it.

import type { KindId } from "#api/meta/index.ts";

import { decodeObject } from "../kinds/decode.ts";
import type { Client } from "../client/client.ts";
import { isStatus, TransportError } from "../client/errors.ts";
import { compileSelector } from "../client/paths.ts";
import type { ApiRequest, ApiResponse, Transport, WatchResponse } from "../client/transport.ts";
import type { KubeObject, Live, ObjectKey } from "../kinds/kind.ts";
import { isOfKind, keyOf, keyText, kindId } from "../kinds/kind.ts";

/** What is there. */
export interface LiveState {
  /** Objects of a kind with this label selector (all if empty); none if the kind is not served. */
  list(kind: KindId, labelSelector: string): Promise<readonly Live[]>;
  get(kind: KindId, key: ObjectKey): Promise<Live | undefined>;
}

/** The state of a cluster. Uses GET and LIST, nothing else. */
export function clusterState(client: Client): LiveState {
  return {
    async list(kind, labelSelector) {
      try {
        return await client.list(kind, labelSelector === "" ? {} : { labelSelector });
      } catch (cause) {
        if (isStatus(cause, 404)) return [];
        throw cause;
      }
    },
    get: (kind, key) => client.get(kind, key),
  };
}

/** The same state, each part of it read once. */
export function remembered(state: LiveState): LiveState {
  const lists = new Map<string, Promise<readonly Live[]>>();
  const objects = new Map<string, Promise<Live | undefined>>();
  const once = <T>(known: Map<string, Promise<T>>, id: string, read: () => Promise<T>) => {
    const found = known.get(id) ?? read();
    known.set(id, found);
    return found;
  };
  return {
    list: (kind, selector) =>
      once(lists, `${kindId(kind)}|${selector}`, () => state.list(kind, selector)),
    get: (kind, key) =>
      once(objects, `${kindId(kind)} ${keyText(key)}`, () => state.get(kind, key)),
  };
}

/** Objects in hand, such as the items of `kubectl get -o yaml`, as if they were a cluster. */
export function snapshotState(objects: readonly KubeObject[]): LiveState {
  const decode = (kind: KindId, object: KubeObject, index: number): Live => {
    const { uid = `snapshot-${index}`, resourceVersion = "1" } = object.metadata;
    const copy = structuredClone(object);
    return decodeObject(kind, { ...copy, metadata: { ...copy.metadata, uid, resourceVersion } });
  };
  const ofKind = (kind: KindId): readonly Live[] =>
    objects.flatMap((object, index) =>
      isOfKind(object, kind) ? [decode(kind, object, index)] : [],
    );
  return {
    list(kind, labelSelector) {
      const matches = compileSelector(labelSelector);
      return Promise.resolve(ofKind(kind).filter((object) => matches(object.metadata.labels)));
    },
    get(kind, key) {
      const text = keyText(key);
      return Promise.resolve(ofKind(kind).find((object) => keyText(keyOf(object)) === text));
    },
  };
}

/** A transport on which nothing but reads reach the server; anything else is refused unsent. */
export function readOnlyTransport(transport: Transport): Transport {
  return {
    get host() {
      return transport.host;
    },
    request(request: ApiRequest): Promise<ApiResponse> {
      if (request.method === "GET") return transport.request(request);
      return Promise.reject(new TransportError(`a dry-run does not send ${request.method}`));
    },
    watch(): Promise<WatchResponse> {
      return Promise.reject(new TransportError("a dry-run does not watch"));
    },
    close: () => transport.close(),
  };
}
