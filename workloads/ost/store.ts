// The store of one target: which objects there are, allocation and release, what is left to do
// after a crash, and the state of the disk. Bytes of objects are the business of object.ts.
import { statfs } from "node:fs/promises";
import { join } from "node:path";

import { assertNever, errorMessage } from "#api/base/index.ts";
import type { Logger } from "#api/base/index.ts";
import type { OstDiskError, OstStatus } from "#api/workload/ost.ts";
import type { ObjectId, StoreOperation, StoreOutcome } from "#workloads/core/ost/index.ts";
import {
  encodeListPage,
  encodeLocationInfo,
  encodeSpec,
  errno,
} from "#workloads/core/ost/index.ts";
import { FilesError, GroupSync, syncDirectory } from "#workloads/platform/files/index.ts";
import { LRUCache } from "lru-cache";

import type { Closable, DiskContext } from "./context.ts";
import { OstError, resultOf } from "./errors.ts";
import { Intake } from "./intake.ts";
import type { GroupName } from "./intents.ts";
import { groupKey, Intents } from "./intents.ts";
import { OBJECT_BYTES_MAX } from "./layout.ts";
import type { OstMetrics } from "./metrics.ts";
import { StoredObject } from "./object.ts";
import { createObjectFile, readObjectFiles, removeObjectFile } from "./object-files.ts";
import { SortedObjects } from "./sorted-objects.ts";
import type { OpenDisk } from "./superblock.ts";
import { INTENTS, OBJECTS } from "./superblock.ts";

/** An open disk and how to serve it. */
export interface StoreOptions {
  readonly disk: OpenDisk;
  readonly capacityBytes?: number;
  readonly listLimit: number;
  readonly logger: Logger;
  readonly metrics: OstMetrics;
}

type Entry =
  | { readonly kind: "whole"; readonly object: StoredObject }
  /** The header does not say what it must: refused with -EIO until released. */
  | { readonly kind: "damaged" }
  /** Being made or removed: its id is taken, it cannot be opened. */
  | { readonly kind: "reserved"; readonly sizeBytes: number };

/** Checksum pages in memory: 64 MiB, for 32 GiB of data. */
const SUMS_PAGES_MAX = 16384;
const OPEN_FILES_MAX = 2048;
/** A group that was not written for this long is synced and taken back. */
const IDLE_MS = 5000;
const SWEEP_MS = 1000;
const ERRORS_MAX = 10;

