// Stamps of a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", OPODIS 2014): one
// number that orders events and stays near the wall clock, and the node as the tie-break. A stamp
// names one write of one node.

/** Total order of writes: by `time`, then by `node`. */
export interface Stamp {
  /** Milliseconds since {@link STAMP_EPOCH_MS} times 4096, plus a count; below 2^53. */
  readonly time: number;
  /** Whose write it is; one incarnation of one member. At most 64 characters. */
  readonly node: string;
}

/** 2024-01-01T00:00:00Z; 41 bits of milliseconds from here reach the year 2093. */
export const STAMP_EPOCH_MS = 1_704_067_200_000;
/** Writes that one millisecond can name before the next one is borrowed. */
export const STAMPS_PER_MS = 4096;
/** Longest name of a node. */
export const NODE_LENGTH_MAX = 64;

/** The first stamp time of a wall-clock millisecond; 0 before the epoch. */
export function timeOfMs(nowMs: number): number {
  return Math.max(0, Math.floor(nowMs - STAMP_EPOCH_MS)) * STAMPS_PER_MS;
}

/** The wall-clock millisecond that a stamp's time lies in. */
export function msOfTime(time: number): number {
  return Math.floor(time / STAMPS_PER_MS) + STAMP_EPOCH_MS;
}

/** Negative, zero or positive as `a` is before, the same as or after `b`. */
export function compareStamps(a: Stamp, b: Stamp): number {
  if (a.time !== b.time) return a.time - b.time;
  if (a.node === b.node) return 0;
  return a.node < b.node ? -1 : 1;
}

/** The later one; an absent stamp is before every other. */
export function laterStamp(a: Stamp | undefined, b: Stamp | undefined): Stamp | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return compareStamps(a, b) >= 0 ? a : b;
}

/** Whether `stamp` is absent or not after `bound`. */
export function isCovered(stamp: Stamp | undefined, bound: Stamp | undefined): boolean {
  if (stamp === undefined) return true;
  return bound !== undefined && compareStamps(stamp, bound) <= 0;
}
