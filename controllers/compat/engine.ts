// One connection to a cluster, its caches, and the workers that call handlers. Made when an
// operator first needs it; nothing but stop() ends it.

import type { KubeConfig } from "@kubernetes/client-node";

import { errorMessage } from "#api/base/index.ts";
import type { Logger } from "#api/base/index.ts";
import type { KindId } from "#api/meta/index.ts";
import type { InformerRequest, Live, World } from "#controllers/runtime/index.ts";
import { Client, sleep, systemClock, systemRng, systemTimers } from "#controllers/runtime/index.ts";
import { Informers } from "#controllers/runtime/cache/informers.ts";
import type { StoreChange } from "#controllers/runtime/cache/store.ts";
import { heldCredentials } from "#controllers/runtime/client/credentials.ts";
import { RestClient } from "#controllers/runtime/client/rest-client.ts";
import type { Transport } from "#controllers/runtime/client/transport.ts";
import { UndiciTransport } from "#controllers/runtime/client/undici-transport.ts";
import { createMetrics } from "#controllers/runtime/base/metrics.ts";
import type { Priority } from "#controllers/runtime/queue/work-queue.ts";
import { WorkQueue } from "#controllers/runtime/queue/work-queue.ts";

import { Deliveries } from "./deliveries.ts";
import type { ResourceName } from "./discovery.ts";
import { discover } from "./discovery.ts";
import { ObjectWrites } from "./object-writes.ts";
import type { ResourceEvent, ResourceMeta } from "./resource.ts";
import { asKubernetesObject, kindOf, ResourceMetaImpl } from "./resource.ts";

/** Settings of an {@link Engine}. */
export interface EngineOptions {
  readonly kubeConfig: () => KubeConfig;
  readonly logger: Logger;
  /** Handlers at the same time, over all watches; never two for one object of a watch. */
  readonly concurrency: number;
  /** For tests; real ones if not given. */
  readonly transport?: Transport;
  readonly world?: World;
}

/** What a handler is told about. */
export interface WatchRequest extends ResourceName {
  /** All namespaces if not given. */
  readonly namespace?: string;
  readonly onEvent: (event: ResourceEvent) => Promise<void>;
}

interface RunningWatch {
  readonly request: WatchRequest;
  readonly deliveries: Deliveries;
}

const SLOW_HANDLER_MS = 60_000;
const DRAIN_MS_MAX = 20_000;

/** See the head of this file. */
export class Engine {
  readonly client: Client;
  readonly writes: ObjectWrites;
  readonly #world: World;
  readonly #logger: Logger;
  readonly #rest: RestClient;
  readonly #transport: Transport;
  readonly #informers: Informers;
  readonly #queue: WorkQueue;
  readonly #watches: RunningWatch[] = [];
  readonly #stop = new AbortController();
  /** Aborts when nothing of this operator may go on, handlers included. */
  readonly #kill = new AbortController();
  #stopped: Promise<void> | undefined;

