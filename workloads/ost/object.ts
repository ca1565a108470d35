// One Rawstor object on the disk. Everything that changes bytes happens synchronously in the page
// cache, so that data, checksums and the bookkeeping in memory never disagree and two writes never
// mix; what may wait for the disk (announcing a group, fetching cold pages, fdatasync) happens
// before or after, and after it has waited an operation looks at everything afresh.
//
// Order of a write: group announced durably -> checksums and data to the page cache -> for a sync
// write, one fdatasync of the file, shared with all others that wait.
import { closeSync, constants, openSync } from "node:fs";

import { assert } from "#api/base/index.ts";
import type { ObjectId } from "#workloads/core/ost/index.ts";
import {
  GroupSync,
  punchHole,
  readCached,
  readFully,
  readFullySync,
  syncData,
  toFilesError,
  writeFullySync,
} from "#workloads/platform/files/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import { mismatches, sumBlocks, sumOf } from "./blocks.ts";
import type { DiskContext } from "./context.ts";
import { OstError } from "./errors.ts";
import type { GroupKey } from "./intents.ts";
import { groupKey } from "./intents.ts";
import type { Segment } from "./layout.ts";
import {
  BLOCK_BYTES,
  dataPosition,
  GROUP_BLOCKS,
  GROUP_BYTES,
  groupCount,
  segmentsOf,
  SUMS_BYTES,
  sumsPosition,
} from "./layout.ts";

/** Bytes read, and their XXH3. */
export interface ReadBytes {
  readonly payload: Uint8Array;
  readonly hash: bigint;
}

/** When a read must wait for the disk this often, it is read blocking the loop, to come to an end. */
const COLD_READS_MAX = 3;
/** A sequential writer's next groups are announced together with the one it enters. */
const ANNOUNCE_AHEAD = 4;
/** Groups of a DISCARD that are handled at a time. */
const DISCARD_GROUPS = 16;

const zeroBlock = new Uint8Array(BLOCK_BYTES);

/** The blocks that cover a segment: first index within the group, count, and where they start. */
function cover(segment: Segment) {
  const start = segment.offset - (segment.offset % BLOCK_BYTES);
  const end = Math.ceil((segment.offset + segment.lengthBytes) / BLOCK_BYTES) * BLOCK_BYTES;
  const first = (start % GROUP_BYTES) / BLOCK_BYTES;
  return { start, end, first, count: (end - start) / BLOCK_BYTES };
}

export class StoredObject {
  readonly id: ObjectId;
  readonly handle: number;
  readonly sizeBytes: number;
  readonly #path: string;
  readonly #disk: DiskContext;
  readonly #sync: GroupSync;
  readonly #loads = new Map<GroupKey, Promise<void>>();
  #fd: number | undefined;
  #users = 0;
  #released = false;
  /** Counts changes; those up to `#syncedCount` are durable. */
  #changeCount = 0;
  #syncedCount = 0;

  constructor(
    object: {
      readonly id: ObjectId;
      readonly handle: number;
      readonly sizeBytes: number;
      readonly path: string;
    },
    disk: DiskContext,
  ) {
    this.id = object.id;
    this.handle = object.handle;
    this.sizeBytes = object.sizeBytes;
    this.#path = object.path;
    this.#disk = disk;
    this.#sync = new GroupSync(() => this.#syncNow());
  }

  /** Whether changes exist that are not durable. */
  get unsynced(): boolean {
    return this.#syncedCount < this.#changeCount;
  }

