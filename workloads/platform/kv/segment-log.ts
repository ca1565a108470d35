// The log of a store: frames appended to segment files, made durable by one sync for everything
// that was appended before. Room is reserved a segment ahead; while there is none, appends wait.
import { assert, errorMessage } from "#api/base/index.ts";
import type {
  Disk,
  DiskFile,
  FrameMark,
  LogIdentity,
  LogRecord,
  StoreWrite,
  Timers,
} from "#workloads/core/store/index.ts";
import {
  encodeFrame,
  encodeSegmentHeader,
  frameBytes,
  placeOfPosition,
  positionOf,
  SEGMENT_HEADER_BYTES,
} from "#workloads/core/store/index.ts";

/** A file of the log. */
export interface Segment {
  readonly number: number;
  readonly file: DiskFile;
}

/** What a log needs. */
export interface LogContext {
  readonly disk: Disk;
  readonly identity: LogIdentity;
  readonly timers: Timers;
  /** A new segment is begun when a frame would end beyond. */
  readonly segmentBytes: number;
  /** The disk is full: makes room if it can and says whether it did. */
  readonly freeSpace: () => Promise<boolean>;
}

/** How long a log waits for room before it looks again. */
const SPACE_RETRY_MS = 500;

/** See the top of the file. One append or sync at a time. */
export class SegmentLog {
  readonly #context: LogContext;
  readonly #segments: Segment[];
  #offset: number;
  #sequence: number;
  #synced: number;
  /** Up to here the log itself says that it is durable. */
  #marked: number;
  #prepared: Promise<Segment | undefined> | undefined;
  #waiting = 0;

  /** `end` is the position where the last of the segments ends; everything in them is durable. */
  constructor(context: LogContext, segments: readonly Segment[], end: Omit<FrameMark, "synced">) {
    this.#context = context;
    this.#segments = [...segments];
    this.#offset = placeOfPosition(end.position).offset;
    this.#sequence = end.sequence;
    this.#synced = end.position;
    this.#marked = end.position;
    assert(
      this.#current.number === placeOfPosition(end.position).number,
      "a log ends in a segment",
    );
  }

  /** Position after the last frame. */
  get end(): number {
    return positionOf(this.#current.number, this.#offset);
  }

  /** Everything below this position is durable. */
  get synced(): number {
    return this.#synced;
  }

  /** Sequence of the next frame. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Does a frame say that everything synced is durable? */
  get isMarked(): boolean {
    return this.#marked >= this.#synced;
  }

  get waitsForSpace(): boolean {
    return this.#waiting > 0;
  }

  /** Bytes of the files. */
  get fileBytes(): number {
    return this.#segments.reduce((sum, { file }) => sum + file.size, 0);
  }

  /** Bytes of frames between a position and the end. */
  bytesSince(position: number): number {
    const from = placeOfPosition(position);
    let bytes = this.#offset;
    for (const { number, file } of this.#segments) {
      if (number === this.#current.number) bytes -= number === from.number ? from.offset : 0;
      else if (number > from.number) bytes += file.size;
      else if (number === from.number) bytes += Math.max(0, file.size - from.offset);
    }
    return bytes;
  }

  /** Appends one frame. It is durable after the next {@link sync}. */
  async append(writes: readonly StoreWrite[]): Promise<readonly LogRecord[]> {
    const size = frameBytes(writes);
    if (this.#offset > SEGMENT_HEADER_BYTES && this.#offset + size > this.#context.segmentBytes) {
      await this.#rotate();
    }
    const mark = { sequence: this.#sequence, position: this.end, synced: this.#synced };
    const { bytes, records } = encodeFrame(this.#context.identity, mark, writes);
    const { file } = this.#current;
    await this.withSpace(() => file.write(this.#offset, bytes));
    this.#offset += bytes.byteLength;
    this.#sequence += 1;
    this.#marked = mark.synced;
    if (this.#offset > this.#context.segmentBytes / 2) this.#prepare();
    return records;
  }

  /** Everything appended before is durable when it resolves. Never called again after a failure. */
  async sync(): Promise<void> {
    const { end } = this;
    if (end === this.#synced) return;
    await this.#current.file.sync();
    this.#synced = end;
  }

  /** Removes segments that end below this position. */
  async trim(position: number): Promise<void> {
    const { number } = placeOfPosition(position);
    while ((this.#segments[0]?.number ?? number) < number) {
      const segment = this.#segments.shift();
      if (segment !== undefined) await removeSegment(this.#context.disk, segment);
    }
  }

  /** Does it, again and again while the disk is full. Other failures are thrown. */
  async withSpace<T>(write: () => Promise<T>): Promise<T> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await write();
      } catch (cause: unknown) {
        if (!isNoSpace(cause)) throw cause;
      }
      if (isFirst && (await this.#context.freeSpace())) continue;
      this.#waiting += 1;
      await this.#pause();
      this.#waiting -= 1;
    }
  }

  async close(): Promise<void> {
    const prepared = await this.#prepared?.catch(() => undefined);
    for (const { file } of this.#segments) file.close();
    prepared?.file.close();
  }

  get #current(): Segment {
    const last = this.#segments.at(-1);
    assert(last !== undefined, "a log has a segment");
    return last;
  }

  async #rotate(): Promise<void> {
    await this.sync();
    const number = this.#current.number + 1;
    const ahead = await this.#prepared;
    this.#prepared = undefined;
    const next = ahead ?? (await this.withSpace(() => createSegment(this.#context, number)));
    this.#segments.push(next);
    this.#offset = SEGMENT_HEADER_BYTES;
  }

  /** Without room there is none ahead, and the rotation waits for it. */
  #prepare(): void {
    this.#prepared ??= createSegment(this.#context, this.#current.number + 1).catch(
      (cause: unknown) => {
        if (isNoSpace(cause)) return undefined;
        return Promise.reject(cause instanceof Error ? cause : new Error(errorMessage(cause)));
      },
    );
    // Whoever rotates sees the failure.
    this.#prepared.catch(() => undefined);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#context.timers.later(SPACE_RETRY_MS, resolve);
    });
  }
}

/** Name of a segment's file. */
export function segmentName(number: number): string {
  return `${number.toString(16).padStart(8, "0")}.seg`;
}

/** The number in such a name. */
export function segmentNumber(name: string): number | undefined {
  const digits = /^([0-9a-f]{8})\.seg$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

/** Makes an empty segment; durable, its name included, when it resolves. */
export async function createSegment(
  context: Pick<LogContext, "disk" | "identity" | "segmentBytes">,
  number: number,
): Promise<Segment> {
  const { disk, identity, segmentBytes } = context;
  const file = await disk.create(segmentName(number), segmentBytes);
  await file.write(0, encodeSegmentHeader(identity, number));
  await file.sync();
  await disk.syncNames();
  return { number, file };
}

/** Removes a segment; it may be back after a crash. */
export async function removeSegment(disk: Disk, segment: Segment): Promise<void> {
  segment.file.close();
  await disk.remove(segmentName(segment.number));
}

/** Did it fail for lack of room? */
export function isNoSpace(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "FILES_NO_SPACE";
}
