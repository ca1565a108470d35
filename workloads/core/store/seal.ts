// The end of every stored value: 8 bytes index, 4 bytes crc32, both big-endian. The crc32 covers
// key, value and index, so that a page that holds an older value, or another key's, is noticed.

/** CRC-32 (IEEE) of `data`, continuing from `seed` (0 at the start). */
export type Crc32 = (data: Uint8Array, seed: number) => number;

/** Bytes that {@link sealValue} adds. */
export const SEAL_BYTES = 12;

/** value | index u64 | crc32 u32. `index` is below 2^53. The result is a new array. */
export function sealValue(
  crc32: Crc32,
  item: { readonly key: Uint8Array; readonly value: Uint8Array; readonly index: number },
): Uint8Array {
  const { key, value, index } = item;
  const sealed = new Uint8Array(value.byteLength + SEAL_BYTES);
  sealed.set(value, 0);
  const view = new DataView(sealed.buffer);
  view.setUint32(value.byteLength, Math.floor(index / 2 ** 32));
  view.setUint32(value.byteLength + 4, index >>> 0);
  const covered = sealed.subarray(0, value.byteLength + 8);
  view.setUint32(value.byteLength + 8, crc32(covered, crc32(key, 0)) >>> 0);
  return sealed;
}

/** The value (a view of `sealed`) and its index, or undefined if the checksum does not hold. */
export function openSealed(
  crc32: Crc32,
  key: Uint8Array,
  sealed: Uint8Array,
): { readonly value: Uint8Array; readonly index: number } | undefined {
  const length = sealed.byteLength - SEAL_BYTES;
  if (length < 0) return undefined;
  const view = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const covered = sealed.subarray(0, length + 8);
  if (crc32(covered, crc32(key, 0)) >>> 0 !== view.getUint32(length + 8)) return undefined;
  const index = view.getUint32(length) * 2 ** 32 + view.getUint32(length + 4);
  return { value: sealed.subarray(0, length), index };
}
