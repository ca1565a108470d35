// Which keys are asked for: the distributions of YCSB's core workloads, drawn from a given source
// of randomness so that two subjects of a run get the same keys.

/** YCSB's skew: the most popular of n items is asked for in 1/zeta(n) of all cases. */
export const THETA = 0.99;
/** YCSB scatters ranks of this many items over the keys, whatever their number. */
export const SCATTERED_ITEMS = 1e10;
/** zeta(10^10) at {@link THETA}; YCSB has the same constant, the test sums it up. */
export const SCATTERED_ZETA = 26.46902820178302;

/** Draws a number in [0, 1). */
export type Draw = () => number;

/**
 * Ranks from 0, the smaller the more popular (Gray et al., "Quickly generating billion-record
 * synthetic databases", SIGMOD 1994). The number of items may grow.
 */
export class Zipfian {
  #items = 0;
  #zeta = 0;
  #eta = 0;
  readonly #draw: Draw;

  /** With `zeta` nothing is summed up; without, one term per item. */
  constructor(options: { readonly items: number; readonly draw: Draw; readonly zeta?: number }) {
    this.#draw = options.draw;
    if (options.zeta === undefined) {
      this.grow(options.items);
      return;
    }
    this.#items = options.items;
    this.#zeta = options.zeta;
    this.#setEta();
  }

  /** There are so many items now; fewer than before is ignored. */
  grow(items: number): void {
    if (items <= this.#items) return;
    for (let rank = this.#items + 1; rank <= items; rank += 1) this.#zeta += 1 / rank ** THETA;
    this.#items = items;
    this.#setEta();
  }

  next(): number {
    const u = this.#draw();
    const scaled = u * this.#zeta;
    if (scaled < 1) return 0;
    if (scaled < 1 + 0.5 ** THETA) return Math.min(1, this.#items - 1);
    const rank = Math.floor(this.#items * (this.#eta * u - this.#eta + 1) ** (1 / (1 - THETA)));
    return Math.min(rank, this.#items - 1);
  }

  #setEta(): void {
    const zetaOfTwo = 1 + 0.5 ** THETA;
    this.#eta = (1 - (2 / this.#items) ** (1 - THETA)) / (1 - zetaOfTwo / this.#zeta);
  }
}

/** Says which record, from 0, the next operation is about. */
export interface KeyChooser {
  /** `records`: how many exist. */
  next(records: number): number;
}

/** Popular records lie anywhere among all: ranks of {@link SCATTERED_ITEMS}, hashed. */
export function scattered(draw: Draw): KeyChooser {
  const ranks = new Zipfian({ items: SCATTERED_ITEMS, draw, zeta: SCATTERED_ZETA });
  return { next: (records) => mixed(ranks.next()) % records };
}

/** The newest records are the popular ones. */
export function latest(draw: Draw, records: number): KeyChooser {
  const ages = new Zipfian({ items: records, draw });
  return {
    next(now) {
      ages.grow(now);
      return Math.max(0, now - 1 - ages.next());
    },
  };
}

/** A rank below 2^53 as 32 bits without pattern (the finalizer of MurmurHash3, of both halves). */
export function mixed(rank: number): number {
  const high = finalized(Math.floor(rank / 2 ** 32) + 0x9e3779b9);
  return finalized((rank ^ high) >>> 0);
}

function finalized(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
