// One informer per kind, selector and set of namespaces, shared by everything in a manager: a store
// and the reflectors that fill it (one, or one per watched namespace).

import type { Gauge } from "prom-client";

import { assert } from "#api/base/index.ts";
import type { Logger } from "#api/base/index.ts";
import type { KindId } from "#api/meta/index.ts";

import type { FieldMatcher, LabelMatcher } from "../client/paths.ts";
import { compileFieldSelector, compileSelector } from "../client/paths.ts";
import type { RestClient } from "../client/rest-client.ts";
import type { Live, ObjectKey } from "../kinds/kind.ts";
import { keyOf, kindId } from "../kinds/kind.ts";
import type { Metrics } from "../base/metrics.ts";
import type { World } from "../base/timers.ts";
import { Reflector } from "./reflector.ts";
import { Store } from "./store.ts";

/** What to keep in memory. */
export interface InformerRequest {
  readonly kind: KindId;
  /** Everything if empty or not given. */
  readonly labelSelector?: string;
  readonly metadataOnly?: boolean;
  /**
   * Only in these namespaces, whatever the manager watches otherwise, so that a Role in each of
   * them is enough. One list and one watch per namespace; never empty; of no effect on
   * cluster-scoped kinds.
   */
  readonly namespaces?: readonly string[];
  readonly fieldSelector?: string;
  /**
   * What is kept of an object, such as a Pod without its containers: a pure function that leaves
   * identity and labels as they are. Requests share an informer only if they give the same one.
   */
  readonly transform?: Transform;
}

/** See {@link InformerRequest.transform}. */
export type Transform = (object: Live) => Live;

/** See the head of this file. */
export interface Informer {
  readonly kind: KindId;
  readonly labelSelector: string;
  readonly metadataOnly: boolean;
  /** What is watched, sorted; all namespaces (or a cluster-scoped kind) if empty. */
  readonly namespaces: readonly string[];
  readonly store: Store;
  /** True once every reflector has had its first list. */
  readonly synced: boolean;
  /** What holds up the reflectors; empty if nothing does. */
  readonly problems: readonly string[];
  whenSynced(): Promise<void>;
}

/** Settings of {@link Informers}. */
export interface InformersOptions {
  readonly rest: RestClient;
  readonly world: World;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Only these; all if not given. */
  readonly namespaces?: readonly string[];
  readonly freeze?: boolean;
  /** See {@link ReflectorOptions.silenceMs}. */
  readonly silenceMs?: number;
}

class SharedInformer implements Informer {
  readonly kind: KindId;
  readonly labelSelector: string;
  readonly metadataOnly: boolean;
  readonly namespaces: readonly string[];
  readonly store: Store;
  readonly reflectors: readonly Reflector[];
  readonly #labels: LabelMatcher;
  readonly #fields: FieldMatcher;
  readonly #transform: Transform;
  /** Shared by all informers of the kind. */
  readonly #count: Gauge.Internal<"kind">;

  constructor(request: InformerRequest, options: InformersOptions) {
    this.kind = request.kind;
    this.labelSelector = request.labelSelector ?? "";
    this.metadataOnly = request.metadataOnly ?? false;
    this.namespaces = namespacesOf(request, options);
    this.#labels = compileSelector(this.labelSelector);
    this.#fields = compileFieldSelector(request.fieldSelector ?? "");
    this.#transform = request.transform ?? ((object) => object);
    this.store = new Store({ logger: options.logger, freeze: options.freeze ?? false });
    const { rest, world, logger, metrics, silenceMs } = options;
    this.#count = metrics.cacheObjects.labels({ kind: this.kind.kind });
    this.store.subscribe(({ gone, previous }) => {
      if (gone) this.#count.dec();
      else if (previous === undefined) this.#count.inc();
    });
    const everywhere = this.namespaces.length === 0;
    this.reflectors = (everywhere ? [""] : this.namespaces).map(
      (namespace) =>
        new Reflector({
          kind: this.kind,
          namespace,
          labelSelector: this.labelSelector,
          fieldSelector: request.fieldSelector ?? "",
          metadataOnly: this.metadataOnly,
          rest,
          store: this.store,
          world,
          logger,
          metrics,
          transform: this.#transform,
          ...(silenceMs === undefined ? {} : { silenceMs }),
        }),
    );
  }

