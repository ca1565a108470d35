// The engine: a log that makes commits durable, an overlay of what it holds, a checkpoint where
// values rest. Reads ask the overlay, then the part of it that is on its way to the checkpoint,
// then the checkpoint. Everything that is committed in one turn of the event loop is one frame and
// one sync; what comes meanwhile is the next. One piece of maintenance (checkpoint, snapshot) at a
// time.
import { assert, errorMessage } from "#api/base/index.ts";
import type {
  CommitOptions,
  CommitOutcome,
  KvEngine,
  KvStats,
  Layer,
  ScanOptions,
  ScrubReport,
  StoreCondition,
  StoreDamage,
  StoreItem,
  StoreRange,
  StoreSnapshot,
  StoreUsage,
  StoreValue,
  StoreWrite,
  TextRange,
} from "#workloads/core/store/index.ts";
import {
  byteText,
  mergedPage,
  openSealed,
  Overlay,
  readSealed,
  RESERVED_KEYS_START,
  StoreError,
} from "#workloads/core/store/index.ts";

import { checkpointLayer, CheckpointWriter } from "./checkpoint-writer.ts";
import type { EngineParts } from "./engine-parts.ts";
import { expiryRecords, sweepExpired } from "./expiry.ts";
import { checkKeys, clipped } from "./key-rules.ts";
import { damagedValue } from "./lmdb-store.ts";
import type { SegmentLog } from "./segment-log.ts";
import { restoreSnapshot, takeSnapshot } from "./snapshots.ts";

/** Something that waits for its place in the log. */
interface Pending {
  readonly writes: readonly StoreWrite[];
  readonly sync: boolean;
  /** Called in the turn in which the writes can be read. */
  readonly applied: () => void;
  readonly failed: (cause: StoreError) => void;
}

