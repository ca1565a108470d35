// Where things are on a target's disk.
//
//   superblock            JSON, see superblock.ts
//   lock                  empty; holds the flock
//   closed                for whose end no new objects are taken; absent while they are
//   intents               slots of groups that may be torn after a crash, see intents.ts
//   objects/<uuid>        one sparse file per Rawstor object
//
// Object file, all numbers little-endian:
//
//   0       header, 4 KiB: magic, format u32, u32 0, id 16 bytes, size u64, XXH3 of those u64
//   4096    group 0: checksum page 4 KiB, then 2 MiB of data
//   ...     group g at 4096 + g * (4 KiB + 2 MiB); the last one is as long as the object needs
//
// A checksum page has 512 entries u64: XXH3 of the 4 KiB block XOR XXH3 of a zero block, so that a
// hole in the page describes holes in the data. Checksums lie beside their data in one file, so
// that one fdatasync makes both durable.
import type { Hasher } from "#api/base/index.ts";
import type { ObjectId } from "#workloads/core/ost/index.ts";
import { parseObjectId } from "#workloads/core/ost/index.ts";

/** Version of everything in this file; a newer one on the disk is refused. */
export const FORMAT_VERSION = 1;

/** What one checksum covers. */
export const BLOCK_BYTES = 4096;
/** Checksums in one page. */
export const GROUP_BLOCKS = 512;
/** Data under one checksum page; also the unit in which writes are announced in `intents`. */
export const GROUP_BYTES = BLOCK_BYTES * GROUP_BLOCKS;
/** In front of every object file. */
export const HEADER_BYTES = 4096;
/** A checksum page. */
export const SUMS_BYTES = GROUP_BLOCKS * 8;
const STRIDE_BYTES = SUMS_BYTES + GROUP_BYTES;

/** Groups per object at most, so that (handle, group) fits a number exactly. */
export const GROUP_COUNT_MAX = 2 ** 21;
/** 4 TiB. */
export const OBJECT_BYTES_MAX = GROUP_COUNT_MAX * GROUP_BYTES;

/** XXH3 of 4096 zero bytes (reference A.3). */
export const ZERO_BLOCK_HASH = 0x93d76fe148c689ban;

const MAGIC = Buffer.from("RAWSTOBJ");
const HEADER_HASHED_BYTES = 40;

/** Where the checksum page of a group starts. */
export function sumsPosition(group: number): number {
  return HEADER_BYTES + group * STRIDE_BYTES;
}

/** Where the byte at `offset` of the object lies in its file. */
export function dataPosition(offset: number): number {
  const group = Math.floor(offset / GROUP_BYTES);
  return sumsPosition(group) + SUMS_BYTES + (offset - group * GROUP_BYTES);
}

/** Groups of an object, the last one maybe short. */
export function groupCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / GROUP_BYTES);
}

/** Length of the file of an object: its last block is whole. */
export function fileBytes(sizeBytes: number): number {
  if (sizeBytes === 0) return HEADER_BYTES;
  const blocks = Math.ceil(sizeBytes / BLOCK_BYTES);
  return dataPosition((blocks - 1) * BLOCK_BYTES) + BLOCK_BYTES;
}

/** A part of a byte range that lies within one group. */
export interface Segment {
  readonly group: number;
  /** Within the object. */
  readonly offset: number;
  readonly lengthBytes: number;
}

/** The range cut at group borders, ascending. */
export function segmentsOf(offset: number, lengthBytes: number): readonly Segment[] {
  const segments: Segment[] = [];
  for (let at = offset; at < offset + lengthBytes;) {
    const group = Math.floor(at / GROUP_BYTES);
    const end = Math.min(offset + lengthBytes, (group + 1) * GROUP_BYTES);
    segments.push({ group, offset: at, lengthBytes: end - at });
    at = end;
  }
  return segments;
}

/** The first 4 KiB of an object's file. */
export function encodeHeader(
  object: { readonly id: ObjectId; readonly sizeBytes: number },
  hasher: Hasher,
): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header, 0);
  header.writeUInt32LE(FORMAT_VERSION, 8);
  Buffer.from(object.id.replaceAll("-", ""), "hex").copy(header, 16);
  header.writeBigUInt64LE(BigInt(object.sizeBytes), 32);
  header.writeBigUInt64LE(hasher(header.subarray(0, HEADER_HASHED_BYTES)), HEADER_HASHED_BYTES);
  return header;
}

/** Size of the object if this is the whole header of the object `id`, else undefined. */
export function decodeHeader(header: Buffer, id: ObjectId, hasher: Hasher): number | undefined {
  if (header.byteLength < HEADER_HASHED_BYTES + 8) return undefined;
  const hashed = hasher(header.subarray(0, HEADER_HASHED_BYTES));
  if (!header.subarray(0, 8).equals(MAGIC)) return undefined;
  if (header.readBigUInt64LE(HEADER_HASHED_BYTES) !== hashed) return undefined;
  if (header.readUInt32LE(8) !== FORMAT_VERSION) return undefined;
  const written = header.toString("hex", 16, 32);
  const text = written.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  const sizeBytes = Number(header.readBigUInt64LE(32));
  return parseObjectId(text) === id && sizeBytes <= OBJECT_BYTES_MAX ? sizeBytes : undefined;
}
