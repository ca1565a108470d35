// The checksum of stored values and of the log, in native code.
import { crc32 } from "node:zlib";

import type { Crc32 } from "#workloads/core/store/index.ts";

/** CRC-32 (IEEE). */
export const storeCrc32: Crc32 = (data, seed) => crc32(data, seed);
