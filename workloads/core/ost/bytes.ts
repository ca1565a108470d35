// Little-endian numbers and ids in byte arrays; u64 is narrowed to number here and nowhere else.
import type { ObjectId } from "./protocol.ts";
import { OFFSET_NEGATIVE } from "./protocol.ts";

const WORD = 0x1_0000_0000;

/** u16 at `at`. */
export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

/** i32 at `at`. */
export function readI32(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) | (readU16(bytes, at + 2) << 16);
}

/** u32 at `at`. */
export function readU32(bytes: Uint8Array, at: number): number {
  return readI32(bytes, at) >>> 0;
}

/** u64, clamped to 2^53-1. */
export function readSize(bytes: Uint8Array, at: number): number {
  const value = readU32(bytes, at) + readU32(bytes, at + 4) * WORD;
  return Math.min(value, Number.MAX_SAFE_INTEGER);
}

/** u64 offset, clamped to 2^53-1; 2^63 and above is {@link OFFSET_NEGATIVE}. */
export function readOffset(bytes: Uint8Array, at: number): number {
  return (bytes[at + 7] ?? 0) >= 0x80 ? OFFSET_NEGATIVE : readSize(bytes, at);
}

/** u64 at `at`, exact. */
export function readU64(bytes: Uint8Array, at: number): bigint {
  return (BigInt(readU32(bytes, at + 4)) << 32n) | BigInt(readU32(bytes, at));
}

/** Writes the low 16 bits. */
export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = (value >>> 8) & 0xff;
}

/** Writes the low 32 bits; a negative value as two's complement. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = (value >>> 8) & 0xff;
  bytes[at + 2] = (value >>> 16) & 0xff;
  bytes[at + 3] = (value >>> 24) & 0xff;
}

/** u64 from a non-negative safe integer, or from {@link OFFSET_NEGATIVE} as 2^63. */
export function writeSize(bytes: Uint8Array, at: number, value: number): void {
  const negative = value < 0;
  writeU32(bytes, at, negative ? 0 : value % WORD);
  writeU32(bytes, at + 4, negative ? 0x8000_0000 : Math.floor(value / WORD));
}

/** Writes the low 64 bits. */
export function writeU64(bytes: Uint8Array, at: number, value: bigint): void {
  writeU32(bytes, at, Number(value & 0xffff_ffffn));
  writeU32(bytes, at + 4, Number((value >> 32n) & 0xffff_ffffn));
}

const hexOfByte: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, "0"),
);

/** The id in the 16 bytes at `at`. */
export function readId(bytes: Uint8Array, at: number): ObjectId {
  let text = "";
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
    text += hexOfByte[bytes[at + i] ?? 0] ?? "";
  }
  return text as ObjectId;
}

/** Writes the id's 16 bytes. */
export function writeId(bytes: Uint8Array, at: number, id: ObjectId): void {
  const hex = id.replaceAll("-", "");
  for (let i = 0; i < 16; i++) bytes[at + i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
}
