// The client of a manager for direct calls, such as those of ports: what it writes is in the caches
// before the call returns, so that no pass acts on a view that is older than a write of this
// process, whoever has made it. The engine itself tells the caches in its own way.

import type { Informers } from "../cache/informers.ts";
import type { ApplyOptions, CallOptions, Deleted, DeleteOptions } from "../client/client.ts";
import type { JsonPatchOperation } from "../client/client.ts";
import { Client } from "../client/client.ts";
import type { RestClient } from "../client/rest-client.ts";
import type { Kind, KubeObject, Live, ObjectKey } from "../kinds/kind.ts";

/** Writer of such changes in the caches; everybody is woken by them. */
const WRITER = "direct call";

/** See the head of this file. */
export class TellingClient extends Client {
  readonly #caches: Pick<Informers, "wrote" | "deleted">;

  constructor(rest: RestClient, caches: Pick<Informers, "wrote" | "deleted">) {
    super(rest);
    this.#caches = caches;
  }

  override async create<T extends object>(
    kind: Kind<T>,
    object: KubeObject,
    options: CallOptions & { readonly fieldManager: string; readonly dryRun?: boolean },
  ): Promise<Live<T>> {
    return this.#tell(kind, await super.create(kind, object, options), options.dryRun);
  }

  override async apply<T extends object>(
    kind: Kind<T>,
    object: KubeObject,
    options: ApplyOptions,
  ): Promise<Live<T>> {
    return this.#tell(kind, await super.apply(kind, object, options), options.dryRun);
  }

  override async replace<T extends object>(
    kind: Kind<T>,
    object: KubeObject,
    options: CallOptions & { readonly fieldManager: string },
  ): Promise<Live<T>> {
    return this.#tell(kind, await super.replace(kind, object, options));
  }

  override async jsonPatch<T extends object>(
    kind: Kind<T>,
    key: ObjectKey,
    operations: readonly JsonPatchOperation[],
    options: CallOptions & { readonly fieldManager: string; readonly subresource?: string },
  ): Promise<Live<T>> {
    const { subresource = "status" } = options;
    const live = await super.jsonPatch(kind, key, operations, options);
    // Other subresources answer with documents of their own.
    return this.#tell(kind, live, subresource !== "status");
  }

  override async delete<T extends object>(
    kind: Kind<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<Deleted<T>> {
    const result = await super.delete(kind, key, options);
    if (options.dryRun === true) return result;
    if (result.outcome === "terminating") this.#tell(kind, result.object);
    else if (options.uid !== undefined) this.#caches.deleted(kind, key, options.uid, WRITER);
    return result;
  }

  #tell<T extends object>(kind: Kind<T>, live: Live<T>, quiet = false): Live<T> {
    if (!quiet) this.#caches.wrote(kind, live, WRITER);
    return live;
  }
}