/** See the top of the file; opened by open.ts. */
export class LogEngine implements KvEngine {
  readonly #parts: EngineParts;
  readonly #log: SegmentLog;
  readonly #writer: CheckpointWriter;
  readonly #rest: Layer;
  readonly #failureCallbacks: ((cause: StoreError) => void)[] = [];
  #active: Overlay;
  #frozen: Overlay | undefined;
  /** Settled when nothing is frozen any more. */
  #thaw: { readonly promise: Promise<void>; readonly done: () => void } | undefined;
  #queue: Pending[] = [];
  #inflight: readonly Pending[] = [];
  /** Indexes of what is accepted and cannot be read yet; kept only once somebody has asked. */
  #accepted: Map<string, number | undefined> | undefined;
  #isRunning = false;
  #maintenance: Promise<unknown> = Promise.resolve();
  #isMaintaining = false;
  #restoring: Promise<unknown> = Promise.resolve();
  #cancelMark: (() => void) | undefined;
  #broken: StoreError | undefined;
  /** No maintenance begins any more; then nothing is committed any more. */
  #isEnding = false;
  #isClosed = false;
  #lastSyncMs = 0;
  #damagedValues = 0;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#log = parts.log;
    this.#active = parts.overlay;
    this.#writer = new CheckpointWriter(parts);
    this.#rest = checkpointLayer(parts.checkpoint);
  }

  get damage(): StoreDamage | undefined {
    const message = this.#writer.damage;
    return message === undefined ? undefined : { message };
  }

  get(key: Uint8Array): StoreValue | undefined {
    this.#assertWell();
    const value = this.#read(key);
    return value === undefined ? undefined : this.#alive(value);
  }

  getMany(keys: readonly Uint8Array[]): readonly (StoreValue | undefined)[] {
    return keys.map((key) => this.get(key));
  }

  *scan(range: StoreRange, options: ScanOptions = {}): Iterable<StoreItem> {
    const { reverse = false } = options;
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    let limit = Math.min(FIRST_PAGE, left);
    let rest: TextRange | undefined = clipped(range);
    while (rest !== undefined && left > 0) {
      this.#assertWell();
      const page = mergedPage(this.#layers(), rest, { reverse, limit });
      for (const item of page.items) {
        const value = this.#alive(this.#unseal(item));
        if (value === undefined) continue;
        yield { key: item.key, ...value };
        left -= 1;
        if (left === 0) return;
      }
      rest = page.rest;
      limit = Math.min(limit * 4, LAST_PAGE);
    }
  }

  async count(range: StoreRange): Promise<number> {
    let count = 0;
    let rest: TextRange | undefined = clipped(range);
    while (rest !== undefined) {
      this.#assertWell();
      const page = mergedPage(this.#layers(), rest, { reverse: false, limit: LAST_PAGE });
      for (const item of page.items) if (this.#alive(this.#unseal(item)) !== undefined) count += 1;
      rest = page.rest;
      await this.#turn();
    }
    return count;
  }

  commit(writes: readonly StoreWrite[], options: CommitOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      checkKeys(writes);
      this.#enqueue(writes, options.sync !== false, resolve, reject);
    });
  }

  commitIf(
    conditions: readonly StoreCondition[],
    writes: readonly StoreWrite[],
    options: CommitOptions = {},
  ): Promise<CommitOutcome> {
    return new Promise((resolve, reject) => {
      checkKeys(writes);
      this.#assertWell();
      const sync = options.sync !== false;
      for (const condition of conditions) {
        const actual = this.#acceptedIndex(condition.key);
        if (actual === condition.index) continue;
        // What the refusal rests on is durable before it is told.
        this.#enqueue([], sync, () => resolve({ kind: "refused", condition, actual }), reject);
        return;
      }
      this.#enqueue(writes, sync, () => resolve({ kind: "committed" }), reject);
    });
  }

  snapshot(range: StoreRange, atMoment: () => void = NOTHING): Promise<StoreSnapshot> {
    return this.#maintain(async () => {
      const view = await this.#freeze(atMoment);
      try {
        const read = (rest: TextRange, limit: number) =>
          mergedPage([view, this.#rest], rest, { reverse: false, limit });
        return await takeSnapshot(this.#parts, clipped(range), { read, turn: () => this.#turn() });
      } finally {
        await this.#writeFrozen();
      }
    });
  }

  restore(range: StoreRange, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const restored = this.#restoring.then(() =>
      restoreSnapshot(this.#parts, this, { range, chunks }),
    );
    this.#restoring = restored.catch(() => undefined);
    return restored;
  }

  checkpoint(): Promise<void> {
    return this.#maintain(async () => {
      await this.#freeze(NOTHING);
      await this.#writeFrozen();
    });
  }

  sweep(): Promise<number> {
    return sweepExpired(this, {
      nowMs: this.#parts.timers.nowMs(),
      expiryOf: (key) => this.#read(key)?.expiresAtMs,
      isPending: (key) => this.#pendingIndexes()?.has(byteText(key)) === true,
      page: (rest, limit) => mergedPage(this.#layers(), rest, { reverse: false, limit }).items,
    });
  }

  async scrub(pauseMs = 0): Promise<ScrubReport> {
    let checked = 0;
    let damaged = 0;
    let rest: StoreRange | undefined = { start: new Uint8Array(1), end: RESERVED_KEYS_START };
    while (rest !== undefined) {
      this.#assertWell();
      const page = this.#parts.checkpoint.page(rest, { reverse: false, limit: LAST_PAGE });
      for (const { key, sealed } of page) {
        if (openSealed(this.#parts.crc32, key, sealed) === undefined) damaged += 1;
      }
      checked += page.length;
      const last = page.length < LAST_PAGE ? undefined : page.at(-1)?.key;
      rest = last === undefined ? undefined : { start: Buffer.concat([last, ZERO]), end: rest.end };
      await (pauseMs === 0 ? this.#turn() : this.#pause(pauseMs));
    }
    this.#damagedValues = Math.max(this.#damagedValues, damaged);
    return { checked, damaged };
  }

  async clearDamage(): Promise<void> {
    await this.#maintain(() => this.#writer.clearDamage());
  }

  usage(): StoreUsage {
    const rest = this.#parts.checkpoint.usage();
    const liveBytes = rest.liveBytes + this.#active.liveBytes + (this.#frozen?.liveBytes ?? 0);
    return { liveBytes, fileBytes: Math.max(rest.fileBytes, liveBytes) };
  }

  stats(): KvStats {
    return {
      logBytes: this.#log.bytesSince(this.#writer.position),
      overlayKeys: this.#active.size + (this.#frozen?.size ?? 0),
      checkpoints: this.#writer.count,
      checkpointStepMsMax: this.#writer.stepMsMax,
      lastSyncMs: this.#lastSyncMs,
      readerAgeMs: this.#parts.checkpoint.readerAgeMs(),
      damagedValues: this.#damagedValues,
      waitsForSpace: this.#log.waitsForSpace,
    };
  }

  whenFailed(callback: (cause: StoreError) => void): void {
    if (this.#broken === undefined) this.#failureCallbacks.push(callback);
    else callback(this.#broken);
  }

  async close(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#cancelMark?.();
    if (this.#broken === undefined) {
      await this.#maintenance;
      await this.#restoring;
      // The last mark says that everything before it is durable.
      await this.#barrier(NOTHING);
      if (!this.#log.isMarked) await this.#barrier(NOTHING);
    }
    this.#isClosed = true;
    await this.#log.close();
    await this.#parts.checkpoint.close();
  }

  /** For the engine's own keys: no check of what they are. */
  commitReserved(writes: readonly StoreWrite[], options: CommitOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#enqueue(writes, options.sync !== false, resolve, reject);
    });
  }

  #enqueue(
    writes: readonly StoreWrite[],
    sync: boolean,
    applied: () => void,
    failed: (cause: StoreError) => void,
  ): void {
    this.#assertWell();
    assert(!this.#isClosed, "nothing is committed to a closed store");
    const all = expiryRecords(writes);
    this.#queue.push({ writes: all, sync, applied, failed });
    if (this.#accepted !== undefined) note(this.#accepted, all);
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    // All commits of this turn share a frame.
    await this.#turn();
    try {
      while (this.#queue.length > 0) await this.#flush();
    } catch (cause: unknown) {
      this.#fail(cause);
      return;
    }
    // In one step with the last look at the queue, so that no commit is left in it.
    this.#isRunning = false;
    this.#markSoon();
  }

  async #flush(): Promise<void> {
    await this.#room();
    const commits = this.#takeFrame();
    this.#inflight = commits;
    const records = await this.#log.append(commits.flatMap(({ writes }) => writes));
    if (commits.some(({ sync }) => sync)) await this.#sync();
    for (const record of records) this.#active.apply(record);
    this.#inflight = [];
    this.#accepted = undefined;
    for (const { applied } of commits) applied();
    const { checkpointBytes } = this.#parts.limits;
    if (this.#isMaintaining || this.#isEnding || this.#logBytes() < checkpointBytes) return;
    this.checkpoint().catch((cause: unknown) => this.#fail(cause));
  }

  /** Whole commits, up to the size of a frame. */
  #takeFrame(): readonly Pending[] {
    let bytes = 0;
    let count = 0;
    for (const { writes } of this.#queue) {
      for (const { key, value } of writes) bytes += key.byteLength + (value?.byteLength ?? 0);
      if (count > 0 && bytes > this.#parts.limits.frameBytes) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #sync(): Promise<void> {
    const { monotonicMs } = this.#parts.timers;
    const startedMs = monotonicMs();
    await this.#log.sync();
    this.#lastSyncMs = monotonicMs() - startedMs;
  }

  /** Waits while the log runs away from the checkpoint. */
  async #room(): Promise<void> {
    const { logBytesMax } = this.#parts.limits;
    if (this.#frozen !== undefined && this.#logBytes() > logBytesMax) await this.#thaw?.promise;
  }

  #logBytes(): number {
    return this.#log.bytesSince(this.#writer.position);
  }

  /** When nothing is to be written, a mark in the log says that the last frame was synced. */
  #markSoon(): void {
    if (this.#cancelMark !== undefined || this.#log.isMarked) return;
    this.#cancelMark = this.#parts.timers.later(this.#parts.limits.markMs, () => {
      this.#cancelMark = undefined;
      if (this.#broken !== undefined || this.#isEnding || this.#log.isMarked) return;
      this.#enqueue([], false, NOTHING, NOTHING);
    });
  }

  /** Resolves when everything committed before is durable and can be read. */
  #barrier(atMoment: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const applied = (): void => {
        atMoment();
        resolve();
      };
      this.#enqueue([], true, applied, reject);
    });
  }

  #maintain<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#maintenance.then(async () => {
      this.#assertWell();
      this.#isMaintaining = true;
      try {
        return await work();
      } finally {
        this.#isMaintaining = false;
      }
    });
    this.#maintenance = done.catch(() => undefined);
    return done;
  }

  /** Everything that can be read now is durable, and belongs to the overlay that is returned. */
  async #freeze(atMoment: () => void): Promise<Overlay> {
    await this.#barrier(() => {
      assert(this.#frozen === undefined, "one piece of maintenance at a time");
      this.#frozen = this.#active;
      this.#active = new Overlay();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#thaw = { promise, done: resolve };
      this.#writer.aim({ position: this.#log.end, sequence: this.#log.sequence });
      atMoment();
    });
    assert(this.#frozen !== undefined, "a barrier freezes");
    return this.#frozen;
  }

  async #writeFrozen(): Promise<void> {
    const frozen = this.#frozen;
    assert(frozen !== undefined, "what is written was frozen");
    try {
      await this.#writer.write(frozen, () => this.#logBytes() > this.#parts.limits.logBytesMax);
    } catch (cause: unknown) {
      this.#fail(cause);
      throw cause;
    } finally {
      this.#thaw?.done();
    }
    this.#frozen = undefined;
    await this.#log.trim(this.#writer.position);
  }

  #layers(): readonly Layer[] {
    const frozen = this.#frozen;
    return frozen === undefined ? [this.#active, this.#rest] : [this.#active, frozen, this.#rest];
  }

  #read(key: Uint8Array): ReturnType<typeof readSealed> | undefined {
    if (this.#active.size > 0 || this.#frozen !== undefined) {
      const text = byteText(key);
      const record = this.#active.get(text) ?? this.#frozen?.get(text);
      if (record?.sealed !== undefined) return readSealed(record.sealed);
      if (record !== undefined) return undefined;
    }
    const sealed = this.#parts.checkpoint.get(key);
    return sealed === undefined ? undefined : this.#unseal({ key, sealed });
  }

  #unseal({ key, sealed }: { readonly key: Uint8Array; readonly sealed: Uint8Array }) {
    const opened = openSealed(this.#parts.crc32, key, sealed);
    if (opened !== undefined) return opened;
    this.#damagedValues += 1;
    throw damagedValue(key);
  }

  #alive({ value, index, expiresAtMs }: ReturnType<typeof readSealed>): StoreValue | undefined {
    const isOver = expiresAtMs !== undefined && expiresAtMs <= this.#parts.timers.nowMs();
    return isOver ? undefined : { value, index };
  }

  #acceptedIndex(key: Uint8Array): number | undefined {
    const pending = this.#pendingIndexes();
    const text = byteText(key);
    return pending?.has(text) === true ? pending.get(text) : this.get(key)?.index;
  }

  #pendingIndexes(): ReadonlyMap<string, number | undefined> | undefined {
    if (!this.#isRunning) return undefined;
    if (this.#accepted === undefined) {
      this.#accepted = new Map();
      for (const { writes } of [...this.#inflight, ...this.#queue]) note(this.#accepted, writes);
    }
    return this.#accepted;
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#parts.timers.soon(resolve));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.timers.later(ms, resolve);
    });
  }

  #assertWell(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  #fail(cause: unknown): void {
    if (this.#broken !== undefined) return;
    const text = `commit failed: ${errorMessage(cause)}`;
    const broken = new StoreError("STORE_SUSPECT", text, cause);
    this.#broken = broken;
    this.#cancelMark?.();
    for (const callback of this.#failureCallbacks) callback(broken);
    for (const { failed } of [...this.#inflight, ...this.#queue.splice(0)]) failed(broken);
    this.#inflight = [];
  }
}

/** Items of the first page of a scan, which is often the only one, and of the largest. */
const FIRST_PAGE = 16;
const LAST_PAGE = 256;
const ZERO = new Uint8Array(1);
const NOTHING = (): void => undefined;

function note(accepted: Map<string, number | undefined>, writes: readonly StoreWrite[]): void {
  for (const { key, value, index } of writes) {
    accepted.set(byteText(key), value === undefined ? undefined : index);
  }
}
