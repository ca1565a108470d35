// The disk of a simulated machine as one process sees it: memory that takes time to sync, and knows
// which of its bytes a later synced frame vouches for, so that a bit that rots there is damage and
// can never be taken for a torn tail.
import type { Rng } from "#api/base/index.ts";
import { assert } from "#api/base/index.ts";
import type { Disk, DiskFile } from "#workloads/core/store/index.ts";
import { MemoryCheckpoint } from "#workloads/core/store/testing/memory-checkpoint.ts";
import { MemoryDisk, Power } from "#workloads/core/store/testing/memory-disk.ts";

import type { Loop } from "./loop.ts";

/** Milliseconds that a sync takes, from and to. */
export interface DiskSpeed {
  fromMs: number;
  toMs: number;
}

/** What is durable where. */
interface Marked {
  written: number;
  /** End of what was written at the last sync, and at the one before. */
  synced: number;
  vouched: number;
}

/** What a machine's disk holds; see the top of the file. */
export class Ground {
  disk: MemoryDisk;
  checkpoint: MemoryCheckpoint;
  readonly speed: DiskSpeed = { fromMs: 0.3, toMs: 2 };
  private marks = new Map<string, Marked>();

  constructor() {
    const power = new Power();
    this.disk = new MemoryDisk(power);
    this.checkpoint = new MemoryCheckpoint(power);
  }

  get power(): Power {
    return this.disk.power;
  }

  /** What a power failure leaves takes the place of what was. */
  loseTail(rng: Rng): void {
    const power = new Power();
    const { capacityBytes } = this.disk.faults;
    const rest = this.checkpoint.faults.capacityBytes;
    this.disk = this.disk.crash(rng, power);
    this.checkpoint = this.checkpoint.crash(power);
    if (capacityBytes !== undefined) this.disk.faults.capacityBytes = capacityBytes;
    if (rest !== undefined) this.checkpoint.faults.capacityBytes = rest;
  }

  /** The process that used it is gone, what it wrote is not. */
  disown(): void {
    delete this.disk.faults.failNext;
    delete this.checkpoint.faults.failNext;
  }

  /** For one process. */
  openedBy(loop: Loop, rng: Rng): { readonly disk: Disk; readonly checkpoint: MemoryCheckpoint } {
    const { disk, checkpoint, speed } = this;
    const wait = (): Promise<void> =>
      loop.sleep(speed.fromMs + rng.next() * (speed.toMs - speed.fromMs));
    checkpoint.faults.beforeCommit = wait;
    return { disk: new TimedDisk(disk, { loop, wait, ground: this }), checkpoint };
  }

  wrote(name: string, end: number): void {
    const marked = this.marked(name);
    marked.written = Math.max(marked.written, end);
  }

  synced(name: string, upTo: number): void {
    const marked = this.marked(name);
    if (upTo <= marked.synced) return;
    marked.vouched = marked.synced;
    marked.synced = upTo;
  }

  writtenTo(name: string): number {
    return this.marked(name).written;
  }

  forget(name: string): void {
    this.marks.delete(name);
  }

  /** A process has read and synced all of it. */
  reopened(): void {
    this.marks = new Map();
  }

  private marked(name: string): Marked {
    let marked = this.marks.get(name);
    if (marked === undefined) {
      marked = { written: 0, synced: 0, vouched: 0 };
      this.marks.set(name, marked);
    }
    return marked;
  }

  /** Flips a bit of the log that was acknowledged; false if there is none. */
  rotLog(rng: Rng): boolean {
    const places = [...this.marks].filter(([, { vouched }]) => vouched > 0);
    const place = places[Math.floor(rng.next() * places.length)];
    if (place === undefined) return false;
    const [name, { vouched }] = place;
    this.disk.flipBit(name, Math.floor(rng.next() * vouched));
    return true;
  }

  /** Flips a bit of a value at rest; false if there is none that a store may lose. */
  rotCheckpoint(rng: Rng): boolean {
    const all = this.checkpoint.page(EVERYTHING, { reverse: false, limit: PAGE });
    const item = all[Math.floor(rng.next() * all.length)];
    if (item === undefined) return false;
    this.checkpoint.flipBit(item.key);
    return true;
  }

  /** From now on there is room for so many bytes more, or without end. */
  fill(leftBytes: number | undefined): void {
    const { disk, checkpoint } = this;
    if (leftBytes === undefined) {
      delete disk.faults.capacityBytes;
      delete checkpoint.faults.capacityBytes;
      return;
    }
    disk.faults.capacityBytes = disk.usedBytes + leftBytes;
    checkpoint.faults.capacityBytes = checkpoint.usage().liveBytes + leftBytes;
  }
}

/** Keys of shards, and not what tells whose the store is. */
const EVERYTHING = { start: new Uint8Array(1), end: new Uint8Array(4).fill(0xff) };
const PAGE = 2_000;

interface Timing {
  readonly loop: Loop;
  readonly ground: Ground;
  /** What a sync takes. */
  readonly wait: () => Promise<void>;
}

/** Syncs take time; the process that has ended does nothing more. */
class TimedDisk implements Disk {
  private readonly inner: MemoryDisk;
  private readonly timing: Timing;

  constructor(inner: MemoryDisk, timing: Timing) {
    this.inner = inner;
    this.timing = timing;
  }

  names(): Promise<readonly string[]> {
    return this.inner.names();
  }

  async create(name: string, bytes: number): Promise<DiskFile> {
    this.check();
    this.timing.ground.forget(name);
    return this.file(name, await this.inner.create(name, bytes));
  }

  async open(name: string): Promise<DiskFile> {
    return this.file(name, await this.inner.open(name));
  }

  async remove(name: string): Promise<void> {
    this.check();
    this.timing.ground.forget(name);
    await this.inner.remove(name);
  }

  async syncNames(): Promise<void> {
    await this.timing.wait();
    await this.inner.syncNames();
  }

  private check(): void {
    assert(!this.timing.loop.isOver, "a process that has ended writes nothing");
  }

  private file(name: string, file: DiskFile): DiskFile {
    const { wait, ground } = this.timing;
    return {
      get size() {
        return file.size;
      },
      read: (at, length) => file.read(at, length),
      write: async (at, bytes) => {
        this.check();
        await file.write(at, bytes);
        ground.wrote(name, at + bytes.byteLength);
      },
      truncate: (length) => file.truncate(length),
      sync: async () => {
        const upTo = ground.writtenTo(name);
        await wait();
        await file.sync();
        ground.synced(name, upTo);
      },
      close: () => file.close(),
    };
  }
}
