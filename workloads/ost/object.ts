// One Rawstor object of a target: when its bytes may be read and changed. What may wait for the
// disk (announcing a group, fetching cold pages, fdatasync) happens before or after a change, which
// itself happens within one turn (object-bytes.ts); after it has waited, an operation looks at
// everything afresh.
//
// Order of a write: group announced durably -> checksums and data to the page cache -> for a sync
// write, one fdatasync of the file, shared with all others that wait.
import type { ObjectId } from "#workloads/core/ost/index.ts";
import { GroupSync } from "#workloads/platform/files/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import type { DiskContext } from "./context.ts";
import { OstError } from "./errors.ts";
import { groupKey } from "./intents.ts";
import type { Segment } from "./layout.ts";
import { groupCount, segmentsOf } from "./layout.ts";
import type { ObjectIdentity } from "./object-bytes.ts";
import { ObjectBytes } from "./object-bytes.ts";

/** Bytes read, and their XXH3. */
export interface ReadBytes {
  readonly payload: Uint8Array;
  readonly hash: bigint;
}

/** A read that had to wait for the disk this often does so without letting others in between. */
const COLD_READS_MAX = 3;
/** A sequential writer's next groups are announced together with the one it enters. */
const ANNOUNCE_AHEAD = 4;
/** Groups of a DISCARD that are handled at a time. */
const DISCARD_GROUPS = 16;

/** Bounds are the caller's duty; every operation fails with OST_RELEASED after `release`. */
export class StoredObject {
  readonly id: ObjectId;
  readonly handle: number;
  readonly sizeBytes: number;
  readonly #bytes: ObjectBytes;
  readonly #disk: DiskContext;
  readonly #sync: GroupSync;
  readonly #loads = new Map<number, Promise<void>>();
  #users = 0;
  #released = false;
  /** Changes up to this count are durable. */
  #syncedCount = 0;

