// Runs controllers: one transport, one set of caches, one lease, one health port. Standbys keep
// their caches warm. A stop closes the intake, lets passes end, gives the lease back, and only then
// ends the watches.

import { assert, errorMessage } from "#api/base/index.ts";
import { collectDefaultMetrics } from "prom-client";
import type { Registry } from "prom-client";

import type { InformerRequest } from "../cache/informers.ts";
import { CacheReader, ownerIndex, ownerIndexValues, viewOf } from "../cache/reader.ts";
import type { StoreChange } from "../cache/store.ts";
import type { Client } from "../client/client.ts";
import { ControllerRunner } from "../controller/runner.ts";
import type { AnyController, Index, Reader } from "../controller/types.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { Live } from "../kinds/kind.ts";
import { kindId } from "../kinds/kind.ts";
import type { ClusterDefaults } from "./cluster.ts";
import { Cluster, Clusters } from "./cluster.ts";
import { EventRecorder } from "./events.ts";
import { LeaseFence, openFence } from "./fence.ts";
import type { HealthServer } from "./health.ts";
import { serveHealth } from "./health.ts";
import { LeaderElector } from "./leader-election.ts";
import { LoopWatch } from "./loop-watch.ts";
import type { Metrics } from "../base/metrics.ts";
import { beginCounting, createMetrics } from "../base/metrics.ts";
import type { ManagerOptions } from "./options.ts";
import { shardFilter, shardLeaseName } from "./shard.ts";
import type { World } from "../base/timers.ts";
import { Slices } from "../base/slices.ts";
import { sleep, systemClock, systemRng, systemTimers, whenAborted } from "../base/timers.ts";

/** Something that runs beside the controllers, such as a server that reads the caches. */
export interface Runnable {
  readonly name: string;
  /** True: only while this process leads. */
  readonly leaderOnly: boolean;
  /** Runs until `signal` aborts; a rejection before that ends the manager. */
  run(signal: AbortSignal): Promise<void>;
}

/** A window on the caches for code that is no controller. */
export interface CacheView {
  readonly reader: Reader;
  /** Called after every change of what the view shows; must be quick. Returns how to stop. */
  onChange(listener: (change: StoreChange) => void): () => void;
  whenSynced(): Promise<void>;
}

const SHUTDOWN_MS = 20_000;
const SYNC_MS = 120_000;
const LOOP_SAMPLE_MS = 100;

