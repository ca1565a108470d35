// The store of a program: a folder with a log and LMDB as its checkpoint.
//
//   store.mdb      values at rest; format version 1 had nothing else
//   log/*.seg      what is not there yet
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import type { Timers } from "#workloads/core/store/index.ts";

import { storeCrc32 } from "./crc32.ts";
import type { EngineLimits } from "./engine-parts.ts";
import { ENGINE_LIMITS } from "./engine-parts.ts";
import { openFileDisk } from "./file-disk.ts";
import { LmdbFile } from "./lmdb.ts";
import type { OpenOutcome } from "./open.ts";
import { openEngine } from "./open.ts";

/** File in which values rest. */
export const CHECKPOINT_FILE = "store.mdb";
/** Folder of the log. */
export const LOG_FOLDER = "log";

/** The time of this process. */
export const PROCESS_TIMERS: Timers = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  cpuMs: () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
  soon: (run) => void setImmediate(run),
  later: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** How a folder is opened. */
export interface LogStoreOptions {
  readonly folder: string;
  readonly limits?: Partial<EngineLimits>;
  /** The disk is full: makes room if it can and says whether it did. */
  readonly freeSpace?: () => Promise<boolean>;
}

/**
 * Opens the store in this folder, or makes it in an empty one. The caller holds the lock on the
 * folder and syncs it afterwards. Throws STORE_REFUSED.
 */
export async function openLogStore(options: LogStoreOptions): Promise<OpenOutcome> {
  const { folder } = options;
  const disk = await openFileDisk(join(folder, LOG_FOLDER));
  const checkpoint = new LmdbFile(join(folder, CHECKPOINT_FILE), PROCESS_TIMERS.monotonicMs);
  const ground = {
    disk,
    checkpoint,
    timers: PROCESS_TIMERS,
    crc32: storeCrc32,
    limits: { ...ENGINE_LIMITS, ...options.limits },
    freeSpace: options.freeSpace ?? (() => Promise.resolve(false)),
  };
  try {
    return await openEngine(ground, () => randomBytes(8));
  } catch (cause: unknown) {
    await checkpoint.close();
    throw cause;
  }
}
