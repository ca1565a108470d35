// Keys of the store. Byte order of keys is the order of ListObjects and ListValues: an id never
// holds a byte below 0x2d, so "a" with all its records sorts before "a-b".
//
//   | u32 BE shard | id bytes (1..160) | 0x00 | kind u8 | entry key bytes (0..1024) |
//
// Kind 0 is the object's record, 1 an entry, 2 its trigger configuration. The shard's own record
// has the empty id; kind 3 with the empty id is a request that is remembered by its idempotency
// key. Shard 0xffffffff holds the records of the store itself.
import { assert, utf8Decode, utf8Encode } from "#api/base/index.ts";

/** Kinds of records of an object, and of a shard. */
export const RECORD_KIND = { object: 0, entry: 1, event: 2, remembered: 3 } as const;

/** One of {@link RECORD_KIND}. */
export type RecordKind = (typeof RECORD_KIND)[keyof typeof RECORD_KIND];

/** The shard number that no collection gets. */
export const SYSTEM_SHARD = 0xffff_ffff;

/** What a key names. */
export interface ParsedKey {
  readonly id: string;
  readonly kind: number;
  readonly entryKey: string;
}

/** Key of an object's record. */
export function objectKey(shard: number, id: string): Uint8Array {
  return recordKey(shard, id, RECORD_KIND.object);
}

/** Key of one entry. */
export function entryKey(shard: number, id: string, key: string): Uint8Array {
  return recordKey(shard, id, RECORD_KIND.entry, key);
}

/** Key of an object's trigger configuration. */
export function eventKey(shard: number, id: string): Uint8Array {
  return recordKey(shard, id, RECORD_KIND.event);
}

/** Key of the record that counts a shard. */
export function shardKey(shard: number): Uint8Array {
  return recordKey(shard, "", RECORD_KIND.object);
}

/** Key of how the request with this idempotency key (1 to 255 bytes) ended. */
export function rememberedKey(shard: number, key: string): Uint8Array {
  return recordKey(shard, "", RECORD_KIND.remembered, key);
}

/** Key of a record of the store itself. */
export function systemKey(name: string): Uint8Array {
  return recordKey(SYSTEM_SHARD, name, RECORD_KIND.object);
}

/** The first key after everything of the object. */
export function afterObject(shard: number, id: string): Uint8Array {
  const key = recordKey(shard, id, RECORD_KIND.object);
  key[key.byteLength - 2] = 1;
  return key.subarray(0, key.byteLength - 1);
}

/** The first key at or after every id that starts with `prefix`; ids start after shard records. */
export function firstObject(shard: number, prefix: string): Uint8Array {
  const bytes = utf8Encode(prefix === "" ? "\u0001" : prefix);
  return concat(shardPrefix(shard), bytes);
}

/** The first key after the shard. */
export function afterShard(shard: number): Uint8Array {
  return shard === SYSTEM_SHARD ? new Uint8Array(6).fill(0xff) : shardPrefix(shard + 1);
}

/** The keys of the entries of an object that start with `prefix`, from after `after` if given. */
export function entryRange(
  shard: number,
  id: string,
  options: { readonly prefix?: string; readonly after?: string },
): { readonly start: Uint8Array; readonly end: Uint8Array } {
  const prefix = recordKey(shard, id, RECORD_KIND.entry, options.prefix ?? "");
  const end = successor(prefix);
  if (options.after === undefined) return { start: prefix, end };
  // The next key in byte order is the same key with a zero byte added.
  const next = concat(recordKey(shard, id, RECORD_KIND.entry, options.after), new Uint8Array(1));
  return { start: compareBytes(next, prefix) > 0 ? next : prefix, end };
}

/** What the key names; asserts that it is one of ours. */
export function parseKey(key: Uint8Array): ParsedKey {
  const end = key.indexOf(0, 4);
  assert(end >= 4 && end + 1 < key.byteLength, "a key of the store has an id and a kind");
  const id = utf8Decode(key.subarray(4, end));
  const entry = utf8Decode(key.subarray(end + 2));
  assert(id !== undefined && entry !== undefined, "keys of the store are UTF-8");
  return { id, kind: key[end + 1] ?? 0, entryKey: entry };
}

/** Negative, zero or positive as `a` sorts before, equal to or after `b`. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.byteLength, b.byteLength);
  for (let at = 0; at < length; at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.byteLength - b.byteLength;
}

/** As {@link compareBytes} of the texts' UTF-8, without encoding them. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if (x === y) continue;
    // UTF-16 puts surrogates below U+E000, UTF-8 puts what they stand for above everything.
    const xWide = x >= 0xd800 && x <= 0xdfff;
    const yWide = y >= 0xd800 && y <= 0xdfff;
    if (xWide !== yWide) return xWide ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}

function recordKey(shard: number, id: string, kind: RecordKind, entry = ""): Uint8Array {
  return plainKey(shard, id, kind, entry) ?? encodedKey(shard, id, kind, entry);
}

/** A key whose texts are ASCII, as nearly all are: an encoder costs microseconds. */
function plainKey(
  shard: number,
  id: string,
  kind: RecordKind,
  entry: string,
): Uint8Array | undefined {
  const key = new Uint8Array(6 + id.length + entry.length);
  for (let at = 0; at < id.length; at += 1) {
    const unit = id.charCodeAt(at);
    if (unit >= 0x80) return undefined;
    key[4 + at] = unit;
  }
  for (let at = 0; at < entry.length; at += 1) {
    const unit = entry.charCodeAt(at);
    if (unit >= 0x80) return undefined;
    key[6 + id.length + at] = unit;
  }
  new DataView(key.buffer).setUint32(0, shard);
  key[5 + id.length] = kind;
  return key;
}

function encodedKey(shard: number, id: string, kind: RecordKind, entry: string): Uint8Array {
  const idBytes = utf8Encode(id);
  const entryBytes = utf8Encode(entry);
  const key = new Uint8Array(6 + idBytes.byteLength + entryBytes.byteLength);
  new DataView(key.buffer).setUint32(0, shard);
  key.set(idBytes, 4);
  key[5 + idBytes.byteLength] = kind;
  key.set(entryBytes, 6 + idBytes.byteLength);
  return key;
}

function shardPrefix(shard: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, shard);
  return bytes;
}

/** The first key that does not start with `prefix`, whose bytes are not all 0xff. */
function successor(prefix: Uint8Array): Uint8Array {
  let length = prefix.byteLength;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  assert(length > 0, "a prefix has a byte below 0xff");
  const next = prefix.slice(0, length);
  next[length - 1] = (next[length - 1] ?? 0) + 1;
  return next;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.byteLength + b.byteLength);
  joined.set(a, 0);
  joined.set(b, a.byteLength);
  return joined;
}
