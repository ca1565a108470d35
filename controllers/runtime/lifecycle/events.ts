// Events of events.k8s.io/v1. The same thing said again becomes one series: written when its count
// has doubled, every half hour while it goes on, and when it has ended. A noisy object is cut off
// by a token bucket. Nothing here ever fails or delays a reconcile. Source: API conventions
// "Events", client-go tools/events (6 min, 30 min, 12 tries) and tools/record EventCorrelator
// (25 events, then one in 300 s).

import { createHash } from "node:crypto";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";

import type { Client } from "../client/client.ts";
import { ApiError, isStatus, TransportError } from "../client/errors.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { KubeObject, Live } from "../kinds/kind.ts";
import type { Metrics } from "../base/metrics.ts";
import { microTime } from "./micro-time.ts";
import type { CancelTimer, World } from "../base/timers.ts";
import { backoffMs, sleep } from "../base/timers.ts";

/** One thing to tell about an object. */
export interface EventInput {
  readonly regarding: Live;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

/** Settings of an {@link EventRecorder}. */
export interface EventRecorderOptions {
  /** `reportingController`, a qualified or plain name. */
  readonly controller: string;
  /** `reportingInstance`, at most 128 characters. */
  readonly instance: string;
  readonly client: Client;
  readonly world: World;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const NOTE_MAX = 1_024;
const PENDING_MAX = 1_000;
const BURST = 25;
const REFILL_MS = 300_000;
/** After this long without the same event its series has ended; the next one begins a new one. */
const SERIES_MS = 360_000;
/** A series that goes on is written at least this often. */
const REFRESH_MS = 1_800_000;
const SWEEP_MS = 60_000;
const SERIES_MAX = 4_096;
/** Events about cluster-scoped objects live here. */
const CLUSTER_NAMESPACE = "default";

/** One write is tried this often while the API server does not answer. */
const TRIES_MAX = 12;
const RETRY = { baseMs: 1_000, maxMs: 10_000 };

interface Series {
  readonly uid: string;
  readonly key: { readonly namespace: string; readonly name: string };
  readonly document: KubeObject;
  count: number;
  lastAtMs: number;
  /** What the API server has been told. */
  writtenCount: number;
  writtenAtMs: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** See the head of this file. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, Bucket>();
  readonly #pending: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;
  #cancelSweep: CancelTimer | undefined;
  /** Aborted while somebody waits for the queue: then every write is tried once. */
  #patience = new AbortController();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** Queues the event; returns at once. */
  record(input: EventInput): void {
    const nowMs = this.#options.world.clock.nowMs();
    const key = [
      input.regarding.metadata.uid,
      input.type,
      input.reason,
      input.action,
      input.note,
    ].join("\0");
    const known = this.#series.get(key);
    if (known !== undefined && nowMs - known.lastAtMs < SERIES_MS) {
      this.#continue(known, nowMs);
      return;
    }
    if (!this.#mayTell(input.regarding.metadata.uid, nowMs)) {
      this.#options.metrics.eventsDropped.inc({ reason: "rate" });
      return;
    }
    const series = this.#begin(input, nowMs);
    this.#series.delete(key);
    this.#series.set(key, series);
    if (this.#series.size > SERIES_MAX) this.#evict();
    this.#scheduleSweep();
    this.#enqueue(async () => {
      await this.#options.client.create(KINDS.Event, series.document, {
        fieldManager: this.#options.controller,
      });
    });
  }

  /** The object is gone: forget its series and its budget. */
  forget(uid: string): void {
    this.#buckets.delete(uid);
    for (const [key, series] of this.#series) if (series.uid === uid) this.#series.delete(key);
  }

  /** Resolves when everything told so far was tried once, the counts of series included. */
  async flushed(): Promise<void> {
    for (const series of this.#series.values()) this.#write(series);
    this.#patience.abort();
    while (this.#running !== undefined) await this.#running;
    this.#patience = new AbortController();
  }

  /** No more timers; what is still queued is given up. */
  close(): void {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    this.#pending.length = 0;
    this.#patience.abort();
  }

  #continue(series: Series, nowMs: number): void {
    series.count++;
    series.lastAtMs = nowMs;
    if (series.count >= series.writtenCount * 2) this.#write(series);
  }

  /** Tells the API server how far a series has come, unless it knows. */
  #write(series: Series): void {
    if (series.count === series.writtenCount) return;
    const { clock } = this.#options.world;
    series.writtenCount = series.count;
    series.writtenAtMs = clock.nowMs();
    const { count, key, document, lastAtMs } = series;
    const said = { count, lastObservedTime: microTime(lastAtMs) };
    const options = { fieldManager: this.#options.controller };
    this.#enqueue(async () => {
      const { client } = this.#options;
      try {
        await client.patchSeries(key, said, options);
      } catch (cause) {
        // Events live for an hour; a series may live longer.
        if (!isStatus(cause, 404)) throw cause;
        const again: KubeObject & { readonly series: typeof said } = { ...document, series: said };
        await client.create(KINDS.Event, again, options);
      }
    });
  }

  #scheduleSweep(): void {
    this.#cancelSweep ??= this.#options.world.timers.schedule(SWEEP_MS, () => {
      this.#cancelSweep = undefined;
      this.#sweep(this.#options.world.clock.nowMs());
      if (this.#series.size > 0 || this.#buckets.size > 0) this.#scheduleSweep();
    });
  }

  #sweep(nowMs: number): void {
    for (const [key, series] of this.#series) {
      const ended = nowMs - series.lastAtMs >= SERIES_MS;
      if (ended) this.#series.delete(key);
      if (ended || nowMs - series.writtenAtMs >= REFRESH_MS) this.#write(series);
    }
    for (const [uid, bucket] of this.#buckets) {
      if (bucket.tokens + (nowMs - bucket.atMs) / REFILL_MS >= BURST) this.#buckets.delete(uid);
    }
  }

  #evict(): void {
    const oldest = this.#series.entries().next();
    if (oldest.done === true) return;
    const [key, series] = oldest.value;
    this.#series.delete(key);
    this.#write(series);
  }

  #begin(input: EventInput, nowMs: number): Series {
    const { regarding } = input;
    const { name: about, namespace: within, uid, resourceVersion } = regarding.metadata;
    const namespace = within ?? CLUSTER_NAMESPACE;
    const unique = createHash("sha256")
      .update(
        [uid, input.reason, input.note, String(nowMs), String(this.#options.world.rng.next())].join(
          "\0",
        ),
      )
      .digest("hex")
      .slice(0, 16);
    const name = `${about.slice(0, 200)}.${unique}`;
    const document = {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name, namespace },
      eventTime: microTime(nowMs),
      reportingController: this.#options.controller,
      reportingInstance: this.#options.instance.slice(0, 128),
      action: input.action,
      reason: input.reason,
      regarding: {
        apiVersion: regarding.apiVersion,
        kind: regarding.kind,
        name: about,
        ...(within === undefined ? {} : { namespace: within }),
        uid,
        resourceVersion,
      },
      note: input.note.slice(0, NOTE_MAX),
      type: input.type,
    };
    const written = { writtenCount: 1, writtenAtMs: nowMs };
    return { uid, key: { namespace, name }, document, count: 1, lastAtMs: nowMs, ...written };
  }

  #mayTell(uid: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(uid) ?? { tokens: BURST, atMs: nowMs };
    const refilled = (nowMs - bucket.atMs) / REFILL_MS;
    bucket.tokens = Math.min(BURST, bucket.tokens + Math.max(0, refilled));
    bucket.atMs = nowMs;
    this.#buckets.set(uid, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #enqueue(write: () => Promise<void>): void {
    if (this.#pending.length >= PENDING_MAX) {
      this.#options.metrics.eventsDropped.inc({ reason: "full" });
      return;
    }
    this.#pending.push(write);
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
    });
  }

  async #drain(): Promise<void> {
    for (;;) {
      const write = this.#pending.shift();
      if (write === undefined) return;
      try {
        await this.#try(write);
      } catch (cause) {
        // Events are best effort: a terminating namespace or a lost lease must not stop the work.
        const quiet = cause instanceof ApiError && (cause.status === 404 || cause.status === 403);
        this.#options.metrics.eventsDropped.inc({ reason: quiet ? "refused" : "error" });
        this.#options.logger.debug("event not written", { cause: errorMessage(cause) });
      }
    }
  }

  /** A write that nobody has refused is tried again, until there is no more time for it. */
  async #try(write: () => Promise<void>): Promise<void> {
    const { timers, rng } = this.#options.world;
    for (let tries = 0; ; tries++) {
      try {
        await write();
        return;
      } catch (cause) {
        const { signal } = this.#patience;
        if (!isPassing(cause) || signal.aborted || tries + 1 >= TRIES_MAX) throw cause;
        await sleep(timers, backoffMs(RETRY, tries, rng), signal);
      }
    }
  }
}

function isPassing(cause: unknown): boolean {
  return (
    cause instanceof TransportError ||
    (cause instanceof ApiError && (cause.status === 429 || cause.status >= 500))
  );
}
