// A hybrid logical clock of one member (Kulkarni et al. 2014), with three duties beyond the paper:
// its high-water mark survives restarts, it can promise "everything of mine up to here is in my
// tree", and a member whose wall clock is far from its peers' stops writing.
import { assert } from "#api/base/index.ts";

import type { Stamp } from "../merge/index.ts";
import { STAMPS_PER_MS, timeOfMs } from "../merge/index.ts";

/** Stamps further ahead of our wall clock than this do not move our clock. */
export const CLOCK_BOUND_MS = 5_000;
/** How far ahead the durable mark is laid, so that it is written seldom. */
export const RESERVE_AHEAD_MS = 10_000;

/** A stamp, or why there is none now. */
export type IssueOutcome =
  | { readonly kind: "stamp"; readonly stamp: Stamp }
  /** Persist this high-water mark, call {@link HybridClock.reserved}, then try again. */
  | { readonly kind: "reserve"; readonly highWater: number };

/** The clock of one incarnation of one member. Times are those of `Stamp.time`. */
export class HybridClock {
  readonly node: string;
  #last: number;
  #reserved: number;
  readonly #pending = new Set<number>();

  /** `highWater` is the durable mark: no stamp above it was ever issued. 0 for a fresh store. */
  constructor(options: { readonly node: string; readonly highWater: number }) {
    this.node = options.node;
    this.#last = options.highWater;
    this.#reserved = options.highWater;
  }

  /**
   * A stamp later than every stamp issued or observed. It stays pending, and holds the
   * {@link promise} back, until {@link settled} says that its write is in the tree or given up.
   */
  issue(nowMs: number): IssueOutcome {
    const time = Math.max(this.#last + 1, timeOfMs(nowMs));
    if (time > this.#reserved) return { kind: "reserve", highWater: this.#mark(time) };
    this.#last = time;
    this.#pending.add(time);
    return { kind: "stamp", stamp: { time, node: this.node } };
  }

  /** A mark that is worth persisting before it is needed; undefined if there is room left. */
  wantedReserve(nowMs: number): number | undefined {
    const time = Math.max(this.#last + 1, timeOfMs(nowMs));
    const room = this.#reserved - time;
    return room < timeSpan(RESERVE_AHEAD_MS) / 2 ? this.#mark(time) : undefined;
  }

  /** The mark is durable. */
  reserved(highWater: number): void {
    this.#reserved = Math.max(this.#reserved, highWater);
  }

  /** The write with this stamp is in the tree, or will never be. */
  settled(stamp: Stamp): void {
    assert(this.#pending.delete(stamp.time), "a stamp is settled once");
  }

  /**
   * A stamp of somebody else: later stamps of ours will be after it. Stamps beyond
   * {@link CLOCK_BOUND_MS} are merged but do not drag our clock along; false for those.
   */
  observe(time: number, nowMs: number): boolean {
    if (time > timeOfMs(nowMs + CLOCK_BOUND_MS)) return false;
    this.#last = Math.max(this.#last, time);
    return true;
  }

  /**
   * Later stamps of ours will be after `time`, however far it is ahead. Only for what a member has
   * acknowledged: that is the least of all members' promises, so no single clock drags it along.
   */
  advance(time: number): void {
    this.#last = Math.max(this.#last, time);
  }

  /** Every stamp of ours up to this time is in the tree; later ones will be above it. */
  promise(nowMs: number): number {
    const at = Math.min(timeOfMs(nowMs), this.#reserved);
    this.#last = Math.max(this.#last, at);
    let promise = Math.min(this.#last, this.#reserved);
    for (const time of this.#pending) promise = Math.min(promise, time - 1);
    return promise;
  }

  #mark(time: number): number {
    return time + timeSpan(RESERVE_AHEAD_MS);
  }
}

function timeSpan(ms: number): number {
  return ms * STAMPS_PER_MS;
}

/**
 * Whether our wall clock can be trusted: its distance to the median of the peers' clocks. Each
 * sample is `peer's clock - ours` in milliseconds, corrected by half the round trip.
 */
export class ClockSkew {
  readonly #offsets = new Map<string, number>();

  /** The newest sample of a peer. */
  sample(peer: string, offsetMs: number): void {
    this.#offsets.set(peer, offsetMs);
  }

  /** Peers that are members no more say nothing. */
  keep(peers: readonly string[]): void {
    for (const peer of this.#offsets.keys()) if (!peers.includes(peer)) this.#offsets.delete(peer);
  }

  /**
   * How far the peers' median is ahead of us; 0 without peers. Of the two middle ones of an even
   * number it is the nearer, so that one wrong clock of three condemns only itself.
   */
  medianMs(): number {
    const sorted = [...this.#offsets.values()].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    const high = sorted[middle] ?? 0;
    const low = sorted.length % 2 === 1 ? high : (sorted[middle - 1] ?? 0);
    return Math.abs(low) < Math.abs(high) ? low : high;
  }

  /** True: no local writes (reason ClockSkew); merging goes on. */
  isSkewed(): boolean {
    return Math.abs(this.medianMs()) > CLOCK_BOUND_MS;
  }
}
