// Checksums of blocks. An entry is XXH3 of the block XOR that of a zero block (layout.ts).
import { xxh3 } from "#workloads/platform/hash/index.ts";

import { BLOCK_BYTES, ZERO_BLOCK_HASH } from "./layout.ts";

/** Entry of a whole block. */
export function sumOf(block: Uint8Array): bigint {
  return xxh3(block) ^ ZERO_BLOCK_HASH;
}

/** Writes the entries of the whole blocks in `data` to `sums` from `index` on. */
export function sumBlocks(data: Uint8Array, sums: BigUint64Array, index: number): void {
  const count = data.byteLength / BLOCK_BYTES;
  for (let i = 0; i < count; i++) {
    sums[index + i] = sumOf(data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES));
  }
}

/** Which of the whole blocks in `data` do not match their entries from `index` on. */
export function mismatches(
  data: Uint8Array,
  sums: BigUint64Array,
  index: number,
): readonly number[] {
  const wrong: number[] = [];
  const count = data.byteLength / BLOCK_BYTES;
  for (let i = 0; i < count; i++) {
    const block = data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
    if (sumOf(block) !== sums[index + i]) wrong.push(index + i);
  }
  return wrong;
}
