// The source's side of one attempt of a move: which records are still to be sent. First everything
// in the order of the keys, while writes go on; what was written meanwhile goes again. Sans-io:
// whoever drives it tells of every change from before the first part on, and asks for parts.
import type { Hasher } from "#api/base/index.ts";
import { slotOf } from "#workloads/core/slots/index.ts";
import {
  afterObject,
  afterShard,
  objectKey,
  parseKey,
  RECORD_KIND,
} from "#workloads/core/store/index.ts";

import type { PartChange } from "./commands.ts";
import type { RecordReader } from "./machine.ts";
import { recordKeyOf } from "./machine.ts";

/** Which records of the shard itself, those with the empty id, go with which slot. */
export interface RecordSlots {
  /** The slot; "last": it changes with every write and goes with the last parts; else it stays. */
  (key: Uint8Array, value: Uint8Array): number | "last" | undefined;
}

/** Bytes of one part, about; an entry of a Raft log has 96 KiB. */
const PART_BYTES = 64 * 1024;
/** A value beyond goes in pieces: a command of a Raft log has at most 1 MiB. */
const PIECE_BYTES = 512 * 1024;
/** Keys that are looked at for one step. */
const KEYS_MAX = 2_000;
/** The shard's own records lie between these kinds. */
const FIRST_KIND = 1;

/** What comes next. */
export interface CopyStep {
  /** To be sent one after the other; none if nothing of the move was found. */
  readonly parts: readonly (readonly PartChange[])[];
  /** False: nothing is left to send but what changes from now on. */
  readonly more: boolean;
}

/** See the top of the file. */
export class SlotCopy {
  private readonly hasher: Hasher;
  private readonly isIn: (slot: number) => boolean;
  private readonly slotOfRecord: RecordSlots;
  private at: Uint8Array | undefined;
  private isScanned = false;
  private readonly changedIds = new Set<string>();
  private readonly changedKeys = new Map<string, Uint8Array>();
  /** What is sent now: it was changed before the last {@link gather}. */
  private ids: string[] = [];
  private keys: Uint8Array[] = [];
  private inside: Uint8Array | undefined;

  constructor(hasher: Hasher, isIn: (slot: number) => boolean, slotOfRecord: RecordSlots) {
    this.hasher = hasher;
    this.isIn = isIn;
    this.slotOfRecord = slotOfRecord;
  }

  /** Changes that nobody has gathered yet. */
  get changes(): number {
    return this.changedIds.size + this.changedKeys.size;
  }

  /** Everything was sent once. */
  get hasScanned(): boolean {
    return this.isScanned;
  }

  /** An object was written. */
  changed(id: string): void {
    if (this.isIn(slotOf(this.hasher, id))) this.changedIds.add(id);
  }

  /** A record of the shard itself was written. */
  recordChanged(key: Uint8Array): void {
    this.changedKeys.set(key.join(), key);
  }

  /** What was changed so far is sent next, once it can be read. */
  gather(): void {
    this.ids.push(...this.changedIds);
    this.keys.push(...this.changedKeys.values());
    this.changedIds.clear();
    this.changedKeys.clear();
  }

  /** The next parts, of what the records hold now. */
  next(reader: RecordReader): CopyStep {
    const step = new Step();
    if (!this.isScanned) this.scan(reader, step);
    else this.again(reader, step);
    return { parts: step.parts, more: !this.isScanned || this.hasGathered };
  }

  private get hasGathered(): boolean {
    return this.ids.length + this.keys.length > 0;
  }

  /** The records that go last, once no write to the slots comes any more. */
  last(reader: RecordReader): readonly (readonly PartChange[])[] {
    const step = new Step();
    for (const { key, value } of reader.scan(ownRecords(reader.number))) {
      if (this.slotOfRecord(key, value) === "last") step.put(key, value);
    }
    return step.parts;
  }

  private scan(reader: RecordReader, step: Step): void {
    const { number } = reader;
    const start = this.at ?? recordKeyOf(number, FIRST_KIND, "");
    let looked = 0;
    let known: { readonly id: string; readonly isIn: boolean } | undefined;
    for (const { key, value } of reader.scan({ start, end: afterShard(number) })) {
      const id = idOf(key);
      if (id === "") {
        if (this.travels(key, value)) step.put(key, value);
      } else {
        if (known?.id !== id) known = { id, isIn: this.isIn(slotOf(this.hasher, id)) };
        if (known.isIn) step.record(id, key, value);
      }
      looked += 1;
      if (!step.isFull && looked < KEYS_MAX) continue;
      this.at = successor(key);
      return;
    }
    this.isScanned = true;
  }

  private travels(key: Uint8Array, value: Uint8Array): boolean {
    const slot = this.slotOfRecord(key, value);
    return typeof slot === "number" && this.isIn(slot);
  }

  private again(reader: RecordReader, step: Step): void {
    while (!step.isFull) {
      const key = this.keys.pop();
      if (key === undefined) break;
      const stored = reader.get(key);
      if (stored !== undefined && this.travels(key, stored.value)) step.put(key, stored.value);
    }
    while (!step.isFull) {
      const id = this.ids.at(-1);
      if (id === undefined) return;
      if (this.object(reader, id, step)) this.ids.pop();
    }
  }

  /** The records of an object from where it was left; true if it is whole. */
  private object(reader: RecordReader, id: string, step: Step): boolean {
    const { number } = reader;
    const start = this.inside ?? objectKey(number, id);
    if (this.inside === undefined) step.wipe(id);
    this.inside = undefined;
    for (const { key, value } of reader.scan({ start, end: afterObject(number, id) })) {
      step.put(key, value);
      if (!step.isFull) continue;
      this.inside = successor(key);
      return false;
    }
    return true;
  }
}

/** Parts as they fill up. */
class Step {
  readonly parts: PartChange[][] = [];
  private total = 0;
  private bytes = 0;

  get isFull(): boolean {
    return this.total >= PART_BYTES;
  }

  wipe(id: string): void {
    this.add({ kind: "wipe", id }, id.length);
  }

  /** A record of an object; what the target has of it goes with the first one. */
  record(id: string, key: Uint8Array, value: Uint8Array): void {
    if (parseKey(key).kind === RECORD_KIND.object) this.wipe(id);
    this.put(key, value);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const rest = key.subarray(4);
    const piece = (at: number): Uint8Array => value.subarray(at, at + PIECE_BYTES);
    this.add({ kind: "put", key: rest, value: piece(0) }, rest.byteLength + piece(0).byteLength);
    for (let at = PIECE_BYTES; at < value.byteLength; at += PIECE_BYTES) {
      this.add({ kind: "append", key: rest, value: piece(at) }, piece(at).byteLength);
    }
  }

  private add(change: PartChange, bytes: number): void {
    const list = this.parts.at(-1);
    if (list === undefined || this.bytes + bytes > PIECE_BYTES) {
      this.parts.push([change]);
      this.bytes = bytes;
    } else {
      list.push(change);
      this.bytes += bytes;
    }
    this.total += bytes;
  }
}

function idOf(key: Uint8Array): string {
  return key[4] === 0 ? "" : parseKey(key).id;
}

function ownRecords(shard: number) {
  return { start: recordKeyOf(shard, FIRST_KIND, ""), end: afterOwn(shard) };
}

function afterOwn(shard: number): Uint8Array {
  const key = recordKeyOf(shard, 0, "").subarray(0, 5);
  key[4] = 1;
  return key;
}

/** The next key in byte order. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.byteLength + 1);
  next.set(key);
  return next;
}
