// Tokens of exclusive calls, as one shard gives them out and checks them. A token is (term,
// sequence): the term grows with every life of the shard that gives out tokens, the sequence within
// it, so that what a call of an earlier life still writes is known to be old.
import type { ExclusiveToken } from "#workloads/core/demand/index.ts";
import { isOlderToken } from "#workloads/core/demand/index.ts";

/** Objects whose newest token is remembered one by one; of the rest only a common bound is. */
const OBJECTS_MAX = 10_000;

/** Tokens of one shard in one term. */
export class ExclusiveTokens {
  readonly term: number;
  readonly #newest = new Map<string, number>();
  readonly #objectsMax: number;
  /** The newest sequence of any object that is not remembered by itself any more. */
  #floor = 0;
  #sequence = 0;

  /** `term` is above every term that tokens were given out in before. */
  constructor(term: number, objectsMax = OBJECTS_MAX) {
    this.term = term;
    this.#objectsMax = objectsMax;
  }

  /** A token later than every one before. */
  issue(id: string): ExclusiveToken {
    this.#sequence += 1;
    this.#newest.delete(id);
    this.#newest.set(id, this.#sequence);
    if (this.#newest.size > this.#objectsMax) this.#forgetOldest();
    return { term: this.term, sequence: this.#sequence };
  }

  /**
   * Whether a later call of the object was given a token. An object whose token was long ago may be
   * told so although there was none: its call writes nothing then, and is made again.
   */
  isStale(id: string, token: ExclusiveToken): boolean {
    const sequence = this.#newest.get(id) ?? this.#floor;
    return isOlderToken(token, { term: this.term, sequence });
  }

  #forgetOldest(): void {
    for (const [id, sequence] of this.#newest) {
      this.#newest.delete(id);
      this.#floor = sequence;
      return;
    }
  }
}