  /** Counts changes; equal before and after means that nothing was changed in between. */
  get changeCount(): number {
    return this.#changeCount;
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
    if (segments.every((segment) => this.#readNow(segment, payload, offset))) {
      return { payload, hash: xxh3(payload) };
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
    const wait = this.#prepare(segments) ?? this.#warmEdges(segments);
    if (wait !== undefined)
      return this.#hold(this.#writeLater(wait, segments, { offset, payload, ...options }));
    for (const segment of segments) this.#writeSegment(segment, payload, offset, options.hash);
    return options.sync ? this.#hold(this.#sync.wait()) : undefined;
  }

  async #writeLater(
    wait: Promise<void>,
    segments: readonly Segment[],
    write: {
      readonly offset: number;
      readonly payload: Uint8Array;
      readonly sync: boolean;
      readonly hash?: bigint;
    },
  ): Promise<void> {
    await wait;
    await this.#ready(segments);
    for (const segment of segments) {
      this.#writeSegment(segment, write.payload, write.offset, write.hash);
    }
    if (write.sync) await this.#sync.wait();
  }

  /** Returns in the turn in which all these groups can be written. */
  async #ready(segments: readonly Segment[]): Promise<void> {
    await this.#warmEdges(segments);
    for (;;) {
      this.#assertThere();
      this.#disk.assertWritable();
      const wait = this.#prepare(segments);
      if (wait === undefined) return;
      await wait;
    }
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
  async seal(group: number): Promise<number> {
    const count = this.#groupBlocks(group);
    if (count <= 0) return 0; // Of a former, larger object of this id.
    const data = Buffer.alloc(count * BLOCK_BYTES);
    const page = new BigUint64Array(GROUP_BLOCKS);
    await readFully(this.#open(), new Uint8Array(page.buffer), sumsPosition(group));
    await readFully(this.#open(), data, dataPosition(group * GROUP_BYTES));
    const wrong = mismatches(data, page, 0);
    if (wrong.length === 0) return 0;
    for (const index of wrong) {
      page[index] = sumOf(data.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES));
    }
    writeFullySync(this.#open(), new Uint8Array(page.buffer), sumsPosition(group));
    this.#disk.sums.delete(groupKey(this.handle, group));
    this.#changeCount += 1;
    return wrong.length;
  }

  /** From now on every operation fails with OST_RELEASED. */
  release(): void {
    this.#released = true;
    this.close();
  }

  /** Closes the file if nothing needs it; it is opened again when something does. */
  close(): boolean {
    const idle = this.#users === 0 && (!this.unsynced || this.#released);
    if (!idle || this.#fd === undefined) return idle;
    closeSync(this.#fd);
    this.#fd = undefined;
    return true;
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    try {
      this.#fd = openSync(this.#path, constants.O_RDWR);
    } catch (cause: unknown) {
      throw toFilesError(`open object ${this.id}`, cause);
    }
    this.#disk.opened(this);
    return this.#fd;
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
    const upTo = this.#changeCount;
    const startedAtMs = performance.now();
    try {
      await syncData(this.#open());
    } catch (cause: unknown) {
      this.#disk.fail(`sync of object ${this.id}`, cause);
      throw cause;
    }
    this.#disk.syncTook(performance.now() - startedAtMs);
    this.#syncedCount = Math.max(this.#syncedCount, upTo);
  }

  /** Copies a segment into `payload` if it can be had without waiting; checks its blocks. */
  #readNow(segment: Segment, payload: Buffer, base: number): boolean {
    const sums = this.#disk.sums.get(groupKey(this.handle, segment.group));
    if (sums === undefined) return false;
    const { start, end, first } = cover(segment);
    const whole = start === segment.offset && end === segment.offset + segment.lengthBytes;
    const at = segment.offset - base;
    const into = payload.subarray(at, at + segment.lengthBytes);
    const blocks = whole ? into : Buffer.allocUnsafe(end - start);
    const count = readCached(this.#open(), blocks, dataPosition(start));
    if (count !== blocks.byteLength) return false;
    this.#check(blocks, sums, { group: segment.group, first });
    if (!whole) blocks.copy(into, 0, segment.offset - start);
    return true;
  }

  async #readCold(
    offset: number,
    payload: Buffer,
    segments: readonly Segment[],
  ): Promise<ReadBytes> {
    for (const segment of segments) {
      for (let tries = 0; !this.#readNow(segment, payload, offset); tries++) {
        await this.#loadSums(segment.group);
        const { start, end, first } = cover(segment);
        const before = this.#changeCount;
        const blocks = Buffer.allocUnsafe(end - start);
        const blocking = tries >= COLD_READS_MAX;
        if (blocking) readFullySync(this.#open(), blocks, dataPosition(start));
        else await readFully(this.#open(), blocks, dataPosition(start));
        this.#assertThere();
        const sums = this.#disk.sums.get(groupKey(this.handle, segment.group));
        if (sums === undefined || before !== this.#changeCount) continue;
        this.#check(blocks, sums, { group: segment.group, first });
        const from = segment.offset - start;
        blocks.copy(payload, segment.offset - offset, from, from + segment.lengthBytes);
        break;
      }
    }
    return { payload, hash: xxh3(payload) };
  }

  #check(
    blocks: Buffer,
    sums: BigUint64Array,
    at: { readonly group: number; readonly first: number },
  ): void {
    const [wrong] = mismatches(blocks, sums, at.first);
    if (wrong === undefined) return;
    const offset = at.group * GROUP_BYTES + wrong * BLOCK_BYTES;
    const message = `object ${this.id}: block at ${String(offset)} does not match its checksum`;
    const error = new OstError("OST_CHECKSUM", message);
    this.#disk.damaged(error);
    throw error;
  }

  /** Undefined if all these groups can be written in this very turn, else what to wait for. */
  #prepare(segments: readonly Segment[]): Promise<void> | undefined {
    const nowMs = this.#disk.nowMs();
    let announced = true;
    let loaded = true;
    for (const { group } of segments) {
      const key = groupKey(this.handle, group);
      announced = this.#disk.intents.mayWrite(key, nowMs) && announced;
      loaded = this.#disk.sums.has(key) && loaded;
    }
    if (!announced) return this.#announce(segments, nowMs);
    return loaded ? undefined : this.#loadAll(segments);
  }

  /** Undefined if the partly covered blocks can be read without waiting, else what to wait for. */
  #warmEdges(segments: readonly Segment[]): Promise<void> | undefined {
    const cold = this.#edges(segments).filter((start) => !this.#isCached(start));
    return cold.length === 0 ? undefined : this.#warm(cold);
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
    const key = groupKey(this.handle, group);
    if (this.#disk.sums.has(key)) return Promise.resolve();
    const running = this.#loads.get(key);
    if (running !== undefined) return running;
    const load = this.#loadPage(group, key).finally(() => this.#loads.delete(key));
    this.#loads.set(key, load);
    return load;
  }

  async #loadPage(group: number, key: GroupKey): Promise<void> {
    const page = new BigUint64Array(GROUP_BLOCKS);
    await readFully(this.#open(), new Uint8Array(page.buffer), sumsPosition(group));
    this.#disk.sums.set(key, page);
  }

  /** Starts of the blocks that are only partly covered. */
  #edges(segments: readonly Segment[]): readonly number[] {
    const starts = new Set<number>();
    for (const segment of segments) {
      const { start, end } = cover(segment);
      if (start !== segment.offset) starts.add(start);
      if (end !== segment.offset + segment.lengthBytes) starts.add(end - BLOCK_BYTES);
    }
    return [...starts];
  }

  #isCached(start: number): boolean {
    return readCached(this.#open(), scratch, dataPosition(start)) === BLOCK_BYTES;
  }

  async #warm(starts: readonly number[]): Promise<void> {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (const start of starts) await readFully(this.#open(), block, dataPosition(start));
  }

  #groupBlocks(group: number): number {
    const bytes = Math.min(GROUP_BYTES, this.sizeBytes - group * GROUP_BYTES);
    return Math.ceil(bytes / BLOCK_BYTES);
  }

  /** Checksums first: if the disk has no room for their page, no data was touched. */
  #writeSegment(
    segment: Segment,
    payload: Uint8Array,
    base: number,
    hash: bigint | undefined,
  ): void {
    const sums = this.#disk.sums.get(groupKey(this.handle, segment.group));
    assert(sums !== undefined, "prepared");
    const at = segment.offset - base;
    const data = payload.subarray(at, at + segment.lengthBytes);
    const { first, count } = cover(segment);
    const fresh = this.#freshSums(segment, data, hash);
    this.#changeCount += 1;
    this.#writeSums(segment.group, first, fresh);
    try {
      writeFullySync(this.#open(), data, dataPosition(segment.offset));
    } catch (cause: unknown) {
      this.#sealAsFound(segment, sums);
      throw cause;
    }
    sums.set(fresh, first);
    assert(fresh.length === count, "one checksum per block");
  }

  /** The checksums of a segment's blocks once `data` is written to it. */
  #freshSums(segment: Segment, data: Uint8Array, hash: bigint | undefined): BigUint64Array {
    const { start, end, count } = cover(segment);
    const fresh = new BigUint64Array(count);
    const head = segment.offset - start;
    const whole = head === 0 && end === segment.offset + segment.lengthBytes;
    if (whole && count === 1 && hash !== undefined && data.byteLength === BLOCK_BYTES) {
      fresh[0] = hash ^ zeroSum;
      return fresh;
    }
    if (whole) {
      sumBlocks(data, fresh, 0);
      return fresh;
    }
    const blocks = Buffer.allocUnsafe(end - start);
    this.#readEdge(segment, blocks, start, start);
    if (count > 1) this.#readEdge(segment, blocks, start, end - BLOCK_BYTES);
    blocks.set(data, head);
    sumBlocks(blocks, fresh, 0);
    return fresh;
  }

  /** Reads a block that is partly kept; damage there must not be sealed over. */
  #readEdge(segment: Segment, blocks: Buffer, start: number, edge: number): void {
    const sums = this.#disk.sums.get(groupKey(this.handle, segment.group));
    assert(sums !== undefined, "prepared");
    const block = blocks.subarray(edge - start, edge - start + BLOCK_BYTES);
    const count = readFullySync(this.#open(), block, dataPosition(edge));
    block.fill(0, count);
    const covered =
      edge >= segment.offset && edge + BLOCK_BYTES <= segment.offset + segment.lengthBytes;
    if (covered) return;
    this.#check(block, sums, { group: segment.group, first: (edge % GROUP_BYTES) / BLOCK_BYTES });
  }

  #writeSums(group: number, first: number, fresh: BigUint64Array): void {
    const bytes = new Uint8Array(fresh.buffer, fresh.byteOffset, fresh.byteLength);
    writeFullySync(this.#open(), bytes, sumsPosition(group) + first * 8);
  }

  /** After a failed data write: whatever arrived is what the checksums shall say. */
  #sealAsFound(segment: Segment, sums: BigUint64Array): void {
    const { start, end, first, count } = cover(segment);
    const blocks = Buffer.alloc(end - start);
    readFullySync(this.#open(), blocks, dataPosition(start));
    const found = new BigUint64Array(count);
    sumBlocks(blocks, found, 0);
    this.#writeSums(segment.group, first, found);
    sums.set(found, first);
  }

  async #discard(offset: number, lengthBytes: number, sync: boolean): Promise<void> {
    const all = segmentsOf(offset, lengthBytes);
    for (let i = 0; i < all.length; i += DISCARD_GROUPS) {
      const segments = all.slice(i, i + DISCARD_GROUPS);
      await this.#ready(segments);
      for (const segment of segments) this.#discardSegment(segment);
    }
    if (sync) await this.#sync.wait();
  }

  /** Zeros over the parts of blocks at the edges, a hole for the whole blocks between. */
  #discardSegment(segment: Segment): void {
    const end = segment.offset + segment.lengthBytes;
    const firstBlock = Math.ceil(segment.offset / BLOCK_BYTES);
    const endBlock =
      end === this.sizeBytes ? Math.ceil(end / BLOCK_BYTES) : Math.floor(end / BLOCK_BYTES);
    if (firstBlock >= endBlock) {
      this.#zero(segment.group, segment.offset, end);
      return;
    }
    this.#zero(segment.group, segment.offset, firstBlock * BLOCK_BYTES);
    this.#zero(segment.group, endBlock * BLOCK_BYTES, end);
    this.#punch(segment.group, firstBlock % GROUP_BLOCKS, endBlock - firstBlock);
  }

  #punch(group: number, first: number, count: number): void {
    const sums = this.#disk.sums.get(groupKey(this.handle, group));
    assert(sums !== undefined, "prepared");
    const offset = group * GROUP_BYTES + first * BLOCK_BYTES;
    this.#changeCount += 1;
    try {
      if (count === this.#groupBlocks(group)) {
        punchHole(this.#open(), sumsPosition(group), SUMS_BYTES + count * BLOCK_BYTES);
      } else {
        this.#writeSums(group, first, new BigUint64Array(count));
        punchHole(this.#open(), dataPosition(offset), count * BLOCK_BYTES);
      }
    } catch (cause: unknown) {
      this.#sealAsFound({ group, offset, lengthBytes: count * BLOCK_BYTES }, sums);
      throw cause;
    }
    sums.fill(0n, first, first + count);
  }

  #zero(group: number, start: number, end: number): void {
    if (end <= start) return;
    const part = { group, offset: start, lengthBytes: end - start };
    this.#writeSegment(part, zeroBlock.subarray(0, end - start), start, undefined);
  }
}

const scratch = Buffer.allocUnsafe(BLOCK_BYTES);
const zeroSum = xxh3(zeroBlock);
