// What the checkpoint says of itself: up to which position of which log it is complete. Written in
// every transaction of a checkpoint, so that it is never ahead of the data beside it.
import type { Checkpoint, Crc32, SealedWrite } from "#workloads/core/store/index.ts";
import {
  openSealed,
  RESERVED_KEYS_START,
  sealValue,
  StoreError,
} from "#workloads/core/store/index.ts";

/** See the top of the file. */
export interface CheckpointMeta {
  /** Hexadecimal; the log has the same. */
  readonly storeId: string;
  /** Everything in the log below this position is in the checkpoint. */
  readonly position: number;
  /** Sequence of the frame at that position. */
  readonly sequence: number;
  /** The log was durable at least up to here. */
  readonly synced: number;
  /** Acknowledged writes were lost and have not been fetched again; in words. */
  readonly damage?: string | undefined;
}

/** A key of the engine's own. */
export function reservedKey(name: string, ...rest: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([RESERVED_KEYS_START, Buffer.from(name, "latin1"), ...rest]);
}

const META_KEY = reservedKey("log");

/** Undefined: the checkpoint has never had a log. Throws STORE_REFUSED if the record is damaged. */
export function readMeta(crc32: Crc32, checkpoint: Checkpoint): CheckpointMeta | undefined {
  const sealed = checkpoint.get(META_KEY);
  if (sealed === undefined) return undefined;
  const opened = openSealed(crc32, META_KEY, sealed);
  if (opened === undefined) {
    throw new StoreError("STORE_REFUSED", "the checkpoint's record of the log is damaged");
  }
  // Its checksum holds: it is as it was written.
  return JSON.parse(Buffer.from(opened.value).toString("utf8")) as CheckpointMeta;
}

/** The record as a change of the checkpoint. */
export function metaWrite(crc32: Crc32, meta: CheckpointMeta): SealedWrite {
  const value = Buffer.from(JSON.stringify(meta), "utf8");
  return { key: META_KEY, sealed: sealValue(crc32, { key: META_KEY, value, index: 0 }) };
}
