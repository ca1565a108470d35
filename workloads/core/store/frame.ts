// The log of a store, in bytes. A frame holds whole commits and is there whole or not at all. All
// numbers are big-endian; segments begin with a header, frames begin at multiples of eight.
//
//   segment | "OSEG" | u32 version | store id 8 | u64 number | u32 0 | u32 crc32 of the 28 before |
//   frame   | "OFRM" | u32 payload bytes | u64 sequence | u64 position | u64 synced |
//           | u32 crc32 of the payload | u32 crc32 of the 36 before | payload | zeros to 8n |
//   payload | { u8 flags | u16 key bytes | u32 sealed bytes | key | sealed value } ... |
//
// Flag 1: the key is removed. A record's group is the head of its key, its index and crc32 the end
// of the sealed value (seal.ts): the same bytes go on to the checkpoint.
//
// `sequence` counts frames without gaps. `position` is segment * 2^27 + offset. `synced` is the
// position below which everything was durable when the frame was made: a frame that cannot be read
// below the mark of any later one was acknowledged and is lost, one above every mark is a torn
// tail. Checksums of headers start from that of the store id, so that no value can pass for a
// frame.
import { assert } from "#api/base/index.ts";

import type { StoreWrite } from "./port.ts";
import type { Crc32 } from "./seal.ts";
import { sealedBytes, writeSealed } from "./seal.ts";

/** Version of segments and frames. */
export const LOG_VERSION = 1;
/** Bytes of a segment's header. */
export const SEGMENT_HEADER_BYTES = 32;
/** Bytes of a frame's header. */
export const FRAME_HEADER_BYTES = 40;
/** Positions of one segment; no frame ends beyond. */
export const SEGMENT_SPAN = 2 ** 27;
/** Bytes of a store id. */
export const STORE_ID_BYTES = 8;

const SEGMENT_MAGIC = 0x4f53_4547;
const FRAME_MAGIC = 0x4f46_524d;
const RECORD_HEADER_BYTES = 7;
const REMOVED = 1;
const HIGH = 2 ** 32;

/** Whose log it is: checksums start from here. */
export interface LogIdentity {
  readonly crc32: Crc32;
  readonly storeId: Uint8Array;
}

/** One change as the log keeps it. Views of the frame's bytes. */
export interface LogRecord {
  readonly key: Uint8Array;
  /** Undefined: the key is removed. */
  readonly sealed: Uint8Array | undefined;
}

/** What a frame says besides its records. */
export interface FrameMark {
  readonly sequence: number;
  readonly position: number;
  readonly synced: number;
}

/** A frame that was read. */
export interface Frame extends FrameMark {
  readonly records: readonly LogRecord[];
  /** Offset of the first byte after it, in the segment. */
  readonly endOffset: number;
}

/** What stands at an offset of a segment. */
export type FrameAt =
  { readonly kind: "frame"; readonly frame: Frame } | { readonly kind: "none" | "bad" };

/** The header of a segment. */
export function encodeSegmentHeader(identity: LogIdentity, number: number): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, SEGMENT_MAGIC);
  view.setUint32(4, LOG_VERSION);
  bytes.set(identity.storeId, 8);
  setUint53(view, 16, number);
  view.setUint32(28, identity.crc32(bytes.subarray(0, 28), 0) >>> 0);
  return bytes;
}

/** What the header of a segment says. */
export type SegmentHeader =
  | { readonly kind: "ok"; readonly storeId: Uint8Array; readonly number: number }
  | { readonly kind: "newer"; readonly version: number }
  | { readonly kind: "bad" };

/** The inverse of {@link encodeSegmentHeader}. */
export function decodeSegmentHeader(crc32: Crc32, bytes: Uint8Array): SegmentHeader {
  if (bytes.byteLength < SEGMENT_HEADER_BYTES) return { kind: "bad" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, SEGMENT_HEADER_BYTES);
  if (view.getUint32(0) !== SEGMENT_MAGIC) return { kind: "bad" };
  if (crc32(bytes.subarray(0, 28), 0) >>> 0 !== view.getUint32(28)) return { kind: "bad" };
  const version = view.getUint32(4);
  if (version > LOG_VERSION) return { kind: "newer", version };
  return { kind: "ok", storeId: bytes.slice(8, 16), number: getUint53(view, 16) };
}

/** A frame of these commits, padded to a multiple of eight, and its records as views of it. */
export function encodeFrame(
  identity: LogIdentity,
  mark: FrameMark,
  writes: readonly StoreWrite[],
): { readonly bytes: Uint8Array; readonly records: readonly LogRecord[] } {
  const payloadBytes = payloadBytesOf(writes);
  const bytes = new Uint8Array(align(FRAME_HEADER_BYTES + payloadBytes));
  const view = new DataView(bytes.buffer);
  const records: LogRecord[] = [];
  let at = FRAME_HEADER_BYTES;
  for (const write of writes) {
    const record = writeRecord(identity.crc32, { bytes, view, at }, write);
    records.push(record.record);
    at = record.end;
  }
  assert(at === FRAME_HEADER_BYTES + payloadBytes, "a frame is as long as was counted");
  view.setUint32(0, FRAME_MAGIC);
  view.setUint32(4, payloadBytes);
  setUint53(view, 8, mark.sequence);
  setUint53(view, 16, mark.position);
  setUint53(view, 24, mark.synced);
  view.setUint32(32, identity.crc32(bytes.subarray(FRAME_HEADER_BYTES, at), 0) >>> 0);
  view.setUint32(36, headerCrc(identity, bytes));
  return { bytes, records };
}

