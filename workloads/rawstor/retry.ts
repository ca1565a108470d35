// Waiting between attempts: exponential with full jitter, so that clients of a restarted target do
// not come back at once.
import type { Rng } from "#api/base/index.ts";

/** How often and how soon to try again. */
export interface RetryPolicy {
  /** Tries per operation, the first included. */
  readonly attempts: number;
  readonly delayMinMs: number;
  readonly delayMaxMs: number;
}

/** Pause before attempt `attempt` (the second is 1), at least half of the step. */
export function delayMs(policy: RetryPolicy, attempt: number, rng: Rng): number {
  const step = Math.min(policy.delayMaxMs, policy.delayMinMs * 2 ** (attempt - 1));
  return step / 2 + (rng.next() * step) / 2;
}

/** Resolves after `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
