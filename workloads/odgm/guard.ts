// What stands between the shards and the store: a failed commit ends the program, and a store that
// fills its disk refuses to grow.
import { statfs } from "node:fs/promises";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { KvEngine, Store, StoreWrite } from "#workloads/core/store/index.ts";

import { Ballast } from "./ballast.ts";
import { Housekeeping } from "./housekeeping.ts";
import type { DiskRoom } from "./raft/frames.ts";

/**
 * The same store; `onFailure` is told once if it fails, before any caller is, and `onCommitted` of
 * the bytes of every commit.
 */
export function guardStore(
  store: KvEngine,
  onFailure: (cause: unknown) => void,
  onCommitted: (bytes: number) => void,
): Store {
  store.whenFailed(onFailure);
  return {
    get: (key) => store.get(key),
    scan: (range, options) => store.scan(range, options),
    usage: () => store.usage(),
    close: () => store.close(),
    commit: async (writes, options) => {
      await store.commit(writes, options);
      onCommitted(bytesOf(writes));
    },
  };
}

function bytesOf(writes: readonly StoreWrite[]): number {
  let total = 0;
  for (const { key, value } of writes) total += key.byteLength + (value?.byteLength ?? 0);
  return total;
}

/** How full the disk is, as far as it matters to the store. */
export interface StorageLevel {
  readonly capacityBytes: number;
  readonly usedBytes: number;
}

/** Looked at this often, because others may fill the disk too ... */
const SAMPLE_MS = 500;
/** ... and whenever this share of the capacity has been written since. */
const SAMPLE_SHARE = 0.005;

/** What was full has room again below this part of the limit: not over and over with one write. */
const ROOM_SHARE = 0.98;
/** Overfull is who has used so much of what the limit leaves. */
const LEFT_SHARE = 2 / 3;

/** Says whether writes may make the store larger. Deletes always may run. */
export class StorageGuard {
  readonly #folder: string;
  readonly #store: KvEngine;
  readonly #ballast: Ballast;
  readonly #housekeeping: Housekeeping;
  readonly #limit: number;
  readonly #capacityBytes: number | undefined;
  readonly #log: Logger;
  readonly #onChange: (disk: DiskRoom) => void;
  readonly #timer: NodeJS.Timeout;
  #level: StorageLevel = { capacityBytes: 0, usedBytes: 0 };
  #disk: DiskRoom = "room";
  #writtenBytes = 0;

  constructor(options: {
    readonly folder: string;
    readonly store: KvEngine;
    /** Share of the capacity from which growth is refused. */
    readonly limit: number;
    /** Of the store alone; absent = the file system counts. */
    readonly capacityBytes: number | undefined;
    readonly log: Logger;
    /** Told whenever what the disk can take has changed. */
    readonly onChange: (disk: DiskRoom) => void;
  }) {
    this.#folder = options.folder;
    this.#store = options.store;
    this.#ballast = new Ballast(options.folder, options.log);
    this.#housekeeping = new Housekeeping(options.store, options.log);
    this.#limit = options.limit;
    this.#capacityBytes = options.capacityBytes;
    this.#log = options.log;
    this.#onChange = options.onChange;
    this.#timer = setInterval(() => void this.sample(), SAMPLE_MS);
    this.#timer.unref();
  }

  /** As of the last sample. */
  get level(): StorageLevel {
    return this.#level;
  }

  /** As of the last sample. */
  get isFull(): boolean {
    return this.#disk !== "room";
  }

  /** So many bytes went to the disk. */
  wrote(bytes: number): void {
    this.#writtenBytes += bytes;
    if (this.#writtenBytes > this.#level.capacityBytes * SAMPLE_SHARE) void this.sample();
  }

  /** Looks again. Trouble is logged and leaves the last level. */
  async sample(): Promise<void> {
    this.#writtenBytes = 0;
    try {
      this.#level = await this.#measure();
    } catch (cause: unknown) {
      this.#log.warn("cannot measure the disk", { error: errorMessage(cause) });
      return;
    }
    const disk = diskRoom(this.#level, this.#limit, this.#disk);
    const full = disk !== "room";
    if (full) this.#settle();
    else await this.#ballast.load();
    if (disk === this.#disk) return;
    const wasFull = this.isFull;
    this.#disk = disk;
    this.#onChange(disk);
    if (full === wasFull) return;
    const fields = { ...this.#level, limit: this.#limit };
    if (full) this.#log.warn("storage full: growth is refused", fields);
    else this.#log.info("storage has room again", fields);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#housekeeping.close();
  }

  /** Deletes make room only once they have left the log. */
  #settle(): void {
    this.#store.checkpoint().catch((cause: unknown) => {
      this.#log.warn("no checkpoint", { error: errorMessage(cause) });
    });
  }

  async #measure(): Promise<StorageLevel> {
    const { liveBytes, fileBytes } = this.#store.usage();
    if (this.#capacityBytes !== undefined) {
      return { capacityBytes: this.#capacityBytes, usedBytes: liveBytes };
    }
    const disk = await statfs(this.#folder);
    // What only root may use is not capacity. The file never shrinks; its free pages are room, and
    // so is the ballast.
    const takenBytes = (disk.blocks - disk.bfree) * disk.bsize - this.#ballast.bytes;
    return {
      capacityBytes: takenBytes + this.#ballast.bytes + disk.bavail * disk.bsize,
      usedBytes: takenBytes - Math.max(0, fileBytes - liveBytes),
    };
  }
}

/**
 * What a disk at this level can take. `limit` is the share of the capacity from which it is full;
 * who was anything but `room` stays so until it is clearly below.
 */
export function diskRoom(level: StorageLevel, limit: number, before: DiskRoom): DiskRoom {
  const { capacityBytes, usedBytes } = level;
  if (capacityBytes <= 0) return "room";
  const isOver = (share: number, was: boolean): boolean =>
    usedBytes >= capacityBytes * share * (was ? ROOM_SHARE : 1);
  if (isOver(limit + (1 - limit) * LEFT_SHARE, before === "overfull")) return "overfull";
  return isOver(limit, before !== "room") ? "full" : "room";
}
