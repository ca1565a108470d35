// Writes of handlers to the objects that they were told about. Each is made for a state that may be
// old by the time it is sent: the server refuses then, the object is read again, and what the
// handler wanted is put on top of what is there now, provided that it still is the same object.

import type { Live, World } from "#controllers/runtime/index.ts";
import { ApiError, backoffMs, sleep, TransportError } from "#controllers/runtime/index.ts";
import { decodeObject } from "#controllers/runtime/kinds/decode.ts";
import type { Client } from "#controllers/runtime/client/client.ts";
import type { RestClient } from "#controllers/runtime/client/rest-client.ts";
import { addFinalizer, removeFinalizer } from "#controllers/runtime/finalizers/finalizers.ts";

import type { ResourceMeta } from "./resource.ts";
import { kindOf, originOf, pathOf } from "./resource.ts";

/** Owner of the fields in managedFields. */
export const FIELD_MANAGER = "k8s-operator";

const ATTEMPTS_MAX = 6;
const BACKOFF = { baseMs: 20, maxMs: 2_000 };

/** Settings of {@link ObjectWrites}. */
export interface ObjectWritesOptions {
  readonly rest: RestClient;
  readonly client: Client;
  readonly world: World;
  readonly signal: AbortSignal;
  /** Told the server's answer to every write. */
  readonly wrote: (meta: ResourceMeta, object: Live) => void;
}

/** A state of the object: what is known of it before a write. */
interface Known {
  readonly resourceVersion: string;
  readonly uid: string | undefined;
  /** Undefined if nobody knows. */
  readonly finalizers: readonly string[] | undefined;
}

/** See the head of this file. All methods throw ApiError or TransportError. */
export class ObjectWrites {
  readonly #options: ObjectWritesOptions;

  constructor(options: ObjectWritesOptions) {
    this.#options = options;
  }

  /** `PUT` makes `status` the whole status, `PATCH` merges it (RFC 7386). */
  setStatus(meta: ResourceMeta, status: unknown, method: "PUT" | "PATCH"): Promise<Live> {
    return this.#write(meta, (known) => ({
      method,
      subresource: "status",
      body: {
        apiVersion: meta.apiVersion,
        kind: meta.kind,
        metadata: {
          name: meta.name,
          ...(meta.namespace === undefined ? {} : { namespace: meta.namespace }),
          resourceVersion: known.resourceVersion,
        },
        status,
      },
    }));
  }

  /**
   * Makes the changes that lead from the finalizers of `meta`'s state to `finalizers`: those which
   * others have set since then stay. Of a meta put together by hand that state is not known: then
   * `finalizers` is the list, if the object has not changed since `meta.resourceVersion`.
   */
  setFinalizers(meta: ResourceMeta, finalizers: readonly string[]): Promise<Live> {
    const before = originOf(meta)?.finalizers;
    return this.#write(meta, (known, attempt) => {
      if (before === undefined && attempt > 0) return undefined;
      const now = known.finalizers ?? [];
      const kept = now.filter((one) => finalizers.includes(one) || !before?.includes(one));
      const added = finalizers.filter(
        (one) => !now.includes(one) && before?.includes(one) !== true,
      );
      return {
        method: "PATCH",
        body: {
          metadata: {
            resourceVersion: known.resourceVersion,
            finalizers: before === undefined ? finalizers : [...kept, ...added],
          },
        },
      };
    });
  }

  /** Adds one finalizer to this very object. */
  async addFinalizer(meta: ResourceMeta, object: Live, name: string): Promise<void> {
    const { client, signal, wrote } = this.#options;
    const options = { name, fieldManager: FIELD_MANAGER, signal };
    wrote(meta, await addFinalizer(client, kindOf(meta), object, options));
  }

  /** Removes one finalizer; the others stay, and an object that is gone is well. */
  async removeFinalizer(meta: ResourceMeta, object: Live, name: string): Promise<void> {
    const { client, signal } = this.#options;
    const options = { name, fieldManager: FIELD_MANAGER, signal };
    await removeFinalizer(client, kindOf(meta), object, options);
  }

  /** Sends what `compose` makes of the newest state until the server has it; undefined gives up. */
  async #write(
    meta: ResourceMeta,
    compose: (known: Known, attempt: number) => Request | undefined,
  ): Promise<Live> {
    const { rest, world, signal, wrote } = this.#options;
    const origin = originOf(meta);
    let known: Known = {
      resourceVersion: meta.resourceVersion,
      uid: origin?.uid,
      finalizers: origin?.finalizers,
    };
    let failure: unknown;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const request = compose(known, attempt);
      if (request === undefined) break;
      try {
        const { body } = await rest.call({
          method: request.method,
          path: pathOf(meta, request.subresource),
          query: { fieldManager: FIELD_MANAGER },
          body: request.body,
          ...(request.method === "PATCH" ? { contentType: "application/merge-patch+json" } : {}),
          signal,
        });
        const live = decodeObject<object>(kindOf(meta), body);
        wrote(meta, live);
        return live;
      } catch (cause) {
        if (!isWorthAnother(cause)) throw cause;
        failure = cause;
      }
      await sleep(world.timers, backoffMs(BACKOFF, attempt, world.rng), signal);
      known = await this.#read(meta, known.uid);
    }
    throw failure;
  }

  async #read(meta: ResourceMeta, uid: string | undefined): Promise<Known> {
    const { client, signal } = this.#options;
    const key = { namespace: meta.namespace ?? "", name: meta.name };
    const live = await client.get(kindOf(meta), key, { signal });
    if (live === undefined || (uid !== undefined && live.metadata.uid !== uid)) {
      const reason = live === undefined ? "it is gone" : "another one has its name now";
      throw new ApiError({ status: 404, body: reason, what: `write to ${pathOf(meta)}` });
    }
    const { resourceVersion, finalizers } = live.metadata;
    return { resourceVersion, uid: live.metadata.uid, finalizers: finalizers ?? [] };
  }
}

interface Request {
  readonly method: "PUT" | "PATCH";
  readonly subresource?: string;
  readonly body: unknown;
}

/** True if the server refused for an old version, or if nobody knows whether it acted. */
function isWorthAnother(cause: unknown): boolean {
  if (cause instanceof TransportError) return !cause.aborted;
  return cause instanceof ApiError && (cause.status === 409 || cause.status >= 500);
}
