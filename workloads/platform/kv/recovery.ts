// Reads a log after a start. Frames follow each other by sequence from where the checkpoint is
// complete. Where that ends, either the log ends, or something is lost: the marks in later frames
// say how far everything was durable, and only what lies above all of them may be a torn tail.
import type {
  Disk,
  Frame,
  FrameMark,
  LogIdentity,
  LogRecord,
} from "#workloads/core/store/index.ts";
import {
  decodeSegmentHeader,
  placeOfPosition,
  positionOf,
  readFrame,
  readMark,
  SEGMENT_HEADER_BYTES,
  StoreError,
} from "#workloads/core/store/index.ts";

import type { Segment } from "./segment-log.ts";
import { segmentName, segmentNumber } from "./segment-log.ts";

/** What the checkpoint says of the log. */
export interface LogMark extends FrameMark {
  readonly storeId: Uint8Array;
}

/** What was found. */
export interface ReadLog {
  /** Segments from the first that is needed; the log ends in the last. */
  readonly segments: readonly Segment[];
  /** After the last frame that follows the others. */
  readonly end: Omit<FrameMark, "synced">;
  /** Segments and bytes after the end, which were never durable as a whole. */
  readonly tail: { readonly segments: readonly Segment[]; readonly isEmpty: boolean };
  /** Acknowledged frames are missing: where and why, in words. */
  readonly damage: string | undefined;
}

/** Numbers of the segments in the folder, ascending. */
export async function listSegments(disk: Disk): Promise<readonly number[]> {
  const numbers = (await disk.names()).flatMap((name) => segmentNumber(name) ?? []);
  return numbers.sort((a, b) => a - b);
}

/**
 * Reads everything after the mark and hands the records of every whole frame to `apply`, in order,
 * those beyond a damage included. Changes nothing. Throws STORE_REFUSED for the log of another
 * store or of a newer program.
 */
export async function readLog(
  from: { readonly disk: Disk; readonly identity: LogIdentity; readonly turn: () => Promise<void> },
  mark: LogMark,
  apply: (records: readonly LogRecord[]) => void,
): Promise<ReadLog> {
  const reader = new LogReader(from.identity, mark, apply);
  const { number: first } = placeOfPosition(mark.position);
  for (const number of await listSegments(from.disk)) {
    if (number < first) continue;
    const file = await from.disk.open(segmentName(number));
    const bytes = await file.read(0, file.size);
    reader.read({ number, file }, bytes);
    await from.turn();
  }
  return reader.finish();
}

class LogReader {
  readonly #identity: LogIdentity;
  readonly #apply: (records: readonly LogRecord[]) => void;
  readonly #first: { readonly number: number; readonly offset: number };
  readonly #segments: Segment[] = [];
  /** Frames after the gap: applied if they were acknowledged, dropped with a torn tail. */
  readonly #beyond: Frame[] = [];
  /** Highest position that any mark calls durable. */
  #synced: number;
  /** After the last frame that follows the others, until one does not. */
  #stop: Omit<FrameMark, "synced">;
  /** After the last frame of all. */
  #end: Omit<FrameMark, "synced">;
  #hasGarbage = false;

  constructor(
    identity: LogIdentity,
    mark: LogMark,
    apply: (records: readonly LogRecord[]) => void,
  ) {
    this.#identity = identity;
    this.#apply = apply;
    this.#synced = mark.synced;
    this.#stop = { position: mark.position, sequence: mark.sequence };
    this.#end = this.#stop;
    this.#first = placeOfPosition(mark.position);
  }

  read(segment: Segment, bytes: Uint8Array): void {
    this.#segments.push(segment);
    const { number } = segment;
    this.#checkHeader(number, bytes);
    const isFirst = number === this.#first.number;
    let offset: number | undefined = isFirst ? this.#first.offset : SEGMENT_HEADER_BYTES;
    let follows = true;
    while (offset !== undefined) {
      const found = readFrame(this.#identity, bytes, { number, offset });
      if (found.kind === "frame") {
        this.#take(found.frame, number, follows);
        offset = found.frame.endOffset;
      } else {
        if (found.kind === "bad") this.#hasGarbage = true;
        offset = this.#nextMark(bytes, { number, offset });
        follows = false;
      }
    }
  }

  finish(): ReadLog {
    const stop = this.#stop;
    const { number } = placeOfPosition(stop.position);
    const damage = this.#damageAt(stop.position);
    if (damage !== undefined) for (const { records } of this.#beyond) this.#apply(records);
    return {
      segments: this.#segments.filter((segment) => segment.number <= number),
      end: damage === undefined ? stop : this.#end,
      tail: {
        segments: this.#segments.filter((segment) => segment.number > number),
        isEmpty: !this.#hasGarbage && this.#beyond.length === 0,
      },
      damage,
    };
  }

  #damageAt(stop: number): string | undefined {
    if (this.#segments[0]?.number !== this.#first.number) {
      return `the log's ${segmentName(this.#first.number)} is missing`;
    }
    if (this.#synced <= stop) return undefined;
    const places = `${placeText(stop)} and was durable up to ${placeText(this.#synced)}`;
    return `the log is damaged at ${places}`;
  }

  /** A bad header was torn when the segment was made, or has rotted: the frames tell. */
  #checkHeader(number: number, bytes: Uint8Array): void {
    const header = decodeSegmentHeader(this.#identity.crc32, bytes);
    const name = segmentName(number);
    if (header.kind === "newer") {
      const text = `${name} is of log version ${header.version}, newer than this program`;
      throw new StoreError("STORE_REFUSED", text);
    }
    if (header.kind === "bad") return;
    const isOurs = header.storeId.every((byte, at) => byte === this.#identity.storeId[at]);
    if (isOurs && header.number === number) return;
    throw new StoreError("STORE_REFUSED", `${name} belongs to the log of another store`);
  }

  #take(frame: Frame, number: number, follows: boolean): void {
    this.#synced = Math.max(this.#synced, frame.synced);
    const position = positionOf(number, frame.endOffset);
    this.#end = { position, sequence: frame.sequence + 1 };
    if (follows && frame.sequence === this.#stop.sequence && this.#beyond.length === 0) {
      this.#stop = this.#end;
      this.#apply(frame.records);
    } else this.#beyond.push(frame);
  }

  /** The next offset with a frame's whole header; its mark counts whatever became of the rest. */
  #nextMark(
    bytes: Uint8Array,
    from: { readonly number: number; readonly offset: number },
  ): number | undefined {
    const { number } = from;
    for (let offset = from.offset + 8; offset < bytes.byteLength; offset += 8) {
      if (isZero(bytes, offset)) continue;
      const mark = readMark(this.#identity, bytes, { number, offset });
      if (mark === undefined) {
        this.#hasGarbage = true;
        continue;
      }
      this.#synced = Math.max(this.#synced, mark.synced);
      return offset;
    }
    return undefined;
  }
}

function placeText(position: number): string {
  const { number, offset } = placeOfPosition(position);
  return `${segmentName(number)}:${offset}`;
}

/** Are these eight bytes zero? */
function isZero(bytes: Uint8Array, at: number): boolean {
  for (let offset = at; offset < at + 8; offset += 1) {
    if ((bytes[offset] ?? 0) !== 0) return false;
  }
  return true;
}
