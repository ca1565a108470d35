// The real clock and the real randomness, behind the ports of api/base.
import { randomBytes } from "node:crypto";

import type { Clock, Rng } from "#api/base/index.ts";

/** Wall clock of the machine and its monotonic clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Randomness of the operating system; fit for identifiers. */
export const systemRng: Rng = {
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  bytes: (count) => new Uint8Array(randomBytes(count)),
};
