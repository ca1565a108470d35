// The bytes of one object and their checksums in the page cache: everything here but `warm`, `load`
// and `seal` happens synchronously, so that data, checksums on the disk and checksums in memory
// never disagree and two changes never mix. Who may change what and when is object.ts's business.
import { closeSync, constants, openSync } from "node:fs";

import { assert } from "#api/base/index.ts";
import type { ObjectId } from "#workloads/core/ost/index.ts";
import {
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
  SUMS_BYTES,
  sumsPosition,
} from "./layout.ts";

/** What an object is, and where. */
export interface ObjectIdentity {
  readonly id: ObjectId;
  /** Unique among all objects of this run of the process. */
  readonly handle: number;
  readonly sizeBytes: number;
  readonly path: string;
}

/** How a read of one segment without waiting went. */
export type ReadAttempt = "read" | "would-wait";

const zeroBlock = new Uint8Array(BLOCK_BYTES);

/** The blocks that cover a segment: first index within the group, count, and where they start. */
function cover(segment: Segment) {
  const start = segment.offset - (segment.offset % BLOCK_BYTES);
  const end = Math.ceil((segment.offset + segment.lengthBytes) / BLOCK_BYTES) * BLOCK_BYTES;
  const first = (start % GROUP_BYTES) / BLOCK_BYTES;
  return { start, end, first, count: (end - start) / BLOCK_BYTES };
}

/** The open file of one object. The caller sees to it that nobody uses it after `close`. */
export class ObjectBytes {
  readonly #object: ObjectIdentity;
  readonly #disk: DiskContext;
  readonly #onOpen: () => void;
  #fd: number | undefined;
  #changeCount = 0;

  constructor(object: ObjectIdentity, disk: DiskContext, onOpen: () => void) {
    this.#object = object;
    this.#disk = disk;
    this.#onOpen = onOpen;
  }

  /** Grows with every change. */
  get changeCount(): number {
    return this.#changeCount;
  }

