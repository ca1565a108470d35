// What an engine is made of, and its bounds.
import type { Checkpoint, Crc32, Disk, Overlay, Timers } from "#workloads/core/store/index.ts";

import type { CheckpointMeta } from "./checkpoint-meta.ts";
import type { SegmentLog } from "./segment-log.ts";

/** Bounds of an engine. */
export interface EngineLimits {
  /** Size of a segment; room for it is reserved. */
  readonly segmentBytes: number;
  /** Commits that came together share frames up to this size. */
  readonly frameBytes: number;
  /** A checkpoint begins when the log holds so much beyond the last one. */
  readonly checkpointBytes: number;
  /** Commits wait while the log holds more than this and a checkpoint is being made. */
  readonly logBytesMax: number;
  /** Puts and bytes of one transaction of a checkpoint. */
  readonly putsMax: number;
  readonly putBytesMax: number;
  /** Time without writes after which a mark says that the last one was synced. */
  readonly markMs: number;
  /** While a reader of the checkpoint is older, none is made: its file would only grow. */
  readonly readerAgeMaxMs: number;
}

/** Bounds that hold unless a disk is small. */
export const ENGINE_LIMITS: EngineLimits = {
  segmentBytes: 8 * 1024 * 1024,
  frameBytes: 1024 * 1024,
  checkpointBytes: 16 * 1024 * 1024,
  logBytesMax: 64 * 1024 * 1024,
  putsMax: 500,
  putBytesMax: 1024 * 1024,
  markMs: 20,
  readerAgeMaxMs: 10_000,
};

/** What an engine stands on. */
export interface EngineGround {
  readonly disk: Disk;
  readonly checkpoint: Checkpoint;
  readonly timers: Timers;
  readonly crc32: Crc32;
  readonly limits: EngineLimits;
  /** The disk is full: makes room if it can and says whether it did. */
  readonly freeSpace: () => Promise<boolean>;
}

/** An engine that has been opened. */
export interface EngineParts extends EngineGround {
  readonly log: SegmentLog;
  readonly overlay: Overlay;
  readonly meta: CheckpointMeta;
}
