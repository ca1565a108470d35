// Where a group lies in the store. Its state has one of two prefixes, the group's number or that
// plus 2^31: a snapshot of another member is gathered under the one that is not in use, and taking
// it over is one record. Log, hard state and base are under the number, with the empty id and kinds
// that no state uses.
//
//   | u32 BE number | 0x00 | 0xf0 | u64 BE index |   an entry
//   | u32 BE number | 0x00 | 0xf1 |                  hard state
//   | u32 BE number | 0x00 | 0xf2 |                  base, and which prefix the state has
import { assert } from "#api/base/index.ts";
import type { GroupId, LogIndex } from "#workloads/core/raft/index.ts";
import type { StoreRange } from "#workloads/core/store/index.ts";
import { afterShard, byteText, shardKey } from "#workloads/core/store/index.ts";

const LOG = 0xf0;
const HARD = 0xf1;
const BASE = 0xf2;
const OTHER = 0x8000_0000;
const U32 = 0x1_0000_0000;

/** The two prefixes of a group's state. */
export function stateNumbers(group: GroupId): readonly [number, number] {
  assert(group < OTHER, `group ${group} is beyond 2^31`);
  return [group, group + OTHER];
}

/** Key of an entry of the log. */
export function logKey(group: GroupId, index: LogIndex): Uint8Array {
  const key = ownKey(group, LOG, 8);
  const view = new DataView(key.buffer);
  view.setUint32(6, Math.floor(index / U32));
  view.setUint32(10, index % U32);
  return key;
}

/** The index in such a key. */
export function indexOf(key: Uint8Array): LogIndex {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return view.getUint32(6) * U32 + view.getUint32(10);
}

/** The entries from `from` on. */
export function logRange(group: GroupId, from: LogIndex): StoreRange {
  return { start: logKey(group, from), end: hardKey(group) };
}

/** Key of the hard state. */
export function hardKey(group: GroupId): Uint8Array {
  return ownKey(group, HARD, 0);
}

/** Key of the base. */
export function baseKey(group: GroupId): Uint8Array {
  return ownKey(group, BASE, 0);
}

/** Everything of a state with this prefix, its own record first; two ranges, the log is between. */
export function stateRanges(number: number): readonly [StoreRange, StoreRange] {
  const log = ownKey(number, LOG, 0);
  const rest = ownKey(number, BASE + 1, 0);
  return [
    { start: shardKey(number), end: log },
    { start: rest, end: afterShard(number) },
  ];
}

/** A copy, whatever `bytes` is: the `slice` of a Buffer is none. */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/** The next key that there can be. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.byteLength + 1);
  next.set(key);
  return next;
}

/** The same key under another prefix. */
export function withNumber(key: Uint8Array, number: number): Uint8Array {
  const moved = copyOf(key);
  new DataView(moved.buffer).setUint32(0, number);
  return moved;
}

/** The key as a text of one character per byte: equal and ordered as the bytes are. */
export const keyText = byteText;

/** The inverse of {@link keyText}. */
export function keyBytes(text: string): Uint8Array {
  const key = new Uint8Array(text.length);
  for (let at = 0; at < key.byteLength; at += 1) key[at] = text.charCodeAt(at);
  return key;
}

function ownKey(number: number, kind: number, more: number): Uint8Array {
  const key = new Uint8Array(6 + more);
  new DataView(key.buffer).setUint32(0, number);
  key[5] = kind;
  return key;
}
