// How often something may happen to one key: a burst, then one at a time. What bounds a controller
// that never comes to rest, whatever keeps it going. Pure but for the clock.

import type { Clock } from "#api/base/index.ts";

/** `burst` at once, then one every `refillMs`. */
export interface BudgetPolicy {
  readonly burst: number;
  readonly refillMs: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** A token bucket per key. A full bucket takes no memory once {@link sweep} has seen it. */
export class Budget {
  readonly #policy: BudgetPolicy;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(policy: BudgetPolicy, clock: Clock) {
    this.#policy = policy;
    this.#clock = clock;
  }

  /** Takes one; false if there is none left. */
  take(key: string): boolean {
    const bucket = this.#refilled(key);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** Milliseconds until there is one; 0 if there is. */
  waitMs(key: string): number {
    if (!this.#buckets.has(key)) return 0;
    const { tokens } = this.#refilled(key);
    return tokens >= 1 ? 0 : Math.ceil((1 - tokens) * this.#policy.refillMs);
  }

  forget(key: string): void {
    this.#buckets.delete(key);
  }

  /** Drops what is full again. */
  sweep(): void {
    for (const key of [...this.#buckets.keys()]) {
      if (this.#refilled(key).tokens >= this.#policy.burst) this.#buckets.delete(key);
    }
  }

  #refilled(key: string): Bucket {
    const { burst, refillMs } = this.#policy;
    const nowMs = this.#clock.monotonicMs();
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = { tokens: burst, atMs: nowMs };
      this.#buckets.set(key, bucket);
    }
    bucket.tokens = Math.min(burst, bucket.tokens + (nowMs - bucket.atMs) / refillMs);
    bucket.atMs = nowMs;
    return bucket;
  }
}