  /** The server's answer to an own write, as far as the watch of this informer would show it. */
  wrote(object: Live, writer: string): void {
    const { namespace = "", labels } = object.metadata;
    if (this.namespaces.length > 0 && !this.namespaces.includes(namespace)) return;
    const selected = this.#labels(labels) ? this.#fields(object) : false;
    if (selected === true) this.store.wrote(this.#shown(object), writer);
    // Our own write has taken it out of what is selected here: it must not be shown as before.
    else if (selected === false) this.store.left(object, writer);
    // Selected by what only the server knows: news of an object that is here is kept, no others.
    else if (this.store.get(keyOf(object))?.metadata.uid === object.metadata.uid) {
      this.store.wrote(this.#shown(object), writer);
    }
  }

  /** What a metadata-only cache may hold: not the data of a Secret that we have just written. */
  #shown(object: Live): Live {
    const { apiVersion, kind, metadata } = object;
    return this.#transform(this.metadataOnly ? { apiVersion, kind, metadata } : object);
  }

  /** Its objects are counted no more. */
  ended(): void {
    this.#count.dec(this.store.size);
  }

  get synced(): boolean {
    return this.reflectors.every((reflector) => reflector.synced);
  }

  get problems(): readonly string[] {
    return this.reflectors
      .filter((reflector) => reflector.lastError !== "")
      .map((reflector) => `${this.kind.plural}: ${reflector.lastError}`);
  }

  async whenSynced(): Promise<void> {
    await Promise.all(this.reflectors.map((reflector) => reflector.whenSynced()));
  }
}

/** All informers of one cluster. */
export class Informers {
  readonly #options: InformersOptions;
  readonly #shared = new Map<string, SharedInformer>();
  readonly #byKind = new Map<string, SharedInformer[]>();
  readonly #transforms: Transform[] = [];
  readonly #running: Promise<void>[] = [];
  #signal: AbortSignal | undefined;

  constructor(options: InformersOptions) {
    assert(options.namespaces?.length !== 0, "an empty list of namespaces watches nothing");
    this.#options = options;
  }

  /** The shared informer; starts at once if the others already run. */
  want(request: InformerRequest): Informer {
    const metadataOnly = request.metadataOnly ?? false;
    const { labelSelector = "", fieldSelector = "" } = request;
    const namespaces = namespacesOf(request, this.#options).join(",");
    const id = kindId(request.kind);
    const shape = this.#shapeOf(request.transform);
    const key = [id, labelSelector, fieldSelector, namespaces, metadataOnly, shape].join("|");
    let informer = this.#shared.get(key);
    if (informer === undefined) {
      informer = new SharedInformer(request, this.#options);
      this.#shared.set(key, informer);
      this.#byKind.set(id, [...this.#of(request.kind), informer]);
      if (this.#signal !== undefined) this.#run(informer, this.#signal);
    }
    return informer;
  }

  get all(): readonly Informer[] {
    return [...this.#shared.values()];
  }

  /** Starts everything; ends when `signal` aborts. */
  start(signal: AbortSignal): void {
    assert(this.#signal === undefined, "informers are started once");
    this.#signal = signal;
    for (const informer of this.#shared.values()) this.#run(informer, signal);
  }

  /** Resolves once every loop has ended after the signal. */
  async stopped(): Promise<void> {
    await Promise.all(this.#running);
    for (const informer of this.#shared.values()) informer.ended();
    this.#shared.clear();
  }

  /** Passes the answer to an own write on to every cache that would see it. */
  wrote(kind: KindId, object: Live, writer: string): void {
    for (const informer of this.#of(kind)) informer.wrote(object, writer);
  }

  /** Passes a confirmed deletion on. */
  deleted(kind: KindId, key: ObjectKey, uid: string, writer: string): void {
    for (const informer of this.#of(kind)) informer.store.deleted(key, uid, writer);
  }

  /** What the caches of this kind show of a namespace cannot be right: they are listed anew. */
  doubt(kind: KindId, namespace: string): void {
    for (const informer of this.#of(kind)) informer.store.doubt(namespace);
  }

  /** Functions have no name to compare by: the first one seen is 1, the next one 2. */
  #shapeOf(transform: Transform | undefined): number {
    if (transform === undefined) return 0;
    const known = this.#transforms.indexOf(transform);
    return known < 0 ? this.#transforms.push(transform) : known + 1;
  }

  #of(kind: KindId): readonly SharedInformer[] {
    return this.#byKind.get(kindId(kind)) ?? [];
  }

  #run(informer: SharedInformer, signal: AbortSignal): void {
    for (const reflector of informer.reflectors) this.#running.push(reflector.run(signal));
  }
}

/** Sorted and without repetition; empty for all namespaces. */
function namespacesOf(request: InformerRequest, options: InformersOptions): readonly string[] {
  assert(request.namespaces?.length !== 0, "an empty list of namespaces watches nothing");
  if (!request.kind.namespaced) return [];
  return [...new Set(request.namespaces ?? options.namespaces ?? [])].sort();
}