/** Opened with {@link OstStore.open}; `close` leaves nothing to do for the next start. */
export class OstStore {
  readonly #options: StoreOptions;
  readonly #intents: Intents;
  /** Whether ALLOCATE is served. */
  readonly intake: Intake;
  readonly #folder: string;
  readonly #directorySync: GroupSync;
  readonly #entries = new SortedObjects<Entry>();
  readonly #objects = new Map<number, StoredObject>();
  /** Objects with an open file, least recently opened first. */
  readonly #open = new Set<Closable>();
  readonly #context: DiskContext;
  readonly #errors: OstDiskError[] = [];
  #nextHandle = 1;
  #usedBytes = 0;
  #state: OstStatus["state"] = "Recovering";
  #failure: string | undefined;
  #room: Promise<void> | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  private constructor(options: StoreOptions, intents: Intents, intake: Intake) {
    this.#options = options;
    this.#intents = intents;
    this.intake = intake;
    this.#folder = join(options.disk.dataDir, OBJECTS);
    this.#directorySync = new GroupSync(() => syncDirectory(this.#folder));
    this.#context = this.#makeContext();
  }

  /** Reads the index of the disk. The caller calls `recover` before it serves anything. */
  static async open(
    options: StoreOptions,
  ): Promise<{ readonly store: OstStore; readonly left: ReadonlyMap<number, GroupName> }> {
    const path = join(options.disk.dataDir, INTENTS);
    const { intents, left } = await Intents.open(path, (ms) => {
      options.metrics.syncTook(ms);
    });
    const intake = await Intake.load(options.disk.dataDir);
    const { closedFor } = intake;
    if (closedFor !== undefined) options.logger.warn("takes no new objects", { closedFor });
    const store = new OstStore(options, intents, intake);
    await store.#load();
    options.metrics.watch(() => store.status().then((status) => store.#gauges(status)));
    return { store, left };
  }

  /** Seals what a crash may have torn, then starts to serve writes. */
  async recover(left: ReadonlyMap<number, GroupName>): Promise<void> {
    const { logger, metrics } = this.#options;
    let blocks = 0;
    const sealed: number[] = [];
    for (const [slot, { id, group }] of left) {
      const entry = this.#entries.get(id);
      if (entry?.kind !== "whole") {
        sealed.push(slot);
        continue;
      }
      try {
        blocks += await entry.object.seal(group);
        sealed.push(slot);
      } catch (cause: unknown) {
        this.#remember("Io", `group ${String(group)} of ${id}: ${errorMessage(cause)}`);
      }
    }
    for (const object of this.#objects.values()) await object.flush();
    for (const slot of sealed) this.#intents.forget(slot);
    if (left.size > 0) await this.#intents.sync();
    metrics.resealed(blocks);
    if (left.size > 0)
      logger.info("checked what a crash may have torn", { groups: left.size, blocks });
    this.#state = this.#state === "Recovering" ? "Serving" : this.#state;
    this.#sweep = setInterval(() => {
      this.#sweeping = this.#sweepIdle(this.#context.nowMs() - IDLE_MS);
    }, SWEEP_MS).unref();
  }

  /** Carries out an operation; known failures become negated errnos. Never rejects for those. */
  execute(operation: StoreOperation): StoreOutcome | Promise<StoreOutcome> {
    try {
      const outcome = this.#execute(operation);
      return outcome instanceof Promise ? outcome.catch((cause) => this.#failed(cause)) : outcome;
    } catch (cause: unknown) {
      return this.#failed(cause);
    }
  }

  async status(): Promise<OstStatus> {
    const { bavail, bsize } = await statfs(this.#folder);
    const { formatVersion, cluster, target, incarnation } = this.#options.disk.superblock;
    return {
      cluster,
      target,
      incarnation,
      formatVersion,
      state: this.#state,
      capacityBytes: await this.#capacityBytes(),
      usedBytes: this.#usedBytes,
      availableBytes: bavail * bsize,
      // Of one moment: no object is on its way that is not counted.
      objects: this.#entries.size,
      ...(this.intake.closedFor === undefined ? {} : { closedFor: this.intake.closedFor }),
      lastErrors: this.#errors,
    };
  }

  /** Undefined while everything is served, else what is wrong in a few words. */
  problem(): string | undefined {
    if (this.#state === "Serving") return undefined;
    return this.#failure ?? this.#state;
  }

  /** Makes everything durable and marks all groups clean. Nothing may be executing any more. */
  async close(): Promise<void> {
    clearInterval(this.#sweep);
    await this.#sweeping;
    await this.intake.settled();
    if (this.#state === "Serving") {
      this.#state = "Stopping";
      await this.#takeBack(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
      await this.#intents.sync();
    }
    for (const object of this.#objects.values()) object.close();
    this.#intents.close();
  }

  #makeContext(): DiskContext {
    const { metrics, logger } = this.#options;
    return {
      intents: this.#intents,
      sums: new LRUCache({ max: SUMS_PAGES_MAX }),
      nowMs: () => performance.now(),
      assertWritable: () => {
        if (this.#state === "Failed") throw new OstError("OST_FAILED", "a sync failed earlier");
      },
      fail: (what, cause) => {
        if (this.#state === "Failed") return;
        this.#state = "Failed";
        const message = `${what}: ${errorMessage(cause)}`;
        this.#failure = message;
        this.#remember("Sync", message);
        logger.error("the disk failed to sync; no more writes until restart", { message });
      },
      damaged: (error) => {
        metrics.damaged();
        this.#remember("Checksum", error.message);
        logger.error("damaged block", { message: error.message });
      },
      makeRoom: () => (this.#room ??= this.#makeRoom()),
      opened: (object) => {
        this.#open.delete(object);
        this.#open.add(object);
        if (this.#open.size > OPEN_FILES_MAX) this.#closeIdle();
      },
      syncTook: (ms) => {
        metrics.syncTook(ms);
      },
    };
  }

  async #load(): Promise<void> {
    for await (const file of readObjectFiles(this.#folder, this.#options.logger)) {
      if (file.sizeBytes === undefined) {
        this.#entries.set(file.id, { kind: "damaged" });
        this.#remember("Checksum", `header of object ${file.id} is damaged`);
      } else {
        this.#add(file.id, file.sizeBytes);
        this.#usedBytes += file.sizeBytes;
      }
    }
  }

  #add(id: ObjectId, sizeBytes: number): void {
    const handle = this.#nextHandle;
    this.#nextHandle += 1;
    const path = join(this.#folder, id);
    const object = new StoredObject({ id, handle, sizeBytes, path }, this.#context);
    this.#objects.set(handle, object);
    this.#entries.set(id, { kind: "whole", object });
  }

  #execute(operation: StoreOperation): StoreOutcome | Promise<StoreOutcome> {
    switch (operation.kind) {
      case "read":
        return this.#read(operation);
      case "write":
        return this.#write(operation);
      case "discard":
        return this.#discard(operation);
      case "flush":
        return ok(this.#object(operation.object).flush());
      case "open":
        return this.#openById(operation.id);
      case "allocate":
        return this.#allocate(operation.id, operation.sizeBytes);
      case "release":
        return this.#release(operation.id);
      case "list":
        return this.#list(operation.after, operation.limit);
      case "spec":
        return payload(encodeSpec(this.#whole(operation.id).sizeBytes));
      case "location-info":
        return this.#capacityBytes().then((totalBytes) =>
          payload(encodeLocationInfo({ usedBytes: this.#usedBytes, totalBytes })),
        );
      default:
        return assertNever(operation);
    }
  }

  #object(handle: number): StoredObject {
    const object = this.#objects.get(handle);
    if (object === undefined) throw new OstError("OST_RELEASED", "the object is released");
    return object;
  }

  #whole(id: ObjectId): StoredObject {
    const entry = this.#entries.get(id);
    if (entry?.kind === "whole") return entry.object;
    if (entry?.kind === "damaged") throw new OstError("OST_DAMAGED", `object ${id} is damaged`);
    throw new OstError("OST_RELEASED", `no object ${id}`);
  }

  #openById(id: ObjectId): StoreOutcome {
    return { result: 0, object: this.#whole(id).handle };
  }

  #read(
    operation: Extract<StoreOperation, { kind: "read" }>,
  ): StoreOutcome | Promise<StoreOutcome> {
    const read = this.#object(operation.object).read(operation.offset, operation.lengthBytes);
    return read instanceof Promise ? read.then(readOutcome) : readOutcome(read);
  }

  #write(
    operation: Extract<StoreOperation, { kind: "write" }>,
  ): StoreOutcome | Promise<StoreOutcome> {
    const { offset, payload: data, hash, sync } = operation;
    const object = this.#object(operation.object);
    if (offset + data.byteLength > object.sizeBytes) return { result: -errno.ENOSPC };
    const done = object.write(offset, data, { sync, hash });
    const outcome = { result: data.byteLength, hash };
    return done === undefined ? outcome : done.then(() => outcome);
  }

  #discard(
    operation: Extract<StoreOperation, { kind: "discard" }>,
  ): StoreOutcome | Promise<StoreOutcome> {
    const { offset, lengthBytes, sync } = operation;
    const object = this.#object(operation.object);
    if (offset + lengthBytes > object.sizeBytes) return { result: -errno.ENOSPC };
    return ok(object.discard(offset, lengthBytes, sync));
  }

  async #allocate(id: ObjectId, sizeBytes: number): Promise<StoreOutcome> {
    this.#context.assertWritable();
    if (this.#entries.get(id) !== undefined) return { result: -errno.EEXIST };
    if (this.intake.isClosed) return { result: -errno.EROFS };
    if (sizeBytes > OBJECT_BYTES_MAX) return { result: -errno.EFBIG };
    this.#entries.set(id, { kind: "reserved", sizeBytes });
    this.#usedBytes += sizeBytes;
    try {
      if (this.#usedBytes > (await this.#capacityBytes())) {
        throw new FilesError("FILES_NO_SPACE", "capacity");
      }
      await createObjectFile(this.#folder, { id, sizeBytes });
      await this.#syncDirectory();
    } catch (cause: unknown) {
      this.#entries.delete(id);
      this.#usedBytes -= sizeBytes;
      await removeObjectFile(this.#folder, id);
      throw cause;
    }
    this.#add(id, sizeBytes);
    return { result: 0 };
  }

  async #release(id: ObjectId): Promise<StoreOutcome> {
    this.#context.assertWritable();
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.kind === "reserved") return { result: -errno.ENOENT };
    const sizeBytes = entry.kind === "whole" ? entry.object.sizeBytes : 0;
    this.#entries.set(id, { kind: "reserved", sizeBytes });
    if (entry.kind === "whole") {
      entry.object.release();
      this.#objects.delete(entry.object.handle);
      this.#open.delete(entry.object);
    }
    await removeObjectFile(this.#folder, id);
    await this.#syncDirectory();
    if (entry.kind === "whole") this.#forgetGroups(entry.object);
    this.#entries.delete(id);
    this.#usedBytes -= sizeBytes;
    return { result: 0 };
  }

  #forgetGroups(object: StoredObject): void {
    const mine = this.#intents.idle(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    for (const group of mine.get(object.handle) ?? []) {
      this.#intents.takeBack(groupKey(object.handle, group));
    }
  }

  async #syncDirectory(): Promise<void> {
    try {
      await this.#directorySync.wait();
    } catch (cause: unknown) {
      this.#context.fail("sync of the objects folder", cause);
      throw cause;
    }
  }

  #list(after: ObjectId, limit: number): StoreOutcome {
    const cap = this.#options.listLimit;
    const page = this.#entries.page(after, limit === 0 ? cap : Math.min(limit, cap));
    return payload(encodeListPage(page));
  }

  async #capacityBytes(): Promise<number> {
    if (this.#options.capacityBytes !== undefined) return this.#options.capacityBytes;
    const { blocks, bsize } = await statfs(this.#folder);
    return blocks * bsize;
  }

  #failed(cause: unknown): StoreOutcome {
    const result = resultOf(cause);
    const code = result === -errno.ENOSPC ? "NoSpace" : "Io";
    // After a failed sync everything fails for that one reason, which is remembered already.
    if (cause instanceof FilesError && this.#failure === undefined) {
      this.#remember(code, cause.message);
    }
    return { result };
  }

  #remember(code: OstDiskError["code"], message: string): void {
    this.#errors.unshift({ time: new Date().toISOString(), code, message });
    this.#errors.length = Math.min(this.#errors.length, ERRORS_MAX);
  }

  async #sweepIdle(beforeMs: number): Promise<void> {
    await this.#sweeping;
    await this.#takeBack(beforeMs, SLOTS_PER_SWEEP);
  }

  /** Syncs the groups that were not written since and takes them back. */
  async #takeBack(beforeMs: number, most: number): Promise<void> {
    for (const [handle, groups] of this.#intents.idle(beforeMs, most)) {
      const object = this.#objects.get(handle);
      const keys = groups.map((group) => groupKey(handle, group));
      const before = keys.map((key) => this.#intents.touchedAtMs(key));
      try {
        await object?.flush();
      } catch (cause: unknown) {
        this.#failed(cause); // The state says so from now on; there is nobody to answer.
        return;
      }
      keys.forEach((key, index) => {
        if (this.#intents.touchedAtMs(key) === before[index]) this.#intents.takeBack(key);
      });
    }
  }

  async #makeRoom(): Promise<void> {
    await this.#takeBack(this.#context.nowMs(), SLOTS_PER_SWEEP);
    this.#room = undefined;
  }

  #closeIdle(): void {
    for (const object of this.#open) {
      if (this.#open.size <= OPEN_FILES_MAX / 2) return;
      if (object.close()) this.#open.delete(object);
    }
  }

  #gauges(status: OstStatus) {
    return {
      ...status,
      announcedGroups: this.#intents.size,
      failed: status.state === "Failed",
    };
  }
}

const SLOTS_PER_SWEEP = 2048;

function ok(done: undefined | Promise<void>): StoreOutcome | Promise<StoreOutcome> {
  return done === undefined ? { result: 0 } : done.then(() => ({ result: 0 }));
}

function payload(bytes: Uint8Array): StoreOutcome {
  return { result: bytes.byteLength, payload: bytes };
}

function readOutcome(read: { readonly payload: Uint8Array; readonly hash: bigint }): StoreOutcome {
  const { payload: bytes, hash } = read;
  if (bytes.byteLength === 0) return { result: 0, hash };
  return { result: bytes.byteLength, hash, payload: bytes };
}
