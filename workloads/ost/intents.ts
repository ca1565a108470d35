// The write-intent table: which groups may hold torn blocks after a crash. A group is announced
// here, durably, before the first write to it reaches the page cache, and taken back some seconds
// after its last write has been synced. After a crash, only announced groups may have blocks whose
// checksum does not match, and those are sealed again as found; anywhere else a mismatch is damage.
//
// The file never changes its size, so that fdatasync of it is one disk write. Slot, 32 bytes:
//
//   0  id 16 bytes | 16 group u32 | 20 u32 0 | 24 XXH3 of the first 24 bytes u64
//
// A slot that does not match its hash is free: its write was never waited for, so nothing was
// written under it.
import { closeSync } from "node:fs";
import { writeFile } from "node:fs/promises";

import { assert } from "#api/base/index.ts";
import type { ObjectId } from "#workloads/core/ost/index.ts";
import {
  GroupSync,
  openOrCreate,
  readFully,
  syncData,
  writeFullySync,
} from "#workloads/platform/files/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import { GROUP_COUNT_MAX } from "./layout.ts";

const SLOT_BYTES = 32;
/** At most 16 GiB of groups are announced at a time, which bounds the work after a crash. */
export const SLOT_COUNT = 8192;
const TABLE_BYTES = SLOT_BYTES * SLOT_COUNT;

/** A group of an object, named so that it survives a restart. */
export interface GroupName {
  readonly id: ObjectId;
  readonly group: number;
}

/** (handle, group) as one number. */
export type GroupKey = number;

/** Key of a group; unique among all objects of this run of the process. */
export function groupKey(handle: number, group: number): GroupKey {
  return handle * GROUP_COUNT_MAX + group;
}

interface Entry {
  readonly slot: number;
  readonly handle: number;
  readonly group: number;
  durable: boolean;
  touchedAtMs: number;
}

/** A table with no group announced. */
export async function writeBlankIntents(path: string): Promise<void> {
  await writeFile(path, Buffer.alloc(TABLE_BYTES), { flush: true, mode: 0o600 });
}

/** The table of one disk. Synchronous but for `announce` and `sync`. */
export class Intents {
  readonly #fd: number;
  readonly #entries = new Map<GroupKey, Entry>();
  readonly #free: number[] = [];
  readonly #sync: GroupSync;
  readonly #slot = Buffer.alloc(SLOT_BYTES);

  private constructor(fd: number, taken: ReadonlySet<number>, onSync: (ms: number) => void) {
    this.#fd = fd;
    for (let slot = SLOT_COUNT - 1; slot >= 0; slot--) if (!taken.has(slot)) this.#free.push(slot);
    this.#sync = new GroupSync(async () => {
      const startedAtMs = performance.now();
      await syncData(fd);
      onSync(performance.now() - startedAtMs);
    });
  }

  /**
   * Opens the table and says what the last run left announced: `left` is to be sealed, then
   * forgotten with `forget`. Until then its slots are not used.
   */
  static async open(
    path: string,
    onSync: (ms: number) => void,
  ): Promise<{ readonly intents: Intents; readonly left: ReadonlyMap<number, GroupName> }> {
    const fd = openOrCreate(path);
    const table = Buffer.alloc(TABLE_BYTES);
    await readFully(fd, table, 0);
    const left = new Map<number, GroupName>();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const name = decodeSlot(table.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES));
      if (name !== undefined) left.set(slot, name);
    }
    return { intents: new Intents(fd, new Set(left.keys()), onSync), left };
  }

  get size(): number {
    return this.#entries.size;
  }

  get freeCount(): number {
    return this.#free.length;
  }

  /** Whether the group may be written now; if so its idle time starts again. */
  mayWrite(key: GroupKey, nowMs: number): boolean {
    const entry = this.#entries.get(key);
    if (entry?.durable !== true) return false;
    entry.touchedAtMs = nowMs;
    return true;
  }

  has(key: GroupKey): boolean {
    return this.#entries.has(key);
  }

  /**
   * Announces groups of one object; they may be written once it resolves (ask `mayWrite`). False at
   * once if the table is full: take something back first. Rejects if the sync fails.
   */
  announce(
    object: { readonly id: ObjectId; readonly handle: number },
    groups: readonly number[],
    nowMs: number,
  ): Promise<void> | false {
    const missing = groups.filter((group) => !this.has(groupKey(object.handle, group)));
    if (missing.length > this.#free.length) return false;
    for (const group of missing) {
      const slot = this.#free.pop();
      assert(slot !== undefined, "free slots were counted");
      encodeSlot(this.#slot, { id: object.id, group });
      writeFullySync(this.#fd, this.#slot, slot * SLOT_BYTES);
      const entry = { slot, handle: object.handle, group, durable: false, touchedAtMs: nowMs };
      this.#entries.set(groupKey(object.handle, group), entry);
    }
    const entries = groups.map((group) => this.#entries.get(groupKey(object.handle, group)));
    return this.#sync.wait().then(() => {
      for (const entry of entries) if (entry !== undefined) entry.durable = true;
    });
  }

  /** Announced groups not written since `beforeMs`, by handle; the oldest `most` of them. */
  idle(beforeMs: number, most: number): ReadonlyMap<number, readonly number[]> {
    const old = [...this.#entries.values()]
      .filter((entry) => entry.durable && entry.touchedAtMs <= beforeMs)
      .sort((a, b) => a.touchedAtMs - b.touchedAtMs)
      .slice(0, most);
    const byHandle = new Map<number, number[]>();
    for (const { handle, group } of old) {
      const groups = byHandle.get(handle);
      if (groups === undefined) byHandle.set(handle, [group]);
      else groups.push(group);
    }
    return byHandle;
  }

  /** When the group was last written, or undefined if it is not announced. */
  touchedAtMs(key: GroupKey): number | undefined {
    return this.#entries.get(key)?.touchedAtMs;
  }

  /**
   * Takes a group back: everything written to it must be durable. Not synced: after a crash it may
   * still be announced, which costs only time.
   */
  takeBack(key: GroupKey): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.forget(entry.slot);
  }

  /** Frees a slot that `open` found. Its groups have been sealed durably, or are gone. */
  forget(slot: number): void {
    this.#slot.fill(0);
    writeFullySync(this.#fd, this.#slot, slot * SLOT_BYTES);
    this.#free.push(slot);
  }

  /** Resolves once everything so far is durable. */
  sync(): Promise<void> {
    return this.#sync.wait();
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function encodeSlot(slot: Buffer, name: GroupName): void {
  slot.fill(0);
  Buffer.from(name.id.replaceAll("-", ""), "hex").copy(slot, 0);
  slot.writeUInt32LE(name.group, 16);
  slot.writeBigUInt64LE(xxh3(slot.subarray(0, 24)), 24);
}

function decodeSlot(slot: Buffer): GroupName | undefined {
  if (slot.readBigUInt64LE(24) !== xxh3(slot.subarray(0, 24))) return undefined;
  const hex = slot.toString("hex", 0, 16);
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return { id: id as ObjectId, group: slot.readUInt32LE(16) };
}
