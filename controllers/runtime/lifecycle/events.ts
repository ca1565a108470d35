// Events of events.k8s.io/v1. The same thing said again becomes one series; a noisy object is cut
// off by a token bucket; nothing here ever fails or delays a reconcile. Source: API conventions
// "Events", client-go tools/events and tools/record EventCorrelator (25 events, then one in 300 s).

import { createHash } from "node:crypto";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";

import type { Client } from "../client/client.ts";
import { ApiError } from "../client/errors.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { KubeObject, Live } from "../kinds/kind.ts";
import type { Metrics } from "./metrics.ts";
import { microTime } from "./micro-time.ts";
import type { World } from "./timers.ts";

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
/** After this long without the same event, the next one begins a new series. */
const SERIES_MS = 360_000;
/** A growing series is written at most this often. */
const SERIES_WRITE_MS = 30_000;
const SERIES_MAX = 4_096;
/** Events about cluster-scoped objects live here. */
const CLUSTER_NAMESPACE = "default";

interface Series {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly document: KubeObject;
  count: number;
  lastAtMs: number;
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
    if (this.#series.size > SERIES_MAX) {
      const oldest = this.#series.keys().next();
      if (oldest.done !== true) this.#series.delete(oldest.value);
    }
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

  /** Resolves when everything queued so far was tried. */
  async flushed(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #continue(series: Series, nowMs: number): void {
    series.count++;
    series.lastAtMs = nowMs;
    if (nowMs - series.writtenAtMs < SERIES_WRITE_MS) return;
    series.writtenAtMs = nowMs;
    const { count, namespace, name } = series;
    this.#enqueue(async () => {
      await this.#options.client.patchSeries(
        { namespace, name },
        { count, lastObservedTime: microTime(nowMs) },
        { fieldManager: this.#options.controller },
      );
    });
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
    return { uid, name, namespace, document, count: 1, lastAtMs: nowMs, writtenAtMs: nowMs };
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
        await write();
      } catch (cause) {
        // Events are best effort: a terminating namespace or a lost lease must not stop the work.
        const quiet = cause instanceof ApiError && (cause.status === 404 || cause.status === 403);
        this.#options.metrics.eventsDropped.inc({ reason: quiet ? "refused" : "error" });
        this.#options.logger.debug("event not written", { cause: errorMessage(cause) });
      }
    }
  }
}