  /** Returns once every change made before the call is durable. Throws FILES_IO. */
  sync(): Promise<void> {
    return syncData(this.#open());
  }

  /** Closes the file; it is opened again when something needs it. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Whether the group's checksums are in memory. */
  isLoaded(group: number): boolean {
    return this.#disk.sums.has(this.#key(group));
  }

  /** Puts the group's checksums into memory; nobody else loads or changes them meanwhile. */
  async load(group: number): Promise<void> {
    const page = new BigUint64Array(GROUP_BLOCKS);
    await readFully(this.#open(), new Uint8Array(page.buffer), sumsPosition(group));
    this.#disk.sums.set(this.#key(group), page);
  }

  /**
   * Copies a segment to its place in `payload`, which starts at `base` of the object, if neither
   * data nor checksums have to be waited for. Throws OST_CHECKSUM.
   */
  readNow(segment: Segment, payload: Buffer, base: number): ReadAttempt {
    const sums = this.#disk.sums.get(this.#key(segment.group));
    if (sums === undefined) return "would-wait";
    const { start, end, first } = cover(segment);
    const whole = start === segment.offset && end === segment.offset + segment.lengthBytes;
    const at = segment.offset - base;
    const into = payload.subarray(at, at + segment.lengthBytes);
    const blocks = whole ? into : Buffer.allocUnsafe(end - start);
    const count = readCached(this.#open(), blocks, dataPosition(start));
    if (count !== blocks.byteLength) return "would-wait";
    this.#check(blocks, sums, { group: segment.group, first });
    if (!whole) blocks.copy(into, 0, segment.offset - start);
    return "read";
  }

  /**
   * As `readNow` after waiting for the disk; `blocking` does not let go of the event loop. Still
   * `would-wait` if the object was changed meanwhile.
   */
  async readWaiting(
    segment: Segment,
    payload: Buffer,
    base: number,
    blocking: boolean,
  ): Promise<ReadAttempt> {
    const { start, end, first } = cover(segment);
    const before = this.#changeCount;
    const blocks = Buffer.allocUnsafe(end - start);
    if (blocking) readFullySync(this.#open(), blocks, dataPosition(start));
    else await readFully(this.#open(), blocks, dataPosition(start));
    const sums = this.#disk.sums.get(this.#key(segment.group));
    if (sums === undefined || before !== this.#changeCount) return "would-wait";
    this.#check(blocks, sums, { group: segment.group, first });
    const from = segment.offset - start;
    blocks.copy(payload, segment.offset - base, from, from + segment.lengthBytes);
    return "read";
  }

  /**
   * XXH3 of what was just read, in the same turn, if that is one whole block: its checksum has been
   * compared with the bytes, so the bytes need not be hashed again for the wire.
   */
  blockHash(segments: readonly Segment[]): bigint | undefined {
    const [segment] = segments;
    if (segment?.lengthBytes !== BLOCK_BYTES || segment.offset % BLOCK_BYTES !== 0)
      return undefined;
    if (segments.length > 1) return undefined;
    const sum = this.#disk.sums.get(this.#key(segment.group))?.[cover(segment).first];
    return sum === undefined ? undefined : sum ^ zeroSum;
  }

  /** Undefined if the partly covered blocks can be read without waiting, else what to wait for. */
  warm(segments: readonly Segment[]): Promise<void> | undefined {
    const cold = edgesOf(segments).filter(
      (start) => readCached(this.#open(), scratch, dataPosition(start)) !== BLOCK_BYTES,
    );
    return cold.length === 0 ? undefined : this.#fetch(cold);
  }

  async #fetch(starts: readonly number[]): Promise<void> {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (const start of starts) await readFully(this.#open(), block, dataPosition(start));
  }

  /**
   * Writes `payload` over the segments, whose checksums are in memory; `hash` is its XXH3 if known.
   * Damage in a block that is partly kept throws OST_CHECKSUM before anything is written.
   */
  write(segments: readonly Segment[], payload: Uint8Array, hash?: bigint): void {
    const base = segments[0]?.offset ?? 0;
    // The hash on the wire is that of the block at rest only if the payload is one block.
    const known = payload.byteLength === BLOCK_BYTES ? hash : undefined;
    const parts = segments.map((segment) => {
      const at = segment.offset - base;
      const data = payload.subarray(at, at + segment.lengthBytes);
      return { segment, data, fresh: this.#freshSums(segment, data, known) };
    });
    for (const { segment, data, fresh } of parts) this.#writeSegment(segment, data, fresh);
  }

  /** Checksums first: if the disk has no room for their page, no data was touched. */
  #writeSegment(segment: Segment, data: Uint8Array, fresh: BigUint64Array): void {
    const sums = this.#sums(segment.group);
    const { first } = cover(segment);
    this.#changeCount += 1;
    this.#writeSums(segment.group, first, fresh);
    try {
      writeFullySync(this.#open(), data, dataPosition(segment.offset));
    } catch (cause: unknown) {
      this.#sealAsFound(segment, sums);
      throw cause;
    }
    sums.set(fresh, first);
  }

  /** The checksums of a segment's blocks once `data` is written to it. */
  #freshSums(segment: Segment, data: Uint8Array, hash: bigint | undefined): BigUint64Array {
    const { start, end, count } = cover(segment);
    const fresh = new BigUint64Array(count);
    const head = segment.offset - start;
    const whole = head === 0 && end === segment.offset + segment.lengthBytes;
    if (whole && count === 1 && hash !== undefined) {
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
    const sums = this.#sums(segment.group);
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

  /** Zeros over the parts of blocks at the edges, a hole for the whole blocks between. */
  discard(segment: Segment): void {
    const end = segment.offset + segment.lengthBytes;
    const firstBlock = Math.ceil(segment.offset / BLOCK_BYTES);
    const endBlock =
      end === this.#object.sizeBytes ? Math.ceil(end / BLOCK_BYTES) : Math.floor(end / BLOCK_BYTES);
    if (firstBlock >= endBlock) {
      this.#zero(segment.group, segment.offset, end);
      return;
    }
    this.#zero(segment.group, segment.offset, firstBlock * BLOCK_BYTES);
    this.#zero(segment.group, endBlock * BLOCK_BYTES, end);
    this.#punch(segment.group, firstBlock % GROUP_BLOCKS, endBlock - firstBlock);
  }

  #punch(group: number, first: number, count: number): void {
    const sums = this.#sums(group);
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
    this.write(
      [{ group, offset: start, lengthBytes: end - start }],
      zeroBlock.subarray(0, end - start),
    );
  }

  /**
   * After a crash: makes the checksums of a group those of the data as found. Returns how many
   * blocks did not match. Nothing else may use the object yet.
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
    this.#disk.sums.delete(this.#key(group));
    this.#changeCount += 1;
    return wrong.length;
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    try {
      this.#fd = openSync(this.#object.path, constants.O_RDWR);
    } catch (cause: unknown) {
      throw toFilesError(`open object ${this.#object.id}`, cause);
    }
    this.#onOpen();
    return this.#fd;
  }

  #key(group: number): GroupKey {
    return groupKey(this.#object.handle, group);
  }

  #sums(group: number): BigUint64Array {
    const sums = this.#disk.sums.get(this.#key(group));
    assert(sums !== undefined, "checksums are loaded before a change");
    return sums;
  }

  #check(
    blocks: Buffer,
    sums: BigUint64Array,
    at: { readonly group: number; readonly first: number },
  ): void {
    const [wrong] = mismatches(blocks, sums, at.first);
    if (wrong === undefined) return;
    const offset = at.group * GROUP_BYTES + wrong * BLOCK_BYTES;
    const where = `object ${this.#object.id}: block at ${String(offset)}`;
    const message = `${where} does not match its checksum`;
    const error = new OstError("OST_CHECKSUM", message);
    this.#disk.damaged(error);
    throw error;
  }

  #groupBlocks(group: number): number {
    const bytes = Math.min(GROUP_BYTES, this.#object.sizeBytes - group * GROUP_BYTES);
    return Math.ceil(bytes / BLOCK_BYTES);
  }
}

/** Starts of the blocks that are only partly covered. */
function edgesOf(segments: readonly Segment[]): readonly number[] {
  const starts = new Set<number>();
  for (const segment of segments) {
    const { start, end } = cover(segment);
    if (start !== segment.offset) starts.add(start);
    if (end !== segment.offset + segment.lengthBytes) starts.add(end - BLOCK_BYTES);
  }
  return [...starts];
}

const scratch = Buffer.allocUnsafe(BLOCK_BYTES);
const zeroSum = xxh3(zeroBlock);