/** See the head of this file. Everything is declared before {@link run}, which is called once. */
export class Manager {
  /** For the rare direct call. Writes only pass while this process leads. */
  readonly client: Client;
  readonly #options: ManagerOptions;
  readonly #world: World;
  readonly #slices: Slices;
  readonly #metrics: Metrics;
  /** The manager's own cluster and those beside it. */
  readonly clusters: Clusters;
  readonly #fence: LeaseFence | undefined;
  readonly #serves: (object: Live) => boolean;
  readonly #events: EventRecorder;
  readonly #elector: LeaderElector | undefined;
  readonly #runners: ControllerRunner[] = [];
  readonly #runnables: Runnable[] = [];
  /** Ends passes that have not drained in time. */
  readonly #kill = new AbortController();
  #startedAtMs: number | undefined;
  #health: HealthServer | undefined;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.#world = {
      clock: options.clock ?? systemClock,
      timers: options.timers ?? systemTimers,
      rng: options.rng ?? systemRng,
    };
    this.#slices = new Slices(this.#world);
    this.#metrics = createMetrics();
    this.#fence = options.leaderElection === undefined ? undefined : new LeaseFence(this.#world);
    this.#serves = shardFilter(options.shard ?? { index: 0, count: 1 });
    const defaults = this.#clusterDefaults();
    const home = new Cluster("", options.cluster, defaults);
    this.clusters = new Clusters(home, defaults);
    this.client = home.directClient;
    for (const [name, access] of Object.entries(options.clusters ?? {})) {
      this.clusters.add(name, access);
    }
    this.#events = new EventRecorder({
      world: this.#world,
      logger: options.logger,
      metrics: this.#metrics,
      controller: options.name,
      instance: options.identity,
      client: this.clusters.home.client,
    });
    this.#elector = this.#createElector();
  }

  /** All metrics, for more of one's own. */
  get registry(): Registry {
    return this.#metrics.registry;
  }

  /** True while this process may write. */
  get isLeading(): boolean {
    return this.#fence?.isOpen ?? this.#startedAtMs !== undefined;
  }

  /** True if every controller has nothing waiting, running or due later. */
  get isQuiet(): boolean {
    return this.#runners.every((runner) => runner.isQuiet);
  }

  /** The port of the health server; undefined before {@link run} and without one. */
  get healthPort(): number | undefined {
    return this.#health?.port;
  }

  /** Adds a controller. Names and field managers are unique. */
  add(controller: AnyController): this {
    assert(this.#startedAtMs === undefined, "controllers are added before run");
    assert(
      this.#runners.every((runner) => runner.name !== controller.name),
      `controller ${controller.name} is added twice`,
    );
    beginCounting(this.#metrics, controller.name);
    const runner = new ControllerRunner({
      controller,
      client: this.clusters.home.client,
      informers: this.clusters.home.informers,
      clusters: this.clusters,
      serves: this.#serves,
      checks: this.#options.freezeObjects ?? false,
      events: this.#events,
      world: this.#world,
      slices: this.#slices,
      metrics: this.#metrics,
      logger: this.#options.logger,
    });
    this.#runners.push(runner);
    this.#metrics.onRead(() => runner.measure());
    return this;
  }

  /** Adds something that runs beside the controllers. */
  addRunnable(runnable: Runnable): this {
    assert(this.#startedAtMs === undefined, "runnables are added before run");
    this.#runnables.push(runnable);
    return this;
  }

  /** Has these kinds cached and gives a window on them; `group` is that of `Reader.owned`. */
  view(
    requests: readonly InformerRequest[],
    options: { readonly group?: string; readonly indexes?: readonly Index<never>[] } = {},
  ): CacheView {
    const informers = requests.map((request) => this.clusters.home.informers.want(request));
    const group = options.group ?? "";
    for (const informer of informers) {
      informer.store.addIndex(ownerIndex(group), ownerIndexValues(group));
      for (const index of options.indexes ?? []) {
        if (kindId(index.kind) !== kindId(informer.kind)) continue;
        // Typed by the kind, which has just been compared.
        informer.store.addIndex(index.name, index.values as Index["values"]);
      }
    }
    return {
      reader: new CacheReader(viewOf(informers), this.#kill.signal, group),
      onChange: (listener) => {
        const stops = informers.map((informer) => informer.store.subscribe(listener));
        return () => stops.forEach((stop) => stop());
      },
      whenSynced: async () => {
        await Promise.all(informers.map((informer) => informer.whenSynced()));
      },
    };
  }

  /**
   * Runs everything until `signal` aborts, then stops in good order. Rejects if the health port
   * cannot be had or a runnable fails; faults of the API server never end it.
   */
  async run(signal: AbortSignal): Promise<void> {
    assert(this.#startedAtMs === undefined, "run is called once");
    this.#startedAtMs = this.#world.clock.monotonicMs();
    const { logger, name, identity, shard } = this.#options;
    const part = shard === undefined ? {} : { shard: `${shard.index}/${shard.count}` };
    logger.info("manager starts", { name, identity, ...part });
    const stop = new AbortController();
    const onSignal = (): void => stop.abort();
    signal.addEventListener("abort", onSignal, { once: true });
    if (signal.aborted) stop.abort();
    const watching = new AbortController();
    let failure: Error | undefined;
    try {
      await this.#serveHealth();
      this.clusters.start(watching.signal);
      await allEnded(stop, [
        ...this.#everywhere(stop),
        this.#elector === undefined
          ? this.#lead(stop, new AbortController().signal)
          : this.#elector.run(stop.signal, (term) => this.#lead(stop, term)),
      ]);
    } catch (cause) {
      failure = cause instanceof Error ? cause : new Error(errorMessage(cause), { cause });
      stop.abort();
    }
    signal.removeEventListener("abort", onSignal);
    this.#kill.abort();
    watching.abort();
    this.#events.close();
    await this.clusters.close();
    await this.#health?.close();
    logger.info("manager stopped", failure === undefined ? {} : { cause: errorMessage(failure) });
    if (failure !== undefined) throw failure;
  }

  /** What runs on every replica. */
  #everywhere(stop: AbortController): readonly Promise<void>[] {
    return [
      ...this.#runners
        .filter((runner) => !runner.leaderOnly)
        .map((runner) => this.#runTerm(runner, stop.signal, this.#kill.signal)),
      ...this.#runnables
        .filter((runnable) => !runnable.leaderOnly)
        .map((runnable) => this.#runRunnable(runnable, stop.signal)),
    ];
  }

  /** One term as leader; returns when all of its work has ended. `term` aborts if it is lost. */
  async #lead(stop: AbortController, term: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const aborted = new AbortController();
    const end = (): void => ended.abort();
    const abort = (): void => {
      ended.abort();
      aborted.abort();
    };
    stop.signal.addEventListener("abort", end, { once: true });
    term.addEventListener("abort", abort, { once: true });
    if (stop.signal.aborted) end();
    if (term.aborted) abort();
    const work = allEnded(stop, [
      ...this.#runners
        .filter((runner) => runner.leaderOnly)
        .map((runner) => this.#runTerm(runner, ended.signal, aborted.signal)),
      ...this.#runnables
        .filter((runnable) => runnable.leaderOnly)
        .map((runnable) => this.#runRunnable(runnable, ended.signal)),
      // A manager without controllers still holds its lease until it is told to stop.
      whenAborted(ended.signal),
    ]);
    const limit = this.#limit(ended.signal, () => {
      this.#options.logger.warn("what is still at work is broken off");
      aborted.abort();
    });
    try {
      await work;
      if (!aborted.signal.aborted) {
        await Promise.race([this.#events.flushed(), whenAborted(aborted.signal)]);
      }
    } finally {
      limit();
      stop.signal.removeEventListener("abort", end);
      term.removeEventListener("abort", abort);
    }
  }

  /** Once `ended` aborts, there is this long for going in good order. Returns how to stop it. */
  #limit(ended: AbortSignal, over: () => void): () => void {
    const quit = new AbortController();
    const wait = async (): Promise<void> => {
      await whenAborted(ended);
      const limitMs = this.#options.shutdownTimeoutMs ?? SHUTDOWN_MS;
      await sleep(this.#world.timers, limitMs, quit.signal);
      if (!quit.signal.aborted) over();
    };
    void wait();
    return () => quit.abort();
  }

  async #runTerm(runner: ControllerRunner, stop: AbortSignal, abort: AbortSignal): Promise<void> {
    await Promise.race([runner.whenSynced(), whenAborted(stop)]);
    if (stop.aborted) return;
    await runner.term(stop, abort);
  }

  async #runRunnable(runnable: Runnable, signal: AbortSignal): Promise<void> {
    const late = new AbortController();
    const limit = this.#limit(signal, () => late.abort());
    try {
      await Promise.race([runnable.run(signal), whenAborted(late.signal)]);
      if (late.signal.aborted) {
        this.#options.logger.error("runnable does not end", { runnable: runnable.name });
      }
    } catch (cause) {
      this.#options.logger.error("runnable failed", {
        runnable: runnable.name,
        cause: errorMessage(cause),
      });
      throw cause;
    } finally {
      limit();
    }
  }

  #clusterDefaults(): ClusterDefaults {
    const { name, identity, logger, watchNamespaces, watchSilenceMs, onRequest } = this.#options;
    const { requestTimeoutMs } = this.#options;
    return {
      world: this.#world,
      logger,
      metrics: this.#metrics,
      userAgent: `${name}/${identity}`,
      fence: this.#fence ?? openFence(),
      freeze: this.#options.freezeObjects ?? false,
      ...(watchNamespaces === undefined ? {} : { namespaces: watchNamespaces }),
      ...(watchSilenceMs === undefined ? {} : { silenceMs: watchSilenceMs }),
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
      ...(onRequest === undefined ? {} : { onRequest }),
    };
  }

  #createElector(): LeaderElector | undefined {
    const { leaderElection, identity, logger, shard } = this.#options;
    if (leaderElection === undefined || this.#fence === undefined) return undefined;
    const leaseName = shardLeaseName(leaderElection.leaseName, shard);
    const lease = this.clusters.home.informers.want({
      kind: KINDS.Lease,
      namespaces: [leaderElection.leaseNamespace],
      fieldSelector: `metadata.name=${leaseName}`,
    });
    return new LeaderElector({
      ...leaderElection,
      leaseName,
      identity,
      client: this.client.unfenced(),
      lease,
      fence: this.#fence,
      world: this.#world,
      logger,
      metrics: this.#metrics,
    });
  }

  async #serveHealth(): Promise<void> {
    const { health, logger } = this.#options;
    if (health === undefined) return;
    // The default of 10 ms wakes an operator that has nothing to do a hundred times a second.
    collectDefaultMetrics({
      register: this.#metrics.registry,
      eventLoopMonitoringPrecision: LOOP_SAMPLE_MS,
    });
    const loop = new LoopWatch(this.#world);
    this.#health = await serveHealth({
      ...health,
      logger,
      illness: () => loop.problem,
      problems: () => this.#problems(),
      metrics: async () => {
        return {
          contentType: this.#metrics.registry.contentType,
          text: await this.#metrics.registry.metrics(),
        };
      },
    });
    const stopLoop = loop.start();
    this.#kill.signal.addEventListener("abort", stopLoop, { once: true });
  }

  #problems(): readonly string[] {
    const waiting = this.clusters.home.informers.all.filter((informer) => !informer.synced);
    const overMs =
      this.#world.clock.monotonicMs() -
      (this.#startedAtMs ?? 0) -
      (this.#options.cacheSyncTimeoutMs ?? SYNC_MS);
    return waiting.flatMap((informer) => [
      `${informer.kind.plural}: not synced${overMs > 0 ? ", overdue" : ""}`,
      ...informer.problems,
    ]);
  }
}

/** Waits for all of it. The first failure stops the rest in good order and is thrown at the end. */
async function allEnded(stop: AbortController, work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(
    work.map((one) =>
      one.catch((cause: unknown) => {
        stop.abort();
        throw cause;
      }),
    ),
  );
  for (const one of results) if (one.status === "rejected") throw one.reason;
}
