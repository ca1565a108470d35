// A disk in memory that loses, tears, rots and fills up on command. What was not synced is lost when
// it crashes: every write apart is kept, dropped or torn in sectors, which also reorders them; names
// that were not synced survive as a prefix.
import { PlatformError } from "#api/base/index.ts";
import type { Rng } from "#api/base/index.ts";

import type { Disk, DiskFile } from "../ground.ts";

/** What the disk does on purpose. All may be changed while it is used. */
export interface DiskFaults {
  /** Bytes of all files; more is FILES_NO_SPACE. */
  capacityBytes?: number;
  /** Syncs say that they have done it and have not. */
  lieAboutSync?: boolean;
  /** The next write, sync or read fails, once. */
  failNext?: "write" | "sync" | "read";
  /** Waited for in every sync; a test holds them here. */
  beforeSync?: () => Promise<void>;
}

/** The power of a machine: it fails after so many operations, for all disks at once. */
export class Power {
  /** Operations until it fails. */
  left = Number.POSITIVE_INFINITY;

  get isOff(): boolean {
    return this.left <= 0;
  }

  /** Throws once it has failed. */
  spend(): void {
    this.left -= 1;
    if (this.isOff) throw new MemoryDiskError("FILES_IO", "the power has failed");
  }
}

/** Thrown by the disk; the code is FILES_NO_SPACE or FILES_IO. */
export class MemoryDiskError extends PlatformError {
  override readonly name = "MemoryDiskError";
  override readonly code: "FILES_NO_SPACE" | "FILES_IO";

  constructor(code: "FILES_NO_SPACE" | "FILES_IO", message: string) {
    super(message);
    this.code = code;
  }
}

type Change =
  | { readonly kind: "write"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly length: number };

interface Inode {
  durable: Uint8Array;
  content: Uint8Array;
  pending: Change[];
}

interface NameChange {
  readonly name: string;
  readonly inode: Inode | undefined;
}

const SECTOR_BYTES = 512;

/** See the top of the file. */
export class MemoryDisk implements Disk {
  readonly faults: DiskFaults = {};
  readonly power: Power;
  readonly #durable = new Map<string, Inode>();
  readonly #names = new Map<string, Inode>();
  #pending: NameChange[] = [];

  constructor(power: Power = new Power()) {
    this.power = power;
  }

