// XXH3 64-bit, the one hash of the system: of Rawstor payloads, of blocks at rest and of slots.
import xxhash from "xxhash-addon";

import type { Hasher } from "#api/base/index.ts";

/** XXH3 64-bit, seed 0, default secret. Reads `data` only during the call. */
export const xxh3: Hasher = (data) => {
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return xxhash.XXHash3.hash(view).readBigUInt64BE(0);
};
