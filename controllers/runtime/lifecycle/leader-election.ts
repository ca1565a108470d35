// Leader election by Lease. Whether a holder is dead is judged by this process's own clock since
// the record last changed, never by comparing its renewTime with a wall clock. The leader renews by
// PUT with the resourceVersion that it knows; a standby watches the Lease and reads nothing else.
// Source: client-go tools/leaderelection (its reasons, not its code).

import type { Logger } from "#api/base/index.ts";
import { assert, errorMessage } from "#api/base/index.ts";
import type { Lease } from "kubernetes-types/coordination/v1.js";

import type { Client } from "../client/client.ts";
import { ApiError } from "../client/errors.ts";
import type { Informer } from "../cache/informers.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { KubeObject, Live, ObjectKey } from "../kinds/kind.ts";
import type { LeaseFence } from "./fence.ts";
import type { Metrics } from "../base/metrics.ts";
import { microTime } from "./micro-time.ts";
import type { LeaderElectionOptions } from "./options.ts";
import type { World } from "../base/timers.ts";
import { sleep, whenAborted } from "../base/timers.ts";

/** What an elector needs. */
export interface ElectorOptions extends LeaderElectionOptions {
  readonly identity: string;
  /** Without the fence, which the elector itself controls. */
  readonly client: Client;
  /** Caches the one Lease, if there is one. */
  readonly lease: Informer;
  readonly fence: LeaseFence;
  readonly world: World;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const JITTER = 1.2;

/** See the head of this file. */
export class LeaderElector {
  readonly #options: ElectorOptions;
  readonly #key: ObjectKey;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  /** The record as last seen, and when it was first seen so, by the monotonic clock. */
  #seen: { readonly version: string; readonly atMs: number } | undefined;
  /** What we hold, as the server last answered. */
  #held: Live<Lease> | undefined;
  #wake: () => void = () => undefined;

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#key = { namespace: options.leaseNamespace, name: options.leaseName };
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    assert(
      this.#leaseDurationMs > this.#renewDeadlineMs &&
        this.#renewDeadlineMs > this.#retryPeriodMs * JITTER,
      "lease duration > renew deadline > 1.2 * retry period",
    );
    options.metrics.leader.set({ name: options.leaseName }, 0);
    options.lease.store.subscribe(() => this.#wake());
  }

  /**
   * Until `signal` aborts: waits for the lease, calls `lead` with a signal that ends with the term,
   * waits for it to return, and begins again. At the end the lease is given back.
   */
  async run(signal: AbortSignal, lead: (term: AbortSignal) => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      if (!(await this.#acquire(signal))) return;
      await this.#term(signal, lead);
    }
  }

  async #term(signal: AbortSignal, lead: (term: AbortSignal) => Promise<void>): Promise<void> {
    const { logger, metrics, fence, leaseName, identity } = this.#options;
    logger.info("leading", { lease: leaseName, identity });
    metrics.leader.set({ name: leaseName }, 1);
    const term = fence.signal;
    const ended = new AbortController();
    const renewing = this.#renewUntil(ended.signal);
    try {
      // `lead` returns when its work has drained: after the fence fell, or because of a stop.
      await lead(term);
    } finally {
      ended.abort();
      await renewing;
      if (fence.isOpen) await this.#release();
      fence.close();
      metrics.leader.set({ name: leaseName }, 0);
      logger.info("leading no more", { lease: leaseName, stopped: signal.aborted });
    }
  }

  /** True once the lease is ours; false if the signal came first. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    const { world, lease } = this.#options;
    // Without a view of the Lease a create or replace would be a shot in the dark.
    await Promise.race([lease.whenSynced(), whenAborted(signal)]);
    while (!signal.aborted) {
      const waitMs = this.#waitMs();
      if (waitMs <= 0 && (await this.#tryAcquire())) return true;
      const pauseMs = Math.max(waitMs, this.#retryPeriodMs * (1 + world.rng.next() * (JITTER - 1)));
      await this.#sleepOrChange(pauseMs, signal, waitMs > 0);
    }
    return false;
  }

  /** How long the present holder must be respected; 0 or less if it may be tried now. */
  #waitMs(): number {
    const record = this.#record();
    const nowMs = this.#options.world.clock.monotonicMs();
    if (record === undefined) return 0;
    const { resourceVersion } = record.metadata;
    if (this.#seen?.version !== resourceVersion) {
      this.#seen = { version: resourceVersion, atMs: nowMs };
    }
    const holder = record.spec?.holderIdentity ?? "";
    if (holder === "" || holder === this.#options.identity) return 0;
    const durationMs = (record.spec?.leaseDurationSeconds ?? 0) * 1000 || this.#leaseDurationMs;
    return this.#seen.atMs + durationMs - nowMs;
  }