  names(): Promise<readonly string[]> {
    return Promise.resolve([...this.#names.keys()].sort());
  }

  async create(name: string, bytes: number): Promise<DiskFile> {
    await this.#fail("write");
    if (this.#names.has(name)) throw new MemoryDiskError("FILES_IO", `${name} exists`);
    this.#reserve(bytes);
    const content = new Uint8Array(bytes);
    const inode: Inode = { durable: new Uint8Array(0), content, pending: [] };
    inode.pending.push({ kind: "truncate", length: bytes });
    this.#names.set(name, inode);
    this.#pending.push({ name, inode });
    return this.#file(inode);
  }

  open(name: string): Promise<DiskFile> {
    const inode = this.#names.get(name);
    if (inode !== undefined) return Promise.resolve(this.#file(inode));
    return Promise.reject(new MemoryDiskError("FILES_IO", `no file ${name}`));
  }

  async remove(name: string): Promise<void> {
    await this.#fail("write");
    if (this.#names.delete(name)) this.#pending.push({ name, inode: undefined });
  }

  async syncNames(): Promise<void> {
    const until = this.#pending.length;
    if (await this.#syncs()) return;
    for (const { name, inode } of this.#pending.splice(0, until))
      setName(this.#durable, name, inode);
  }

  /**
   * What a power failure leaves, on a disk of its own: what was durable and any part of the rest.
   * This one is off for good.
   */
  crash(rng: Rng, power: Power): MemoryDisk {
    this.power.left = 0;
    const next = new MemoryDisk(power);
    next.#take(this.#survivors(rng));
    return next;
  }

  #survivors(rng: Rng): ReadonlyMap<string, Inode> {
    const kept = Math.floor(rng.next() * (this.#pending.length + 1));
    for (const { name, inode } of this.#pending.splice(0, kept))
      setName(this.#durable, name, inode);
    this.#pending = [];
    for (const inode of this.#durable.values()) {
      for (const change of inode.pending) inode.durable = keepSome(inode.durable, change, rng);
    }
    return this.#durable;
  }

  #take(files: ReadonlyMap<string, Inode>): void {
    for (const [name, { durable }] of files) {
      const inode = { durable: durable.slice(), content: durable.slice(), pending: [] };
      this.#names.set(name, inode);
      this.#durable.set(name, inode);
    }
  }

  /** Bytes of all files. */
  get usedBytes(): number {
    let used = 0;
    for (const { content } of this.#names.values()) used += content.byteLength;
    return used;
  }

  /** Content of a file, to look at. */
  bytesOf(name: string): Uint8Array {
    return this.#names.get(name)?.content.slice() ?? new Uint8Array(0);
  }

  /** Changes one bit at rest. */
  flipBit(name: string, at: number): void {
    const inode = this.#names.get(name);
    if (inode === undefined || at >= inode.content.byteLength) return;
    inode.content[at] = (inode.content[at] ?? 0) ^ 1;
    inode.durable[at] = (inode.durable[at] ?? 0) ^ 1;
  }

  #file(inode: Inode): DiskFile {
    return {
      get size() {
        return inode.content.byteLength;
      },
      read: async (at, length) => {
        await this.#fail("read");
        return inode.content.slice(at, at + length);
      },
      write: async (at, bytes) => {
        await this.#fail("write");
        this.#reserve(at + bytes.byteLength - inode.content.byteLength);
        const change: Change = { kind: "write", at, bytes: bytes.slice() };
        inode.content = applied(inode.content, change);
        inode.pending.push(change);
      },
      truncate: async (length) => {
        await this.#fail("write");
        const change: Change = { kind: "truncate", length };
        inode.content = applied(inode.content, change);
        inode.pending.push(change);
      },
      sync: async () => {
        const until = inode.pending.length;
        if (await this.#syncs()) return;
        for (const change of inode.pending.splice(0, until)) {
          inode.durable = applied(inode.durable, change);
        }
      },
      close: () => undefined,
    };
  }

  /** True if it only says so. */
  async #syncs(): Promise<boolean> {
    await this.faults.beforeSync?.();
    await this.#fail("sync");
    this.power.spend();
    return this.faults.lieAboutSync === true;
  }

  async #fail(what: "write" | "sync" | "read"): Promise<void> {
    await Promise.resolve();
    this.power.spend();
    if (this.faults.failNext !== what) return;
    delete this.faults.failNext;
    throw new MemoryDiskError("FILES_IO", `${what}: EIO`);
  }

  #reserve(bytes: number): void {
    if (bytes <= 0 || this.faults.capacityBytes === undefined) return;
    if (this.usedBytes + bytes > this.faults.capacityBytes) {
      throw new MemoryDiskError("FILES_NO_SPACE", "write: ENOSPC");
    }
  }
}

function setName(names: Map<string, Inode>, name: string, inode: Inode | undefined): void {
  if (inode === undefined) names.delete(name);
  else names.set(name, inode);
}

function applied(content: Uint8Array, change: Change): Uint8Array {
  switch (change.kind) {
    case "truncate": {
      const next = new Uint8Array(change.length);
      next.set(content.subarray(0, change.length), 0);
      return next;
    }
    case "write": {
      const end = change.at + change.bytes.byteLength;
      let next = content;
      if (end > content.byteLength) {
        next = new Uint8Array(end);
        next.set(content, 0);
      }
      next.set(change.bytes, change.at);
      return next;
    }
  }
}

function keepSome(durable: Uint8Array, change: Change, rng: Rng): Uint8Array {
  const choice = rng.next();
  if (choice < 0.33) return durable;
  if (choice < 0.66 || change.kind === "truncate") return applied(durable, change);
  let torn = durable;
  for (let at = 0; at < change.bytes.byteLength;) {
    const next = (Math.floor((change.at + at) / SECTOR_BYTES) + 1) * SECTOR_BYTES - change.at;
    const end = Math.min(change.bytes.byteLength, next);
    const bytes = change.bytes.subarray(at, end);
    if (rng.next() < 0.5) torn = applied(torn, { kind: "write", at: change.at + at, bytes });
    at = end;
  }
  return torn;
}
