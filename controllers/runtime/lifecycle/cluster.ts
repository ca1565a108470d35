// One cluster as the runtime uses it: connections, calls, caches. A manager has its own cluster, on
// which everything depends, and any number of others beside it, which may be away for as long as
// they like: their caches fill when they can, their calls fail at once while they do not answer,
// and nobody waits for them.

import type { Logger } from "#api/base/index.ts";
import { assert, errorMessage } from "#api/base/index.ts";

import { Informers } from "../cache/informers.ts";
import { BreakerTransport } from "../client/breaker.ts";
import { Client } from "../client/client.ts";
import type { ClusterConfig } from "../client/config.ts";
import { openCredentials } from "../client/credentials.ts";
import type { RequestLogEntry } from "../client/request-log.ts";
import type { WriteFence } from "../client/rest-client.ts";
import { RestClient } from "../client/rest-client.ts";
import type { Transport } from "../client/transport.ts";
import { UndiciTransport } from "../client/undici-transport.ts";
import type { Metrics } from "../base/metrics.ts";
import { TellingClient } from "./telling-client.ts";
import type { World } from "../base/timers.ts";

/** What all clusters of a manager share. */
export interface ClusterDefaults {
  readonly world: World;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly userAgent: string;
  readonly fence: WriteFence;
  readonly namespaces?: readonly string[];
  readonly freeze?: boolean;
  readonly silenceMs?: number;
  readonly requestTimeoutMs?: number;
  readonly onRequest?: (entry: RequestLogEntry) => void;
}

/** See the head of this file. */
export class Cluster {
  /** Empty for the manager's own. */
  readonly name: string;
  /** Writes only pass while the manager leads. */
  readonly client: Client;
  /** The same for direct calls: the caches know of its writes before they return. */
  readonly directClient: Client;
  readonly informers: Informers;
  readonly #transport: Transport;
  readonly #breaker: BreakerTransport | undefined;
  readonly #stop = new AbortController();

  /** `name` is empty for the manager's own cluster, which has no circuit. */
  constructor(name: string, access: ClusterConfig | Transport, defaults: ClusterDefaults) {
    const { world, metrics, fence, namespaces, freeze, silenceMs, onRequest } = defaults;
    const { requestTimeoutMs: timeoutMs } = defaults;
    this.name = name;
    const logger = name === "" ? defaults.logger : defaults.logger.child({ cluster: name });
    const direct = openTransport(access, defaults);
    if (name !== "") {
      metrics.clusterUp.set({ cluster: name }, 1);
      this.#breaker = new BreakerTransport({
        transport: direct,
        cluster: name,
        world,
        logger,
        onChange: (open) => metrics.clusterUp.set({ cluster: name }, open ? 0 : 1),
      });
    }
    this.#transport = this.#breaker ?? direct;
    const base = { world, logger, metrics };
    const rest = new RestClient({
      ...base,
      transport: this.#transport,
      cluster: name,
      fence,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(onRequest === undefined ? {} : { onRequest }),
    });
    this.client = new Client(rest);
    this.informers = new Informers({
      ...base,
      rest,
      freeze: freeze ?? false,
      ...(namespaces === undefined ? {} : { namespaces }),
      ...(silenceMs === undefined ? {} : { silenceMs }),
    });
    this.directClient = new TellingClient(rest, this.informers);
  }

  /** False while a cluster beside the manager's own does not answer. */
  get reachable(): boolean {
    return this.#breaker?.isClosed ?? true;
  }

  /** Begins to fill the caches, until `signal` aborts or {@link close}. */
  start(signal: AbortSignal): void {
    const onAbort = (): void => this.#stop.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#stop.signal.addEventListener("abort", () => signal.removeEventListener("abort", onAbort));
    this.informers.start(this.#stop.signal);
  }

  /** Ends watches and connections. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.informers.stopped();
    await this.#transport.close();
  }
}

/** The clusters of a manager by name; its own is always there under the empty name. */
export class Clusters {
  readonly #defaults: ClusterDefaults;
  readonly #home: Cluster;
  readonly #others = new Map<string, Cluster>();
  readonly #joined: ((cluster: Cluster) => void)[] = [];
  readonly #left: ((cluster: Cluster) => void)[] = [];
  #signal: AbortSignal | undefined;

  constructor(home: Cluster, defaults: ClusterDefaults) {
    this.#home = home;
    this.#defaults = defaults;
  }

  /** The manager's own cluster. */
  get home(): Cluster {
    return this.#home;
  }

  /** The cluster of this name; the manager's own if it is empty; undefined if there is none. */
  get(name: string): Cluster | undefined {
    return name === "" ? this.#home : this.#others.get(name);
  }

  /** The clusters beside the manager's own, in the order in which they were added. */
  get others(): readonly Cluster[] {
    return [...this.#others.values()];
  }

  /** Adds a cluster, also while the manager runs. A name that is taken or empty is a bug. */
  add(name: string, access: ClusterConfig | Transport): Cluster {
    assert(name !== "" && !this.#others.has(name), `cluster "${name}" cannot be added`);
    const cluster = new Cluster(name, access, this.#defaults);
    this.#others.set(name, cluster);
    for (const tell of this.#joined) tell(cluster);
    if (this.#signal !== undefined) cluster.start(this.#signal);
    return cluster;
  }

  /** Forgets a cluster; its objects stay as they are. Without effect if there is none. */
  async remove(name: string): Promise<void> {
    const cluster = this.#others.get(name);
    if (cluster === undefined) return;
    this.#others.delete(name);
    for (const tell of this.#left) tell(cluster);
    this.#defaults.metrics.clusterUp.remove({ cluster: name });
    await cluster.close();
  }

  /** Called for each cluster beside the manager's own, those that are there and those to come. */
  onJoin(listener: (cluster: Cluster) => void): void {
    this.#joined.push(listener);
    for (const cluster of this.#others.values()) listener(cluster);
  }

  /** Called after a cluster was removed, before its connections end. */
  onLeave(listener: (cluster: Cluster) => void): void {
    this.#left.push(listener);
  }

  /** Begins to fill the caches of all, present and to come, until `signal` aborts. */
  start(signal: AbortSignal): void {
    assert(this.#signal === undefined, "clusters are started once");
    this.#signal = signal;
    for (const cluster of [this.#home, ...this.#others.values()]) cluster.start(signal);
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await Promise.all([this.#home, ...this.#others.values()].map((cluster) => cluster.close()));
  }
}

function openTransport(access: ClusterConfig | Transport, defaults: ClusterDefaults): Transport {
  if (!("kind" in access)) return access;
  const { world, metrics, logger } = defaults;
  return new UndiciTransport({
    credentials: openCredentials(
      access,
      () => world.clock.monotonicMs(),
      (error) => {
        metrics.credentialReads.inc();
        if (error === undefined) return;
        metrics.credentialErrors.inc();
        logger.warn("credentials cannot be read", { cause: errorMessage(error) });
      },
    ),
    userAgent: defaults.userAgent,
  });
}