  async #tryAcquire(): Promise<boolean> {
    const { world, fence, client, identity, logger } = this.#options;
    const sentAtMs = world.clock.monotonicMs();
    const record = this.#record();
    const transitions = record?.spec?.leaseTransitions ?? 0;
    const mine = record?.spec?.holderIdentity === identity;
    const spec = {
      ...this.#spec(),
      acquireTime: microTime(world.clock.nowMs()),
      leaseTransitions: record === undefined || mine ? transitions : transitions + 1,
    };
    try {
      const answer =
        record === undefined
          ? await client.create(KINDS.Lease, this.#document(spec), this.#call())
          : await client.replace(KINDS.Lease, this.#document(spec, record), this.#call());
      this.#keep(answer);
    } catch (cause) {
      // 409: somebody was faster, which the watch will show.
      const late = cause instanceof ApiError && cause.status === 409;
      if (!late) logger.warn("lease not acquired", { cause: errorMessage(cause) });
      return false;
    }
    fence.openUntil(sentAtMs + this.#renewDeadlineMs);
    return true;
  }

  /** Renews until `ended`, or until the fence falls because it did not succeed in time. */
  async #renewUntil(ended: AbortSignal): Promise<void> {
    const { world, fence, logger } = this.#options;
    while (!ended.aborted && fence.isOpen) {
      await sleep(world.timers, this.#retryPeriodMs, ended);
      if (ended.aborted || !fence.isOpen) return;
      const sentAtMs = world.clock.monotonicMs();
      try {
        if (!(await this.#renew())) {
          logger.warn("lease was taken over");
          fence.close();
          return;
        }
        // Counted from sending: the server cannot have renewed it earlier than that.
        if (fence.isOpen) fence.openUntil(sentAtMs + this.#renewDeadlineMs);
      } catch (cause) {
        logger.warn("lease not renewed", { cause: errorMessage(cause) });
      }
    }
  }

  /** False if somebody else holds it. */
  async #renew(): Promise<boolean> {
    const { client, identity, metrics, leaseName } = this.#options;
    const held = this.#held;
    assert(held !== undefined, "renewal without a lease");
    const spec = { ...held.spec, ...this.#spec() };
    try {
      this.#keep(await client.replace(KINDS.Lease, this.#document(spec, held), this.#call()));
      return true;
    } catch (cause) {
      if (!(cause instanceof ApiError) || (cause.status !== 409 && cause.status !== 404)) {
        throw cause;
      }
    }
    // Not as we left it: an answer that we missed, a label of an admin, or another holder.
    metrics.leaderSlowpath.inc({ name: leaseName });
    const { timeoutMs } = this.#call();
    const now = await client.get(KINDS.Lease, this.#key, { timeoutMs });
    if (now?.spec?.holderIdentity !== identity) return false;
    this.#keep(now);
    const again = { ...now.spec, ...this.#spec() };
    this.#keep(await client.replace(KINDS.Lease, this.#document(again, now), this.#call()));
    return true;
  }

  /** Gives the lease back, so that a standby need not wait. */
  async #release(): Promise<void> {
    const { client, fence, logger } = this.#options;
    const held = this.#held;
    if (held === undefined) return;
    // Before the request: somebody else may lead before its answer is here.
    fence.close();
    const spec = { ...held.spec, ...this.#spec(), holderIdentity: "", leaseDurationSeconds: 1 };
    try {
      this.#keep(await client.replace(KINDS.Lease, this.#document(spec, held), this.#call()));
      logger.info("lease released");
    } catch (cause) {
      // It runs out by itself.
      logger.warn("lease not released", { cause: errorMessage(cause) });
    }
  }

  #keep(answer: Live<Lease>): void {
    this.#held = answer;
    this.#options.lease.store.wrote(answer, "leader-election");
  }

  #record(): Live<Lease> | undefined {
    // The store holds Leases only.
    return this.#options.lease.store.get(this.#key) as Live<Lease> | undefined;
  }

  #spec(): NonNullable<Lease["spec"]> {
    return {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.max(1, Math.ceil(this.#leaseDurationMs / 1000)),
      renewTime: microTime(this.#options.world.clock.nowMs()),
    };
  }

  #document(spec: NonNullable<Lease["spec"]>, base?: Live<Lease>): KubeObject {
    const { namespace, name } = this.#key;
    // Everything that others have put there stays; the version makes it a compare-and-swap.
    const { managedFields: _managers, ...metadata } = base?.metadata ?? { namespace, name };
    const document = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
    return document;
  }

  /** An answer that does not come must leave time for another attempt on a new connection. */
  #call(): { readonly fieldManager: string; readonly timeoutMs: number } {
    return { fieldManager: "leader-election", timeoutMs: this.#renewDeadlineMs / 2 };
  }

  async #sleepOrChange(delayMs: number, signal: AbortSignal, wakeOnChange: boolean): Promise<void> {
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    signal.addEventListener("abort", wake, { once: true });
    this.#wake = wakeOnChange ? wake : () => undefined;
    if (signal.aborted) wake();
    await sleep(this.#options.world.timers, delayMs, woken.signal);
    this.#wake = () => undefined;
    signal.removeEventListener("abort", wake);
  }
}
