// XXH3, the one hash of the system: 64 bits of Rawstor payloads, of blocks at rest and of slots,
// 128 bits of objects that replicas compare.
import xxhash from "xxhash-addon";

import type { Hasher } from "#api/base/index.ts";

/** XXH3 64-bit, seed 0, default secret. Reads `data` only during the call. */
export const xxh3: Hasher = (data) => {
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return xxhash.XXHash3.hash(view).readBigUInt64BE(0);
};

/**
 * XXH3 128-bit, seed 0, as a text of 16 characters U+0000 to U+00FF. Reads `data` only during the
 * call.
 */
export function xxh128Text(data: Uint8Array): string {
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return xxhash.XXHash128.hash(view).toString("latin1");
}