  constructor(options: EngineOptions) {
    const world = options.world ?? {
      clock: systemClock,
      timers: systemTimers,
      rng: systemRng,
    };
    this.#world = world;
    this.#logger = options.logger;
    this.#transport =
      options.transport ??
      new UndiciTransport({
        credentials: heldCredentials(options.kubeConfig, () => world.clock.monotonicMs()),
        userAgent: "oaas-operator-compat",
      });
    const base = { world, logger: options.logger, metrics: createMetrics() };
    this.#rest = new RestClient({ ...base, transport: this.#transport });
    this.client = new Client(this.#rest);
    this.#informers = new Informers({ ...base, rest: this.#rest });
    this.#informers.start(this.#stop.signal);
    this.writes = new ObjectWrites({
      rest: this.#rest,
      client: this.client,
      world,
      signal: this.#kill.signal,
      wrote: (meta, object) => this.#informers.wrote(kindOf(meta), object, ""),
    });
    this.#queue = new WorkQueue({ name: "operator", world, metrics: base.metrics });
    for (let worker = 0; worker < options.concurrency; worker++) void this.#work();
  }

  /** Has the handler told about everything there is and about every change from then on. */
  watch(request: WatchRequest): void {
    void this.#begin(request);
  }

  /** Tells handlers nothing more; those at work have 20 s to end. Resolves when all is closed. */
  stop(): Promise<void> {
    this.#stopped ??= this.#close();
    return this.#stopped;
  }

  async #begin(request: WatchRequest): Promise<void> {
    const signal = this.#stop.signal;
    const options = { rest: this.#rest, world: this.#world, logger: this.#logger, signal };
    const kind = await discover(request, options);
    if (kind === undefined || signal.aborted) return;
    const { store } = this.#informers.want({ kind, ...this.#scope(kind, request) });
    const deliveries = new Deliveries(store);
    const number = this.#watches.push({ request, deliveries }) - 1;
    deliveries.start((key, change) => this.#queue.add(`${number}|${key}`, priorityOf(change)));
  }

  #scope(kind: KindId, { namespace, plural }: WatchRequest): Pick<InformerRequest, "namespaces"> {
    if (namespace === undefined) return {};
    if (kind.namespaced) return { namespaces: [namespace] };
    this.#logger.warn("objects of this kind are in no namespace; all are watched", {
      plural,
      namespace,
    });
    return {};
  }

  async #work(): Promise<void> {
    for (;;) {
      const text = await this.#queue.take();
      if (text === undefined) return;
      try {
        await this.#handle(text);
      } finally {
        this.#queue.done(text);
      }
    }
  }

  async #handle(text: string): Promise<void> {
    const bar = text.indexOf("|");
    const key = text.slice(bar + 1);
    const watch = this.#watches[Number(text.slice(0, bar))];
    const delivery = watch?.deliveries.next(key);
    if (watch === undefined || delivery === undefined) {
      this.#queue.forget(text);
      return;
    }
    watch.deliveries.begin(key, delivery);
    const object = asKubernetesObject(ownCopy(delivery.object));
    const meta = ResourceMetaImpl.createWithPlural(watch.request.plural, object);
    const what = { event: delivery.type, object: `${watch.request.plural} ${key}` };
    const endTimer = this.#world.timers.schedule(SLOW_HANDLER_MS, () =>
      this.#logger.warn("handler is still at work after a minute", what),
    );
    try {
      await watch.request.onEvent({ meta, type: delivery.type, object });
    } catch (cause) {
      const waitMs = Math.round(this.#queue.addFailed(text));
      this.#logger.error("handler failed and is called again", {
        ...what,
        cause: errorMessage(cause),
        waitMs,
      });
      return;
    } finally {
      endTimer();
    }
    this.#queue.succeeded(text);
    if (watch.deliveries.settle(key, delivery)) this.#queue.add(text, "change");
  }

  async #close(): Promise<void> {
    this.#queue.close();
    this.#stop.abort();
    const drained = new AbortController();
    const limit = sleep(this.#world.timers, DRAIN_MS_MAX, drained.signal);
    await Promise.race([this.#queue.drained(), limit]);
    drained.abort();
    this.#kill.abort();
    await this.#informers.stopped();
    await this.#transport.close();
  }
}

/** The handler's to keep and change. A reduced managedFields must never be sent back. */
function ownCopy(object: Live): Live {
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return structuredClone({ ...object, metadata });
}

/** What is found goes behind what happens. */
function priorityOf(change: StoreChange | undefined): Priority {
  return change === undefined || change.cause === "Initial" || change.cause === "Relist"
    ? "background"
    : "change";
}

/** For logs: what a meta is about. */
export function describeMeta(meta: ResourceMeta): string {
  return `${meta.id} ${meta.namespace === undefined ? "" : `${meta.namespace}/`}${meta.name}`;
}
