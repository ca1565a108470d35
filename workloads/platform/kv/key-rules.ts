// Which keys belong to the users of a store, and which to the engine.
import { assert } from "#api/base/index.ts";
import type { StoreRange, StoreWrite, TextRange } from "#workloads/core/store/index.ts";
import { byteText, RESERVED_KEYS_START, STORE_KEY_BYTES_MAX } from "#workloads/core/store/index.ts";

const RESERVED = byteText(RESERVED_KEYS_START);

/** The range without the engine's own keys. */
export function clipped(range: StoreRange): TextRange {
  const end = byteText(range.end);
  return { start: byteText(range.start), end: end < RESERVED ? end : RESERVED };
}

/** Asserts that the keys are those of a user of the store. */
export function checkKeys(writes: readonly StoreWrite[]): void {
  for (const { key } of writes) {
    const length = key.byteLength;
    assert(length > 0 && length <= STORE_KEY_BYTES_MAX, "a key has 1 to 1536 bytes");
    assert(key[0] !== 0xff || byteText(key) < RESERVED, "a key is below the engine's own");
  }
}