/** Bytes that a frame of these commits takes. */
export function frameBytes(writes: readonly StoreWrite[]): number {
  return align(FRAME_HEADER_BYTES + payloadBytesOf(writes));
}

/**
 * The frame at this offset of a segment: `none` if nothing was ever written there, `bad` if what is
 * there is no whole frame of this store at this position.
 */
export function readFrame(
  identity: LogIdentity,
  segment: Uint8Array,
  at: { readonly number: number; readonly offset: number },
): FrameAt {
  const { offset } = at;
  const rest = segment.subarray(offset, offset + FRAME_HEADER_BYTES);
  if (rest.every((byte) => byte === 0)) return { kind: "none" };
  const mark = readMark(identity, segment, at);
  if (mark === undefined) return { kind: "bad" };
  const end = offset + FRAME_HEADER_BYTES + mark.payloadBytes;
  if (end > segment.byteLength) return { kind: "bad" };
  const payload = segment.subarray(offset + FRAME_HEADER_BYTES, end);
  if (identity.crc32(payload, 0) >>> 0 !== mark.payloadCrc) return { kind: "bad" };
  const { sequence, position, synced } = mark;
  const records = readRecords(payload);
  return { kind: "frame", frame: { sequence, position, synced, records, endOffset: align(end) } };
}

/** The mark of a frame whose header is whole, whatever became of its payload. */
export function readMark(
  identity: LogIdentity,
  segment: Uint8Array,
  at: { readonly number: number; readonly offset: number },
): (FrameMark & { readonly payloadBytes: number; readonly payloadCrc: number }) | undefined {
  const { number, offset } = at;
  if (offset + FRAME_HEADER_BYTES > segment.byteLength) return undefined;
  const header = segment.subarray(offset, offset + FRAME_HEADER_BYTES);
  const view = new DataView(header.buffer, header.byteOffset, FRAME_HEADER_BYTES);
  if (view.getUint32(0) !== FRAME_MAGIC) return undefined;
  if (view.getUint32(36) !== headerCrc(identity, header)) return undefined;
  const position = getUint53(view, 16);
  if (position !== positionOf(number, offset)) return undefined;
  return {
    sequence: getUint53(view, 8),
    position,
    synced: getUint53(view, 24),
    payloadBytes: view.getUint32(4),
    payloadCrc: view.getUint32(32),
  };
}

/** Position of an offset in a segment. */
export function positionOf(number: number, offset: number): number {
  assert(offset < SEGMENT_SPAN, "a segment ends within its span");
  return number * SEGMENT_SPAN + offset;
}

/** The inverse of {@link positionOf}. */
export function placeOfPosition(position: number): {
  readonly number: number;
  readonly offset: number;
} {
  const number = Math.floor(position / SEGMENT_SPAN);
  return { number, offset: position - number * SEGMENT_SPAN };
}

const EMPTY = new Uint8Array(0);

function payloadBytesOf(writes: readonly StoreWrite[]): number {
  let bytes = 0;
  for (const { key, value, expiresAtMs } of writes) {
    bytes += RECORD_HEADER_BYTES + key.byteLength + sealedBytes(value ?? EMPTY, expiresAtMs);
  }
  return bytes;
}

function writeRecord(
  crc32: Crc32,
  into: { readonly bytes: Uint8Array; readonly view: DataView; readonly at: number },
  write: StoreWrite,
): { readonly record: LogRecord; readonly end: number } {
  const { bytes, view, at } = into;
  const { key } = write;
  const value = write.value ?? EMPTY;
  const sealedLength = sealedBytes(value, write.expiresAtMs);
  view.setUint8(at, write.value === undefined ? REMOVED : 0);
  view.setUint16(at + 1, key.byteLength);
  view.setUint32(at + 3, sealedLength);
  const keyAt = at + RECORD_HEADER_BYTES;
  const sealedAt = keyAt + key.byteLength;
  const end = sealedAt + sealedLength;
  bytes.set(key, keyAt);
  writeSealed(crc32, bytes.subarray(keyAt, end), { ...write, value });
  const sealed = write.value === undefined ? undefined : bytes.subarray(sealedAt, end);
  return { record: { key: bytes.subarray(keyAt, sealedAt), sealed }, end };
}

function readRecords(payload: Uint8Array): readonly LogRecord[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const records: LogRecord[] = [];
  for (let at = 0; at < payload.byteLength;) {
    const isRemoved = (view.getUint8(at) & REMOVED) !== 0;
    const keyAt = at + RECORD_HEADER_BYTES;
    const sealedAt = keyAt + view.getUint16(at + 1);
    const end = sealedAt + view.getUint32(at + 3);
    assert(end <= payload.byteLength, "the records of a whole frame end with it");
    const key = payload.subarray(keyAt, sealedAt);
    records.push({ key, sealed: isRemoved ? undefined : payload.subarray(sealedAt, end) });
    at = end;
  }
  return records;
}

function headerCrc(identity: LogIdentity, bytes: Uint8Array): number {
  const { crc32, storeId } = identity;
  return crc32(bytes.subarray(0, 36), crc32(storeId, 0)) >>> 0;
}

function align(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

function setUint53(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / HIGH));
  view.setUint32(at + 4, value % HIGH);
}

function getUint53(view: DataView, at: number): number {
  return view.getUint32(at) * HIGH + view.getUint32(at + 4);
}
