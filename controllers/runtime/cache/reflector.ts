// Keeps a store equal to what the API server has: list once, then follow the watch from that
// version, for ever. Every failure ends in another attempt; nothing ends the loop but its signal.
//
// - Streaming list (sendInitialEvents) where the server has it, else pages of one snapshot, else
//   (the snapshot was compacted away between two pages) everything in one answer.
// - Bookmarks keep the resume point fresh on quiet kinds. A stream that is silent for longer than
//   bookmarks allow is dead and is opened again from the same point.
// - 410 leads to a new list, which replaces the store in one step; what vanished meanwhile is told
//   as gone.
// - After a break the server's data may be older than what was seen (a backup of etcd): a watch
//   from a version that it has not reached again is accepted and silent, so the version is asked
//   for. Where versions were given out anew before that, an own write that the watch should have
//   told long ago shows it, or children that are collected as soon as they are made, or else the
//   hourly list. Source: docs/decisions/0017.
// Lists ask for the most recent state (no resourceVersion), so a lagging server cannot take the
// store back in time.

import { isDeepStrictEqual } from "node:util";

import type { Counter, Histogram } from "prom-client";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { KindId } from "#api/meta/index.ts";

import { parseList } from "../client/client.ts";
import { ApiError, parseStatus, TransportError } from "../client/errors.ts";
import { collectionPath } from "../client/paths.ts";
import { isOutage } from "../client/reachability.ts";
import type { RestClient } from "../client/rest-client.ts";
import type { WatchLine, WatchResponse } from "../client/transport.ts";
import type { Live } from "../kinds/kind.ts";
import { keyOf, keyText } from "../kinds/kind.ts";
import type { Metrics } from "../base/metrics.ts";
import type { CancelTimer, World } from "../base/timers.ts";
import { backoffMs, sleep } from "../base/timers.ts";
import { partial, readBookmark } from "./bookmark.ts";
import { decodeObject } from "../kinds/decode.ts";
import type { RelistReason } from "./relist.ts";
import { RelistNeeded, relistReasonOf } from "./relist.ts";
import { compareVersions } from "./resource-version.ts";
import type { Store } from "./store.ts";

/** Settings of a {@link Reflector}. */
export interface ReflectorOptions {
  readonly kind: KindId;
  /** Empty for all namespaces. */
  readonly namespace: string;
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly metadataOnly: boolean;
  /** Applied to every object after it is decoded. */
  readonly transform?: (object: Live) => Live;
  readonly rest: RestClient;
  readonly store: Store;
  readonly world: World;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A stream without a byte for this long is dead; 70,000 if not given. */
  readonly silenceMs?: number;
}

const BACKOFF = { baseMs: 800, maxMs: 30_000 };
/** The server sends a bookmark every 60 s. */
const SILENCE_MS = 70_000;
const WATCH_SECONDS_MIN = 300;
const PAGE_SIZE = 500;
/** A watch that lived this long was healthy: the next failure starts from a short pause again. */
const HEALTHY_MS = 30_000;
/** After a stream that told everything for so long, the pause is no longer than it worked. */
const USEFUL_MS = 5_000;
/** A stream that ends sooner than this, even cleanly, counts as a failure: no reconnect storms. */
const CLEAN_MS_MIN = 1_000;
/** So many failures in a row without one event make the resume point suspect. */
const STUCK_ATTEMPTS = 12;
/** A new list is made at least so often; each time after three quarters of it or more. */
const RELIST_MS = 3_600_000;
/** Reflectors that wait for the same server come back spread over this time. */
const RECOVERY_SPREAD_MS = 1_000;

/** A streamed list until its last bookmark, and what the store had when it was asked for. */
interface Collecting {
  readonly objects: Map<string, Live>;
  readonly mark: number;
}

