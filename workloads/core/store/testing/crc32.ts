// CRC-32 (IEEE) without native code, for tests of the pure layers and for simulated disks.
import type { Crc32 } from "../seal.ts";

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0xedb8_8320;
  }
  return value;
});

/** As zlib's. */
export const testCrc32: Crc32 = (data, seed) => {
  let crc = ~seed;
  for (const byte of data) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
};
