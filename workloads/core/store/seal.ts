// The end of every stored value, so that a page that holds an older value, or another key's, is
// noticed: the crc32 covers key, value, expiry and index. All numbers are big-endian.
//
//   value | expiry u64, if bit 63 of the index is set | index u64 | crc32 u32
import { assert } from "#api/base/index.ts";

/** CRC-32 (IEEE) of `data`, continuing from `seed` (0 at the start). */
export type Crc32 = (data: Uint8Array, seed: number) => number;

/** What is sealed. */
export interface Sealable {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Below 2^53. */
  readonly index: number;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs?: number;
}

/** What a seal holds. */
export interface Unsealed {
  /** A view of the sealed bytes. */
  readonly value: Uint8Array;
  readonly index: number;
  readonly expiresAtMs: number | undefined;
}

/** Bytes that a seal adds to a value that stays. */
export const SEAL_BYTES = 12;

const EXPIRY_BYTES = 8;
const EXPIRES = 0x8000_0000;
const HIGH = 2 ** 32;

/** Bytes of the sealed value. */
export function sealedBytes(value: Uint8Array, expiresAtMs: number | undefined): number {
  return value.byteLength + SEAL_BYTES + (expiresAtMs === undefined ? 0 : EXPIRY_BYTES);
}

/** The sealed value, as a new array. */
export function sealValue(crc32: Crc32, item: Sealable): Uint8Array {
  const length = sealedBytes(item.value, item.expiresAtMs);
  const { key } = item;
  const joined = new Uint8Array(key.byteLength + length);
  joined.set(key, 0);
  writeSealed(crc32, joined, item);
  return joined.subarray(key.byteLength);
}

/**
 * Writes the sealed value behind its key: `joined` begins with the key and is as long as both.
 * Key and value lie side by side, so that one pass makes the checksum.
 */
export function writeSealed(crc32: Crc32, joined: Uint8Array, item: Sealable): void {
  const { key, value, index, expiresAtMs } = item;
  const view = new DataView(joined.buffer, joined.byteOffset, joined.byteLength);
  let at = key.byteLength;
  joined.set(value, at);
  at += value.byteLength;
  let high = Math.floor(index / HIGH);
  assert(high < 2 ** 21, "an index is below 2^53");
  if (expiresAtMs !== undefined) {
    view.setUint32(at, Math.floor(expiresAtMs / HIGH));
    view.setUint32(at + 4, expiresAtMs % HIGH);
    at += EXPIRY_BYTES;
    high = (high | EXPIRES) >>> 0;
  }
  view.setUint32(at, high);
  view.setUint32(at + 4, index % HIGH);
  view.setUint32(at + 8, crc32(joined.subarray(0, at + 8), 0) >>> 0);
}

/** The value (a view of `sealed`) and its index, or undefined if the checksum does not hold. */
export function openSealed(
  crc32: Crc32,
  key: Uint8Array,
  sealed: Uint8Array,
): Unsealed | undefined {
  const end = sealed.byteLength - SEAL_BYTES;
  if (end < 0) return undefined;
  const view = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const covered = sealed.subarray(0, end + 8);
  if (crc32(covered, crc32(key, 0)) >>> 0 !== view.getUint32(end + 8)) return undefined;
  return readSealed(sealed);
}

/** The same without a look at the checksum, for bytes that never left memory. */
export function readSealed(sealed: Uint8Array): Unsealed {
  const view = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const end = sealed.byteLength - SEAL_BYTES;
  const high = view.getUint32(end);
  const index = (high & ~EXPIRES) * HIGH + view.getUint32(end + 4);
  if ((high & EXPIRES) === 0) {
    return { value: sealed.subarray(0, end), index, expiresAtMs: undefined };
  }
  const at = end - EXPIRY_BYTES;
  const expiresAtMs = view.getUint32(at) * HIGH + view.getUint32(at + 4);
  return { value: sealed.subarray(0, at), index, expiresAtMs };
}
