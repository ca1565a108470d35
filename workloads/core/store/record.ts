// The record of an object. Small objects keep their entries in it; the entries are stored as the
// field `entries` of oprc.ObjData is encoded, sorted by key, so that a Get copies them as they are.
//
//   protobuf fields: 1 flags | 2 version | 3 entry count | inline: 4 entries, as in ObjData
//
// Flags: 1 tombstone, 2 the entries are inline, 4 a trigger configuration exists.
import { assert, utf8Decode, utf8Encode } from "#api/base/index.ts";

import { scanFields, WireWriter } from "./wire.ts";

/** A key with the encoded oprc.ValData. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
}

/** What is known of an object without its (spilled) entries. */
export interface ObjectRecord {
  /** Below 2^53. Of a tombstone: the version that the next life continues from. */
  readonly version: number;
  readonly tombstone: boolean;
  readonly entryCount: number;
  readonly hasEvent: boolean;
  /** Sorted by key; undefined if the entries have records of their own. */
  readonly inline: readonly Entry[] | undefined;
}

/** Encoded size of the entries up to which they stay in the record. */
export const INLINE_BYTES_MAX = 2048;

const FLAG_TOMBSTONE = 1;
const FLAG_INLINE = 2;
const FLAG_EVENT = 4;
/** Number of `entries` in oprc.ObjData, and of key and value in a map entry. */
const ENTRIES = 4;

/** One entry as field `entries` of oprc.ObjData. */
export function writeEntryField(writer: WireWriter, entry: Entry): void {
  writer.message(ENTRIES, (fields) => fields.text(1, entry.key).bytes(2, entry.value));
}

/** Bytes that the entries take inline. */
export function inlineBytes(entries: readonly Entry[]): number {
  let total = 0;
  for (const entry of entries) total += entry.key.length + entry.value.byteLength + 10;
  return total;
}

/** The stored form. */
export function encodeRecord(record: ObjectRecord): Uint8Array {
  const flags =
    (record.tombstone ? FLAG_TOMBSTONE : 0) |
    (record.inline === undefined ? 0 : FLAG_INLINE) |
    (record.hasEvent ? FLAG_EVENT : 0);
  const writer = new WireWriter(
    64 + (record.inline === undefined ? 0 : inlineBytes(record.inline)),
  );
  writer.varint(1, flags).varint(2, record.version).varint(3, record.entryCount);
  for (const entry of record.inline ?? []) writeEntryField(writer, entry);
  return writer.finish();
}

/** The inverse; values are views of `bytes`. Asserts that it is a record: it had a checksum. */
export function decodeRecord(bytes: Uint8Array): ObjectRecord {
  let flags = 0;
  let version = 0;
  let entryCount = 0;
  const inline: Entry[] = [];
  const whole = scanFields(bytes, (number, varint, field) => {
    if (number === 1) flags = varint;
    else if (number === 2) version = varint;
    else if (number === 3) entryCount = varint;
    else if (number === ENTRIES) {
      const entry = decodeMapEntry(field);
      assert(entry !== undefined, "a stored entry is well-formed");
      inline.push(entry);
    }
  });
  assert(whole, "a stored record is well-formed");
  return {
    version,
    tombstone: (flags & FLAG_TOMBSTONE) !== 0,
    entryCount,
    hasEvent: (flags & FLAG_EVENT) !== 0,
    inline: (flags & FLAG_INLINE) === 0 ? undefined : inline,
  };
}

/** Key and value of one entry of a map<string, ValData>; undefined if malformed. */
export function decodeMapEntry(bytes: Uint8Array): Entry | undefined {
  let key: string | undefined = "";
  let value: Uint8Array = new Uint8Array(0);
  const whole = scanFields(bytes, (number, _varint, field) => {
    if (number === 1) key = utf8Decode(field);
    else if (number === 2) value = field;
  });
  return whole && key !== undefined ? { key, value } : undefined;
}

/** One entry of a map<string, ValData>. */
export function encodeMapEntry(entry: Entry): Uint8Array {
  const key = utf8Encode(entry.key);
  return new WireWriter(key.byteLength + entry.value.byteLength + 12)
    .bytes(1, key)
    .bytes(2, entry.value)
    .finish();
}