  constructor(object: ObjectIdentity, disk: DiskContext) {
    this.id = object.id;
    this.handle = object.handle;
    this.sizeBytes = object.sizeBytes;
    this.#disk = disk;
    this.#bytes = new ObjectBytes(object, disk, () => {
      disk.opened(this);
    });
    this.#sync = new GroupSync(() => this.#syncNow());
  }

  /** Whether changes exist that are not durable. */
  get unsynced(): boolean {
    return this.#syncedCount < this.#bytes.changeCount;
  }

  /**
   * Bytes from `offset` on: fewer than asked at the end of the object, none past it. Throws
   * OST_CHECKSUM if a block is not what was written.
   */
  read(offset: number, lengthBytes: number): ReadBytes | Promise<ReadBytes> {
    this.#assertThere();
    const length = Math.max(0, Math.min(lengthBytes, this.sizeBytes - offset));
    const segments = segmentsOf(offset, length);
    const payload = Buffer.allocUnsafe(length);
    const readAll = (segment: Segment) => this.#bytes.readNow(segment, payload, offset) === "read";
    if (segments.every(readAll)) {
      return { payload, hash: this.#bytes.blockHash(segments) ?? xxh3(payload) };
    }
    return this.#hold(this.#readCold(offset, payload, segments));
  }

  /** Writes all or nothing; the caller has checked the bounds. With `sync`, durable when done. */
  write(
    offset: number,
    payload: Uint8Array,
    options: { readonly sync: boolean; readonly hash?: bigint },
  ): undefined | Promise<void> {
    this.#assertThere();
    this.#disk.assertWritable();
    const segments = segmentsOf(offset, payload.byteLength);
    const wait = this.#prepare(segments) ?? this.#bytes.warm(segments);
    if (wait !== undefined) {
      return this.#hold(this.#writeLater(wait, segments, { payload, ...options }));
    }
    this.#bytes.write(segments, payload, options.hash);
    return options.sync ? this.#hold(this.#sync.wait()) : undefined;
  }

  /** Makes the range read as zeros and gives its whole blocks back; the bounds were checked. */
  discard(offset: number, lengthBytes: number, sync: boolean): Promise<void> {
    return this.#hold(this.#discard(offset, lengthBytes, sync));
  }

  /** Returns once every change so far is durable. */
  flush(): undefined | Promise<void> {
    this.#assertThere();
    this.#disk.assertWritable();
    return this.unsynced ? this.#hold(this.#sync.wait()) : undefined;
  }

  /**
   * After a crash: makes the checksums of a group those of the data as found, durably with the next
   * `flush`. Returns how many blocks did not match.
   */
  seal(group: number): Promise<number> {
    return this.#hold(this.#bytes.seal(group));
  }

  /** From now on every operation fails with OST_RELEASED. */
  release(): void {
    this.#released = true;
    this.close();
  }

  /** Closes the file if nothing needs it, and says so; it is opened again when something does. */
  close(): boolean {
    const idle = this.#users === 0 && (!this.unsynced || this.#released);
    if (idle) this.#bytes.close();
    return idle;
  }

  async #writeLater(
    wait: Promise<void>,
    segments: readonly Segment[],
    write: {
      readonly payload: Uint8Array;
      readonly sync: boolean;
      readonly hash?: bigint;
    },
  ): Promise<void> {
    await wait;
    await this.#ready(segments);
    this.#bytes.write(segments, write.payload, write.hash);
    if (write.sync) await this.#sync.wait();
  }

  /** Returns in the turn in which all these groups can be written. */
  async #ready(segments: readonly Segment[]): Promise<void> {
    await this.#bytes.warm(segments);
    for (;;) {
      this.#assertThere();
      this.#disk.assertWritable();
      const wait = this.#prepare(segments);
      if (wait === undefined) return;
      await wait;
    }
  }

  async #hold<T>(work: Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await work;
    } finally {
      this.#users -= 1;
      if (this.#released) this.close();
    }
  }

  #assertThere(): void {
    if (this.#released) throw new OstError("OST_RELEASED", `object ${this.id} is released`);
  }

  async #syncNow(): Promise<void> {
    this.#disk.assertWritable();
    const upTo = this.#bytes.changeCount;
    const startedAtMs = performance.now();
    try {
      await this.#bytes.sync();
    } catch (cause: unknown) {
      this.#disk.fail(`sync of object ${this.id}`, cause);
      throw cause;
    }
    this.#disk.syncTook(performance.now() - startedAtMs);
    this.#syncedCount = Math.max(this.#syncedCount, upTo);
  }

  async #readCold(
    offset: number,
    payload: Buffer,
    segments: readonly Segment[],
  ): Promise<ReadBytes> {
    for (const segment of segments) {
      for (let tries = 0; this.#bytes.readNow(segment, payload, offset) !== "read"; tries++) {
        await this.#loadSums(segment.group);
        const blocking = tries >= COLD_READS_MAX;
        const attempt = await this.#bytes.readWaiting(segment, payload, offset, blocking);
        this.#assertThere();
        if (attempt === "read") break;
      }
    }
    return { payload, hash: xxh3(payload) };
  }

  /** Undefined if all these groups can be written in this very turn, else what to wait for. */
  #prepare(segments: readonly Segment[]): Promise<void> | undefined {
    const nowMs = this.#disk.nowMs();
    let announced = true;
    let loaded = true;
    for (const { group } of segments) {
      const key = groupKey(this.handle, group);
      announced = this.#disk.intents.mayWrite(key, nowMs) && announced;
      loaded = this.#bytes.isLoaded(group) && loaded;
    }
    if (!announced) return this.#announce(segments, nowMs);
    return loaded ? undefined : this.#loadAll(segments);
  }

  #announce(segments: readonly Segment[], nowMs: number): Promise<void> {
    const groups = segments.map(({ group }) => group);
    const first = groups[0] ?? 0;
    const last = groups.at(-1) ?? 0;
    const sequential = first > 0 && this.#disk.intents.has(groupKey(this.handle, first - 1));
    if (sequential) {
      const end = Math.min(groupCount(this.sizeBytes), last + ANNOUNCE_AHEAD);
      for (let group = last + 1; group < end; group++) groups.push(group);
    }
    const wait = this.#disk.intents.announce(this, groups, nowMs);
    return wait === false
      ? this.#disk.makeRoom()
      : wait.catch((cause: unknown) => {
          this.#disk.fail("sync of intents", cause);
          throw cause;
        });
  }

  async #loadAll(segments: readonly Segment[]): Promise<void> {
    await Promise.all(segments.map(({ group }) => this.#loadSums(group)));
  }

  /**
   * Puts a group's checksums into memory. One load at a time per group: whoever writes the group
   * needs them in memory, so nothing changes them on the disk while they are being read.
   */
  #loadSums(group: number): Promise<void> {
    if (this.#bytes.isLoaded(group)) return Promise.resolve();
    const running = this.#loads.get(group);
    if (running !== undefined) return running;
    const load = this.#bytes.load(group).finally(() => this.#loads.delete(group));
    this.#loads.set(group, load);
    return load;
  }

  async #discard(offset: number, lengthBytes: number, sync: boolean): Promise<void> {
    const all = segmentsOf(offset, lengthBytes);
    for (let i = 0; i < all.length; i += DISCARD_GROUPS) {
      const segments = all.slice(i, i + DISCARD_GROUPS);
      await this.#ready(segments);
      for (const segment of segments) this.#bytes.discard(segment);
    }
    if (sync) await this.#sync.wait();
  }
}
