// Runs one controller: turns changes of caches into keys, and keys into passes. A term is the time
// in which passes run: from leading to leading no more. Between terms the caches stay warm and
// changes are ignored, because every term begins with all keys.

import type { Logger } from "#api/base/index.ts";
import { assert, AssertionError, errorMessage } from "#api/base/index.ts";

import { Applier } from "../apply/apply-set.ts";
import { stampNames } from "../apply/stamp.ts";
import type { Targets } from "../apply/target.ts";
import { openTargets, remoteView } from "../apply/targets.ts";
import type { Informer, Informers } from "../cache/informers.ts";
import type { View } from "../cache/reader.ts";
import { CacheReader, ownerIndex, ownerIndexValues, viewOf } from "../cache/reader.ts";
import type { StoreChange } from "../cache/store.ts";
import type { Client } from "../client/client.ts";
import { ApiError, NotLeaderError } from "../client/errors.ts";
import { lintStatusWrite } from "../conditions/lint.ts";
import type { StatusWrite } from "../conditions/status-writer.ts";
import { StatusWriter } from "../conditions/status-writer.ts";
import type { Live, ObjectKey } from "../kinds/kind.ts";
import { describeObject, keyOf, keyText, kindId, parseKey } from "../kinds/kind.ts";
import type { Clusters } from "../lifecycle/cluster.ts";
import type { EventRecorder } from "../lifecycle/events.ts";
import type { Metrics } from "../base/metrics.ts";
import type { Slices } from "../base/slices.ts";
import type { World } from "../base/timers.ts";
import { traced } from "../base/tracing.ts";
import type { Priority } from "../queue/work-queue.ts";
import { WorkQueue } from "../queue/work-queue.ts";
import { Driver } from "./driver.ts";
import { OwnWrites, stateId } from "./own-writes.ts";
import { runPass } from "./pass-limit.ts";
import { Rest } from "./rest.ts";
import type { PassResult } from "./steps.ts";
import { Teller } from "./tell.ts";
import type { AnyController, Matters, WatchedKind } from "./types.ts";

/** What all controllers of a manager share. */
export interface RunnerOptions {
  readonly controller: AnyController;
  readonly client: Client;
  readonly informers: Informers;
  /** The manager's own cluster, to which `client` and `informers` belong, and those beside it. */
  readonly clusters: Clusters;
  /** False for objects of other shards. */
  readonly serves: (object: Live) => boolean;
  /** True: a status that breaks the API conventions ends the term with an error. */
  readonly checks: boolean;
  readonly events: EventRecorder;
  readonly world: World;
  /** Shared by all controllers of the process. */
  readonly slices: Slices;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

const CONCURRENCY = 4;
const PASS_TIMEOUT_MS = 60_000;
/** From the signal that a pass should end to giving its worker back. */
const PASS_GRACE_MS = 5_000;
/** With this many deaf passes something is wrong with all of them: no more workers are given. */
const STUCK_MAX = 16;

/** See the head of this file. */
export class ControllerRunner {
  readonly name: string;
  readonly leaderOnly: boolean;
  readonly #options: RunnerOptions;
  readonly #log: Logger;
  readonly #primary: Informer;
  readonly #view: View;
  readonly #targets: Targets;
  readonly #driver: Driver;
  readonly #wakeReader: CacheReader;
  readonly #ownWrites: OwnWrites;
  readonly #rest: Rest;
  /** Keys of passes that go on although their time, or even their term, is over. */
  readonly #stuck = new Set<string>();
  #queue: WorkQueue | undefined;
  /** What ends the term with an error; see {@link RunnerOptions.checks}. */
  #fault: Error | undefined;

  constructor(options: RunnerOptions) {
    const { controller, informers, client, events, world, metrics } = options;
    this.#options = options;
    this.name = controller.name;
    this.leaderOnly = controller.spec.leaderOnly ?? true;
    this.#log = options.logger.child({ controller: controller.name });
    this.#primary = informers.want({ kind: controller.kind });
    this.#view = this.#declare();
    this.#targets = openTargets({
      controller,
      clusters: options.clusters,
      home: this.#view,
      onChild: (change, child) => this.#childChanged(change, child.matters),
    });
    this.#wakeReader = this.#reader(new AbortController().signal);
    this.#ownWrites = new OwnWrites(controller.name);
    const { clock } = world;
    this.#rest = new Rest({ controller: controller.name, clock, metrics, logger: this.#log });
    const shared = {
      controller: controller.name,
      fieldManager: controller.fieldManager,
      formerManagers: controller.spec.formerManagers ?? [],
      client,
      informers,
      ownWrites: this.#ownWrites,
      metrics,
    };
    this.#driver = new Driver({
      controller,
      client,
      informers,
      reader: (signal) => this.#reader(signal),
      applier: new Applier({
        ...shared,
        children: controller.children,
        targets: this.#targets,
        logger: this.#log,
      }),
      statusWriter: new StatusWriter({
        ...shared,
        kind: controller.kind,
        ...(options.checks ? { onWritten: (write) => this.#check(write) } : {}),
      }),
      ownWrites: this.#ownWrites,
      rest: this.#rest,
      teller: new Teller(events),
      world,
      logger: this.#log,
      serves: options.serves,
      contested: (key) => this.#queue?.contested(keyText(key)),
    });
    metrics.maxConcurrent.set({ controller: controller.name }, this.#concurrency);
    metrics.activeWorkers.set({ controller: controller.name }, 0);
  }