/** See the head of this file. */
export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #log: Logger;
  readonly #bytes: Counter.Internal;
  readonly #lag: Histogram.Internal<"kind">;
  /** Where the next watch resumes; empty if a list is needed. */
  #version = "";
  /** The newest version ever seen here. */
  #seen = "";
  #streamingList = true;
  /** The last snapshot was gone before its last page: ask for everything at once. */
  #wholeList = false;
  #relistReason: RelistReason = "initial";
  #attempt = 0;
  #expiredAtMs = Number.NEGATIVE_INFINITY;
  #waitMs = 0;
  /** Since when the stream that is open has told everything; undefined while none does. */
  #followsSinceMs: number | undefined;
  /** The last stream broke: what is there now may be a server of the past. */
  #isBroken = false;
  /** The store has found out that it is wrong. */
  #isDoubted = false;
  #endStream: () => void = () => undefined;
  #relistAtMs = Number.POSITIVE_INFINITY;
  #synced = false;
  readonly #syncWaiters: (() => void)[] = [];
  #lastError = "";

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#log = options.logger.child({ kind: options.kind.kind, namespace: options.namespace });
    const labels = { kind: options.kind.kind };
    this.#bytes = options.metrics.informerBytes.labels(labels);
    this.#lag = options.metrics.cacheLagSeconds.labels(labels);
    options.store.onDoubt((namespace) => {
      if (options.namespace !== "" && options.namespace !== namespace) return;
      this.#isDoubted = true;
      this.#endStream();
    });
  }

  /** True once the first list is in the store. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Why it is not synced, or why the last attempt failed; empty if all is well. */
  get lastError(): string {
    return this.#lastError;
  }

  /** Resolves when synced. */
  whenSynced(): Promise<void> {
    if (this.#synced) return Promise.resolve();
    return new Promise((resolve) => this.#syncWaiters.push(resolve));
  }

  /** Runs until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAtMs = this.#options.world.clock.monotonicMs();
      try {
        await this.#pass(signal);
        if (signal.aborted) return;
        const livedMs = this.#options.world.clock.monotonicMs() - startedAtMs;
        if (livedMs < CLEAN_MS_MIN) throw new TransportError("watch ended at once");
        this.#attempt = 0;
      } catch (cause) {
        if (signal.aborted) return;
        this.#failed(cause, startedAtMs);
        await this.#pause(signal, isOutage(cause));
      }
    }
  }

  /** Waits; after an outage not much longer than until anybody's request gets through again. */
  async #pause(signal: AbortSignal, endsWithOutage: boolean): Promise<void> {
    const { timers, rng } = this.#options.world;
    const over = new AbortController();
    const end = (): void => over.abort();
    signal.addEventListener("abort", end, { once: true });
    let cancel: CancelTimer = () => undefined;
    const stop = this.#options.rest.reachability.onRecovery(() => {
      // Not all at once: the server has just come back.
      if (endsWithOutage) cancel = timers.schedule(rng.next() * RECOVERY_SPREAD_MS, end);
    });
    await sleep(timers, this.#waitMs, over.signal);
    stop();
    cancel();
    signal.removeEventListener("abort", end);
  }

  /** One list if needed, and one watch to its end. */
  async #pass(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.world;
    this.#followsSinceMs = undefined;
    const isDue = clock.monotonicMs() >= this.#relistAtMs;
    if (this.#version !== "" && (isDue || this.#isDoubted)) {
      this.#version = "";
      this.#relistReason = this.#isDoubted ? "rewound" : "periodic";
    }
    if (this.#version === "") {
      this.#options.metrics.relists.inc({
        kind: this.#options.kind.kind,
        reason: this.#relistReason,
      });
      if (this.#streamingList && (await this.#streamList(signal))) return;
      await this.#pageList(signal);
    }
    const response = await this.#open(signal, this.#watchQuery());
    try {
      if (this.#isBroken) await this.#checkVersion(signal);
    } catch (cause) {
      response.close();
      throw cause;
    }
    await this.#follow(response, signal);
  }

  /** Throws if the server's data is older than what was seen of it. */
  async #checkVersion(signal: AbortSignal): Promise<void> {
    const { kind, namespace, rest } = this.#options;
    const response = await rest.call({
      method: "GET",
      path: collectionPath(kind, namespace),
      query: { ...this.#selectorQuery(), limit: "1" },
      accept: partial("PartialObjectMetadataList"),
      signal,
    });
    const { resourceVersion } = parseList(response.body);
    const order = compareVersions(resourceVersion, this.#version);
    if (order !== undefined && order < 0) {
      throw new RelistNeeded("rewound", `the server is at ${resourceVersion} again`);
    }
    this.#isBroken = false;
  }

  /** False if the server does not know streaming lists; otherwise list and watch are both done. */
  async #streamList(signal: AbortSignal): Promise<boolean> {
    const mark = this.#options.store.mark();
    let response: WatchResponse;
    try {
      response = await this.#open(signal, {
        ...this.#watchQuery(),
        sendInitialEvents: "true",
        resourceVersionMatch: "NotOlderThan",
      });
    } catch (cause) {
      const unknown = cause instanceof ApiError && (cause.status === 400 || cause.status === 422);
      if (!unknown) throw cause;
      this.#streamingList = false;
      this.#log.info("no streaming list here, paging instead", { cause: errorMessage(cause) });
      return false;
    }
    await this.#follow(response, signal, { objects: new Map(), mark });
    return true;
  }

  async #pageList(signal: AbortSignal): Promise<void> {
    const { kind, namespace, rest, store } = this.#options;
    const mark = store.mark();
    const objects: Live[] = [];
    const paged = !this.#wholeList;
    let next = "";
    let version = "";
    do {
      const query = {
        ...this.#selectorQuery(),
        ...(paged ? { limit: String(PAGE_SIZE) } : {}),
        ...(next === "" ? {} : { continue: next }),
      };
      const accept = this.#options.metadataOnly ? partial("PartialObjectMetadataList") : undefined;
      try {
        const response = await rest.call({
          method: "GET",
          path: collectionPath(kind, namespace),
          query,
          ...(accept === undefined ? {} : { accept }),
          signal,
        });
        this.#bytes.inc(response.bytes);
        const page = parseList(response.body);
        for (const item of page.items) objects.push(this.#known(this.#decode(item)));
        version = page.resourceVersion;
        next = page.next;
      } catch (cause) {
        if (next !== "" && cause instanceof ApiError && cause.status === 410) {
          this.#wholeList = true;
        }
        throw cause;
      }
    } while (next !== "");
    this.#wholeList = false;
    this.#replace(objects, version, mark);
  }

  #decode(raw: unknown): Live {
    const { kind, transform } = this.#options;
    const object = decodeObject(kind, raw);
    return transform === undefined ? object : transform(object);
  }

  /**
   * The cached object where nothing has changed, so that a relist does not hold two of each. A
   * version alone does not say so: a restored server gives the same ones out again.
   */
  #known(object: Live): Live {
    const cached = this.#options.store.get(keyOf(object));
    return cached?.metadata.resourceVersion === object.metadata.resourceVersion &&
      isDeepStrictEqual(cached, object)
      ? cached
      : object;
  }

  async #open(
    signal: AbortSignal,
    query: Readonly<Record<string, string>>,
  ): Promise<WatchResponse> {
    const { kind, namespace, rest } = this.#options;
    const path = collectionPath(kind, namespace);
    const response = await rest.watch({
      method: "GET",
      path,
      query,
      ...(this.#options.metadataOnly ? { accept: partial("PartialObjectMetadata") } : {}),
      signal,
    });
    if (response.status === 200) return response;
    throw new ApiError({
      status: response.status,
      body: response.body,
      what: `WATCH ${path}`,
      ...(response.retryAfterMs === undefined ? {} : { retryAfterMs: response.retryAfterMs }),
    });
  }

  /** Reads one stream to its end. `initial` collects a streaming list until its last bookmark. */
  async #follow(response: WatchResponse, signal: AbortSignal, initial?: Collecting): Promise<void> {
    const { clock, timers } = this.#options.world;
    const silenceMs = this.#options.silenceMs ?? SILENCE_MS;
    let collecting = initial;
    if (collecting === undefined) this.#followsSinceMs = clock.monotonicMs();
    let silent = false;
    let heardAtMs = clock.monotonicMs();
    // One timer per silence and not per event: an event only moves the moment that it looks at.
    const judge = (): void => {
      const leftMs = heardAtMs + silenceMs - clock.monotonicMs();
      if (leftMs > 0) {
        cancel = timers.schedule(leftMs, judge);
        return;
      }
      silent = true;
      response.close();
    };
    let cancel = timers.schedule(silenceMs, judge);
    const onAbort = (): void => response.close();
    signal.addEventListener("abort", onAbort, { once: true });
    // A list that is on its way puts everything right.
    this.#endStream = (): void => {
      if (collecting === undefined) response.close();
    };
    if (this.#isDoubted) this.#endStream();
    if (signal.aborted) response.close();
    try {
      for await (const line of response.events) {
        heardAtMs = clock.monotonicMs();
        this.#bytes.inc(line.bytes);
        collecting = this.#take(line, collecting);
        // Also what waited behind others of the same chunk, and behind whatever held up the loop.
        const lagMs = clock.monotonicMs() - (line.receivedAtMs ?? heardAtMs);
        this.#lag.observe(lagMs / 1000);
      }
    } finally {
      cancel();
      signal.removeEventListener("abort", onAbort);
      response.close();
    }
    if (signal.aborted) return;
    if (this.#isDoubted) throw new RelistNeeded("rewound", "the server contradicts the cache");
    if (silent) throw new TransportError("watch was silent for too long");
    if (collecting !== undefined) throw new TransportError("streaming list ended half-way");
  }

  #take(line: WatchLine, collecting: Collecting | undefined): Collecting | undefined {
    const { store } = this.#options;
    if (line.type === "ERROR") throw this.#streamError(line.object);
    if (line.type === "BOOKMARK") {
      const { version, ends } = readBookmark(line.object);
      if (collecting === undefined) {
        this.#reached(version);
        return undefined;
      }
      if (!ends) return collecting;
      this.#replace([...collecting.objects.values()], version, collecting.mark);
      return undefined;
    }
    const object = this.#decode(line.object);
    if (collecting !== undefined) {
      const key = keyText(keyOf(object));
      if (line.type === "DELETED") collecting.objects.delete(key);
      else collecting.objects.set(key, this.#known(object));
      return collecting;
    }
    if (line.type === "DELETED") store.remove(object);
    else if (line.type === "ADDED" || line.type === "MODIFIED") store.put(object);
    else throw new TransportError(`unknown watch event ${line.type}`);
    this.#reached(object.metadata.resourceVersion);
    return undefined;
  }

  /** Everything up to this version is in the store, unless it is told once more. */
  #reached(version: string): void {
    const { store, namespace } = this.#options;
    if ((compareVersions(version, this.#version) ?? 1) < 0) return;
    this.#version = version;
    this.#seen = version;
    store.reached(version, namespace === "" ? undefined : namespace);
  }

  #replace(objects: readonly Live[], version: string, mark: number): void {
    const { store, namespace } = this.#options;
    const order = compareVersions(version, this.#seen);
    if (this.#seen !== "" && order !== undefined && order < 0) {
      this.#log.warn("the API server's data went back in time", { from: this.#seen, to: version });
    }
    store.replace(objects, version, namespace === "" ? undefined : namespace, mark);
    this.#version = version;
    this.#seen = version;
    this.#lastError = "";
    this.#isBroken = false;
    this.#isDoubted = false;
    const { clock, rng } = this.#options.world;
    this.#followsSinceMs = clock.monotonicMs();
    this.#relistAtMs = clock.monotonicMs() + RELIST_MS * (0.75 + rng.next() / 4);
    if (this.#synced) return;
    this.#synced = true;
    for (const resolve of this.#syncWaiters.splice(0)) resolve();
  }

  #streamError(status: unknown): Error {
    const code = (status as { readonly code?: unknown } | null)?.code;
    const parsed = parseStatus(status);
    if (code === 410 || parsed.reason === "Expired" || parsed.reason === "Gone") {
      return new RelistNeeded("expired", parsed.message);
    }
    return new ApiError({
      status: typeof code === "number" ? code : 500,
      body: status,
      what: `WATCH ${this.#options.kind.plural}`,
    });
  }

  /** Decides how the next attempt begins and how long to wait before it. */
  #failed(cause: unknown, startedAtMs: number): void {
    const { store, namespace, world } = this.#options;
    const nowMs = world.clock.monotonicMs();
    if (nowMs - startedAtMs >= HEALTHY_MS) this.#attempt = 0;
    const reason = this.#needsRelist(cause);
    this.#isBroken = true;
    if (reason !== undefined) {
      this.#version = "";
      this.#relistReason = reason;
    }
    if (reason === "rewound") store.rewound(namespace === "" ? undefined : namespace);
    // An expiry after a long outage is an answer, and no reason to go on waiting; only one in
    // HEALTHY_MS, so that a server that never keeps its history is not stormed.
    const isAnswer = reason === "expired" || reason === "rewound";
    if (isAnswer && nowMs - this.#expiredAtMs >= HEALTHY_MS) {
      this.#attempt = 0;
      this.#expiredAtMs = nowMs;
    }
    // The first reconnect after an expiry or a break is quick, all further ones back off.
    this.#waitMs = backoffMs(BACKOFF, this.#attempt, this.#options.world.rng);
    // What breaks every ten seconds and goes on where it was is blind for half of the time at most.
    const followedMs = nowMs - (this.#followsSinceMs ?? nowMs);
    if (reason === undefined && followedMs >= USEFUL_MS) {
      this.#waitMs = Math.min(this.#waitMs, followedMs);
    }
    const asked =
      cause instanceof ApiError && cause.retry.kind === "after" ? cause.retry.delayMs : 0;
    this.#waitMs = Math.max(this.#waitMs, asked);
    this.#attempt++;
    const message = errorMessage(cause);
    const fields = { cause: message, waitMs: Math.round(this.#waitMs), relist: reason ?? "no" };
    if (message === this.#lastError) this.#log.debug("watch failed again", fields);
    else this.#log.warn("watch failed", fields);
    this.#lastError = message;
  }

  #needsRelist(cause: unknown): RelistReason | undefined {
    if (this.#version === "") return this.#synced ? this.#relistReason : "initial";
    return relistReasonOf(cause) ?? (this.#attempt >= STUCK_ATTEMPTS ? "stuck" : undefined);
  }

  #watchQuery(): Readonly<Record<string, string>> {
    const spread = Math.floor(this.#options.world.rng.next() * WATCH_SECONDS_MIN);
    return {
      ...this.#selectorQuery(),
      watch: "true",
      allowWatchBookmarks: "true",
      timeoutSeconds: String(WATCH_SECONDS_MIN + spread),
      ...(this.#version === "" ? {} : { resourceVersion: this.#version }),
    };
  }

  #selectorQuery(): Readonly<Record<string, string>> {
    const { labelSelector, fieldSelector } = this.#options;
    return {
      ...(labelSelector === "" ? {} : { labelSelector }),
      ...(fieldSelector === "" ? {} : { fieldSelector }),
    };
  }
}
