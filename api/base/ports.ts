// What pure code asks of the world, as arguments. Real implementations live in
// controllers/runtime and workloads/platform, simulated ones in test.

/** Wall clock and monotonic clock, both in milliseconds. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. */
  nowMs(): number;
  /** Monotonic milliseconds with an arbitrary origin; never goes back. */
  monotonicMs(): number;
}

/** Source of randomness. */
export interface Rng {
  /** Uniform in [0, 1). */
  next(): number;
  /** `count` random bytes, owned by the caller. */
  bytes(count: number): Uint8Array;
}

/** XXH3 64-bit, seed 0, default secret, over exactly these bytes. */
export type Hasher = (data: Uint8Array) => bigint;

/** Structured log. Fields are plain data; never secrets. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

/** Plain data that goes with a log line; never secrets. */
export type LogFields = Readonly<Record<string, unknown>>;
