// Public face of object storage: keys, records, semantics and wire forms. Pure.
export { decodeCursor, encodeCursor, pageLimit } from "./cursor.ts";
export type { CursorScope } from "./cursor.ts";
export {
  afterObject,
  afterShard,
  compareBytes,
  compareText,
  entryKey,
  entryRange,
  eventKey,
  firstObject,
  objectKey,
  parseKey,
  RECORD_KIND,
  rememberedKey,
  shardKey,
  SYSTEM_SHARD,
  systemKey,
} from "./keys.ts";
export type { ParsedKey } from "./keys.ts";
export { ENTRY_KEY_BYTES_MAX, ID_BYTES_MAX, parseEntryKey, parseObjectId } from "./names.ts";
export type { NameResult } from "./names.ts";
export { planWrite } from "./object.ts";
export type { ObjectChange, ObjectReader, ObjectWrite, WritePlan } from "./object.ts";
export { RESERVED_KEYS_START, SnapshotError, STORE_KEY_BYTES_MAX, StoreError } from "./port.ts";
export type {
  CommitOptions,
  CommitOutcome,
  KvEngine,
  KvStats,
  ScanOptions,
  ScrubReport,
  Store,
  StoreCondition,
  StoreDamage,
  StoreErrorCode,
  StoreItem,
  StoreRange,
  StoreSnapshot,
  StoreUsage,
  StoreValue,
  StoreWrite,
} from "./port.ts";
export {
  decodeSegmentHeader,
  encodeFrame,
  encodeSegmentHeader,
  FRAME_HEADER_BYTES,
  frameBytes,
  LOG_VERSION,
  placeOfPosition,
  positionOf,
  readFrame,
  readMark,
  SEGMENT_HEADER_BYTES,
  SEGMENT_SPAN,
  STORE_ID_BYTES,
} from "./frame.ts";
export type { Frame, FrameMark, LogIdentity, LogRecord } from "./frame.ts";
export type { Checkpoint, Disk, DiskFile, SealedItem, SealedWrite, Timers } from "./ground.ts";
export { mergedPage, Overlay } from "./overlay.ts";
export type { Layer, LayerItem, MergedPage } from "./overlay.ts";
export { byteText, textBytes } from "./sorted.ts";
export type { TextRange } from "./sorted.ts";
export { decodeRecord, encodeRecord, INLINE_BYTES_MAX } from "./record.ts";
export type { Entry, ObjectRecord } from "./record.ts";
export * from "./replies.ts";
export * from "./requests.ts";
export { openSealed, readSealed, SEAL_BYTES, sealedBytes, sealValue, writeSealed } from "./seal.ts";
export type { Crc32, Sealable, Unsealed } from "./seal.ts";
export { scanFields, WireWriter } from "./wire.ts";
