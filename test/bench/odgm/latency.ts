// How long operations took, in buckets that are 1/64 wide of what they hold: millions of
// operations cost a few kilobytes, and a percentile is at most 1.6 % off.

const STEPS = 64;
/** Buckets up to 2^36 microseconds, about 19 hours. */
const BUCKETS = STEPS * 32;

/** Takes latencies in milliseconds. */
export class LatencyRecorder {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;
  #longestMs = 0;

  get count(): number {
    return this.#count;
  }

  get longestMs(): number {
    return this.#longestMs;
  }

  record(ms: number): void {
    const bucket = bucketOf(ms * 1000);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count += 1;
    if (ms > this.#longestMs) this.#longestMs = ms;
  }

  /**
   * The latency in milliseconds that this share (above 0, up to 1) of the operations did not
   * exceed; NaN without operations.
   */
  percentile(share: number): number {
    if (this.#count === 0) return Number.NaN;
    let left = Math.max(1, Math.ceil(this.#count * share));
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      left -= this.#counts[bucket] ?? 0;
      if (left <= 0) return Math.min(endOf(bucket) / 1000, this.#longestMs);
    }
    return this.#longestMs;
  }
}

/** Below 64 microseconds one each; then 64 between every power of two and the next. */
function bucketOf(micros: number): number {
  const whole = Math.max(0, Math.floor(micros));
  if (whole < STEPS) return whole;
  const power = Math.floor(Math.log2(whole));
  const step = Math.floor((whole / 2 ** power - 1) * STEPS);
  return Math.min(BUCKETS - 1, (power - 5) * STEPS + step);
}

/** Where the bucket ends, in microseconds. */
function endOf(bucket: number): number {
  if (bucket < STEPS) return bucket + 1;
  const power = Math.floor(bucket / STEPS) + 5;
  return 2 ** power * (1 + ((bucket % STEPS) + 1) / STEPS);
}