  /** True if nothing waits, runs or is due later; between terms always. */
  get isQuiet(): boolean {
    return this.#queue?.isQuiet ?? true;
  }

  /** Resolves once everything that this controller reads is in the caches. */
  async whenSynced(): Promise<void> {
    await Promise.all([...this.#view.values()].flat().map((informer) => informer.whenSynced()));
  }

  /** Has the object reconciled soon; between terms without effect. */
  wake(key: ObjectKey): void {
    const object = this.#primary.store.get(key);
    if (object !== undefined && this.#options.serves(object)) {
      this.#queue?.add(keyText(key), "change");
    }
  }

  /** Fills the gauges about what waits and what runs. */
  measure(): void {
    this.#queue?.measure();
  }

  /**
   * One term. Takes no more keys once `stop` aborts and returns when the passes under way have
   * ended; they are told to end by `abort`.
   */
  async term(stop: AbortSignal, abort: AbortSignal): Promise<void> {
    assert(this.#queue === undefined, "one term at a time");
    const { world, metrics } = this.#options;
    const queue = new WorkQueue({ name: this.name, world, metrics });
    for (const key of this.#stuck) queue.hold(key);
    this.#queue = queue;
    const close = (): void => queue.close();
    stop.addEventListener("abort", close, { once: true });
    if (stop.aborted) close();
    const ours = [...this.#primary.store.values()].filter(this.#options.serves);
    const keys = new Set(ours.map((object) => keyText(keyOf(object))));
    this.#driver.retain(keys);
    for (const key of keys) queue.add(key, "background");
    const ends = (this.#options.controller.spec.sources ?? []).map((source) =>
      source.start((key) => this.wake(key)),
    );
    const workers = Array.from({ length: this.#concurrency }, () => this.#work(queue, abort));
    try {
      await Promise.all(workers);
    } finally {
      for (const end of ends) end();
      stop.removeEventListener("abort", close);
      this.#queue = undefined;
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  #check({ before, after, outcome }: StatusWrite): void {
    const found = lintStatusWrite(before, after, outcome);
    if (found.length === 0) return;
    const about = `status of ${describeObject(after)}`;
    const what = `${about} breaks the API conventions: ${found.join("; ")}`;
    this.#log.error(what, { before, after });
    this.#fault ??= new Error(what);
    this.#queue?.close();
  }

  #reader(signal: AbortSignal): CacheReader {
    const { group } = this.#options.controller.kind;
    const remote = (name: string) => remoteView(this.#targets, name, { group, signal });
    return new CacheReader(this.#view, signal, group, remote);
  }

  get #concurrency(): number {
    return this.#options.controller.spec.concurrency ?? CONCURRENCY;
  }

  /** Asks for every informer that the controller declares and listens to it. */
  #declare(): View {
    const { controller, informers } = this.#options;
    const { group } = controller.kind;
    const used: Informer[] = [this.#primary];
    this.#primary.store.subscribe((change) => this.#primaryChanged(change));
    for (const child of controller.children) {
      const informer = informers.want({
        kind: child.kind,
        labelSelector: stampNames(group).ownerUid,
        metadataOnly: child.metadataOnly ?? false,
        ...(child.namespaces === undefined ? {} : { namespaces: child.namespaces }),
      });
      used.push(informer);
      informer.store.subscribe((change) => this.#childChanged(change, child.matters));
    }
    for (const watched of controller.spec.watches ?? []) {
      const informer = informers.want({
        kind: watched.kind,
        ...(watched.labelSelector === undefined ? {} : { labelSelector: watched.labelSelector }),
        ...(watched.metadataOnly === undefined ? {} : { metadataOnly: watched.metadataOnly }),
        ...(watched.fieldSelector === undefined ? {} : { fieldSelector: watched.fieldSelector }),
        ...(watched.transform === undefined ? {} : { transform: watched.transform }),
        ...(watched.namespaces === undefined ? {} : { namespaces: watched.namespaces }),
      });
      used.push(informer);
      informer.store.subscribe((change) => this.#watchedChanged(watched, change));
    }
    for (const informer of used) {
      informer.store.addIndex(ownerIndex(group), ownerIndexValues(group));
      for (const declared of controller.spec.indexes ?? []) {
        if (kindId(declared.kind) !== kindId(informer.kind)) continue;
        // Typed by the kind, which has just been compared.
        informer.store.addIndex(declared.name, declared.values as (object: Live) => string[]);
      }
    }
    return viewOf(used);
  }

  #primaryChanged(change: StoreChange): void {
    const priority = priorityOf(change);
    const { serves } = this.#options;
    const { matters } = this.#options.controller.spec;
    const { object, previous } = change;
    if (previous !== undefined && serves(previous) && !serves(object)) {
      // Another shard's from now on: this one has a last pass, which forgets it.
      this.#queue?.add(keyText(keyOf(object)), priority);
      return;
    }
    if (priority !== "edit" && !isWorth(change, matters)) return;
    this.#wakeBy(change, keyOf(object), priority);
  }

  #childChanged(change: StoreChange, matters: Matters<never> | undefined): void {
    if (!isWorth(change, matters)) return;
    const { group, kind } = this.#options.controller.kind;
    const names = stampNames(group);
    for (const state of [change.object, change.previous]) {
      const uid = state?.metadata.labels?.[names.ownerUid];
      if (uid !== undefined) {
        for (const parent of this.#primary.store.lookup("uid", uid)) {
          this.#wakeBy(change, keyOf(parent), "change");
        }
      }
      // The text outlives the uid: a new parent waits for what its predecessor left.
      const owner = state?.metadata.annotations?.[names.owner];
      if (owner?.startsWith(`${kind}/`) !== true) continue;
      const key = parseKey(owner.slice(kind.length + 1));
      if (this.#primary.store.get(key) !== undefined) this.#wakeBy(change, key, "change");
    }
  }

  /** News wakes an object unless its own pass has made them. */
  #wakeBy(change: StoreChange, key: ObjectKey, priority: Priority): void {
    const text = keyText(key);
    if (this.#queue === undefined || this.#ownWrites.made(change, text)) return;
    // What is not there any more is the changed object itself: others wake only what is there.
    if (!this.#options.serves(this.#primary.store.get(key) ?? change.object)) return;
    this.#queue.add(text, priority, stateId(change.object, change.gone));
  }

  #watchedChanged(watched: WatchedKind<never>, change: StoreChange): void {
    const { wakes } = watched;
    if (wakes === undefined || this.#queue === undefined) return;
    if (!isWorth(change, watched.matters)) return;
    // Typed by the kind of the informer.
    const call = wakes as unknown as (object: Live, reader: CacheReader) => readonly ObjectKey[];
    for (const state of new Set([change.object, change.previous])) {
      if (state === undefined) continue;
      for (const key of call(state, this.#wakeReader)) {
        if (this.#primary.store.get(key) !== undefined) this.#wakeBy(change, key, "change");
      }
    }
  }

  async #work(queue: WorkQueue, abort: AbortSignal): Promise<void> {
    const { world, slices, metrics, controller } = this.#options;
    const labels = { controller: this.name };
    for (;;) {
      // Before a key is taken: what is more urgent may have come by then.
      const pause = slices.pause();
      if (pause !== undefined) await pause;
      const key = await queue.take();
      if (key === undefined) return;
      const timeoutMs = controller.spec.timeoutMs ?? PASS_TIMEOUT_MS;
      let ended: Promise<void> = Promise.resolve();
      const how = await runPass((signal) => (ended = this.#pass(queue, key, signal, abort)), {
        timers: world.timers,
        timeoutMs,
        graceMs: PASS_GRACE_MS,
        abort,
        onTimeout: () => {
          metrics.timeouts.inc(labels);
          this.#log.warn("pass is over its time", { object: key, timeoutMs });
        },
      });
      if (how === "ended") continue;
      this.#stuck.add(key);
      metrics.stuck.set(labels, this.#stuck.size);
      this.#log.error("pass does not end; its object waits for it", { object: key });
      if (this.#stuck.size >= STUCK_MAX && !abort.aborted) await ended;
    }
  }

  /** One pass and what follows from it for the queue. Never rejects. */
  async #pass(
    queue: WorkQueue,
    key: string,
    signal: AbortSignal,
    abort: AbortSignal,
  ): Promise<void> {
    const { metrics, world } = this.#options;
    const labels = { controller: this.name };
    metrics.activeWorkers.inc(labels);
    const startedAtMs = world.clock.monotonicMs();
    this.#ownWrites.begin(key);
    try {
      this.#settle(queue, key, await this.#traced(key, signal));
    } catch (cause) {
      this.#settleError(queue, key, cause, abort);
    } finally {
      const seconds = (world.clock.monotonicMs() - startedAtMs) / 1000;
      metrics.reconcileSeconds.observe(labels, seconds);
      metrics.activeWorkers.dec(labels);
      const own = this.#ownWrites.end(key);
      queue.done(key, own);
      if (this.#stuck.delete(key)) {
        metrics.stuck.set(labels, this.#stuck.size);
        this.#log.info("pass has ended after all", { object: key });
        // A later term holds the key for this pass.
        if (this.#queue !== queue) this.#queue?.done(key);
      }
    }
  }

  #traced(text: string, signal: AbortSignal): Promise<PassResult> {
    const key = parseKey(text);
    const attributes = () => ({
      "k8s.controller": this.name,
      "k8s.namespace.name": key.namespace,
      "k8s.object.name": key.name,
    });
    const name = () => `reconcile ${this.name}`;
    return traced({ name, kind: "Internal", attributes }, async (span) => {
      const result = await this.#driver.pass(key, signal);
      span?.setAttribute("k8s.reconcile.result", result.kind);
      return result;
    });
  }

  #settle(queue: WorkQueue, key: string, result: PassResult): void {
    const { reconciles, terminalErrors, reconcileErrors } = this.#options.metrics;
    const controller = this.name;
    switch (result.kind) {
      case "gone":
        queue.forget(key);
        reconciles.inc({ controller, result: "success" });
        break;
      case "done":
        queue.succeeded(key);
        if (result.requeueAfterMs !== undefined) {
          const delayMs = this.#rest.requeueMs(key, result.requeueAfterMs);
          queue.addAfter(key, delayMs, "background");
        }
        reconciles.inc({
          controller,
          result: result.requeueAfterMs === undefined ? "success" : "requeue_after",
        });
        break;
      case "refused":
        terminalErrors.inc({ controller });
        reconciles.inc({ controller, result: "success" });
        if (result.retryAfterMs === undefined) queue.succeeded(key);
        else queue.addFailed(key, result.retryAfterMs);
        break;
      case "failed":
        reconcileErrors.inc({ controller });
        reconciles.inc({ controller, result: "error" });
        queue.addFailed(key, result.retryAfterMs ?? 0);
        break;
    }
  }

  #settleError(queue: WorkQueue, key: string, cause: unknown, abort: AbortSignal): void {
    // The term is over: the next leader begins with all keys.
    if (cause instanceof NotLeaderError || abort.aborted) return;
    const { reconciles, reconcileErrors, panics } = this.#options.metrics;
    const controller = this.name;
    const bug = cause instanceof AssertionError || cause instanceof TypeError;
    const conflict = cause instanceof ApiError && cause.status === 409;
    const retry = cause instanceof ApiError ? cause.retry : undefined;
    const waitMs = queue.addFailed(key, retry?.kind === "after" ? retry.delayMs : 0);
    const fields = { object: key, cause: errorMessage(cause), waitMs: Math.round(waitMs) };
    if (bug) {
      panics.inc({ controller });
      this.#log.error("pass met a bug", { ...fields, stack: (cause as Error).stack });
    } else if (conflict) {
      this.#log.debug("pass met a newer object", fields);
    } else {
      this.#log.warn("pass failed", fields);
    }
    reconcileErrors.inc({ controller });
    reconciles.inc({ controller, result: "error" });
  }
}

/** What comes or goes always is. */
function isWorth(change: StoreChange, matters: Matters<never> | undefined): boolean {
  if (matters === undefined || change.gone || change.previous === undefined) return true;
  // Typed by the kind of the informer that tells the change.
  return (matters as unknown as Matters)(change.object, change.previous);
}

/** A user's change goes first; what a list brings goes last. */
function priorityOf(change: StoreChange): Priority {
  if (change.cause === "Initial" || change.cause === "Relist") return "background";
  const before = change.previous?.metadata;
  const now = change.object.metadata;
  const edited =
    before === undefined ||
    before.uid !== now.uid ||
    before.generation !== now.generation ||
    before.deletionTimestamp !== now.deletionTimestamp ||
    JSON.stringify(before.annotations) !== JSON.stringify(now.annotations);
  return edited ? "edit" : "change";
}
