// An ordered file of sealed values in memory: what is committed is durable, everything else is lost
// with the process. Fails, fills and rots on command.
import type { Checkpoint, SealedItem, SealedWrite } from "../ground.ts";
import type { ScanOptions, StoreRange, StoreUsage } from "../port.ts";
import { byteText, SortedMap } from "../sorted.ts";
import { MemoryDiskError, Power } from "./memory-disk.ts";

const EVERYTHING = { reverse: false, limit: Number.MAX_SAFE_INTEGER };

/** What it does on purpose. */
export interface CheckpointFaults {
  /** Bytes of keys and values; for more there is no room. */
  capacityBytes?: number;
  /** The next commit fails, once. */
  failNext?: boolean;
  /** Waited for in every commit. */
  beforeCommit?: () => Promise<void>;
  readerAgeMs?: number;
}

/** See the top of the file. */
export class MemoryCheckpoint implements Checkpoint {
  readonly faults: CheckpointFaults = {};
  readonly power: Power;
  readonly #items = new SortedMap<SealedItem>();
  #liveBytes = 0;

  constructor(power: Power = new Power()) {
    this.power = power;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#items.get(byteText(key))?.sealed.slice();
  }

  page(range: StoreRange, options: Required<ScanOptions>): readonly SealedItem[] {
    return this.#items
      .page({ start: byteText(range.start), end: byteText(range.end) }, options)
      .map(([, { key, sealed }]) => ({ key: key.slice(), sealed: sealed.slice() }));
  }

  async room(writes: readonly SealedWrite[]): Promise<void> {
    await Promise.resolve();
    const bytes = writes.reduce((sum, { key, sealed }) => {
      return sum + (sealed === undefined ? 0 : key.byteLength + sealed.byteLength);
    }, 0);
    if (this.#liveBytes + bytes > (this.faults.capacityBytes ?? Number.POSITIVE_INFINITY)) {
      throw new MemoryDiskError("FILES_NO_SPACE", "commit: ENOSPC");
    }
  }

  async commit(writes: readonly SealedWrite[]): Promise<void> {
    await this.faults.beforeCommit?.();
    await Promise.resolve();
    this.power.spend();
    if (this.faults.failNext === true) {
      delete this.faults.failNext;
      throw new MemoryDiskError("FILES_IO", "commit: EIO");
    }
    for (const write of writes) this.#apply(write);
    this.power.spend();
  }

  usage(): StoreUsage {
    return { liveBytes: this.#liveBytes, fileBytes: this.#liveBytes };
  }

  readerAgeMs(): number {
    return this.faults.readerAgeMs ?? 0;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** What a power failure leaves: every commit whole or not at all. This one is off for good. */
  crash(power: Power): MemoryCheckpoint {
    this.power.left = 0;
    const next = new MemoryCheckpoint(power);
    for (const [, item] of this.#items.page({ start: "", end: undefined }, EVERYTHING)) {
      next.#apply(item);
    }
    return next;
  }

  /** Keys, to look at. */
  get size(): number {
    return this.#items.size;
  }

  /** Changes one bit of a value at rest. */
  flipBit(key: Uint8Array): void {
    const item = this.#items.get(byteText(key));
    if (item !== undefined) item.sealed[0] = (item.sealed[0] ?? 0) ^ 1;
  }

  #apply({ key, sealed }: SealedWrite): void {
    const text = byteText(key);
    const before = this.#items.get(text);
    if (before !== undefined) this.#liveBytes -= key.byteLength + before.sealed.byteLength;
    if (sealed === undefined) {
      this.#items.delete(text);
      return;
    }
    this.#liveBytes += key.byteLength + sealed.byteLength;
    this.#items.set(text, { key: key.slice(), sealed: sealed.slice() });
  }
}
