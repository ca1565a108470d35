// One pull, from the side that learns: a walk down the other's tree that leaves out every range
// whose digest is our own, so that d differing objects of n cost O(d log n) bytes. One request is
// under way at a time and the next waits until what came is merged: memory stays bounded.
import { assert } from "#api/base/index.ts";

import type { FetchReply, ObjectPiece, Want } from "./messages.ts";
import { OBJECT_BYTES_MAX, RANGES_MAX, WANTS_MAX } from "./messages.ts";
import type { Digest, KeyRange, MerkleSearchTree, PageView } from "./tree.ts";
import { EMPTY_DIGEST } from "./tree.ts";

/** A whole object that has come. */
export interface PulledObject {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** What to ask for next; undefined ends the pull. */
export interface Ask {
  readonly ranges: readonly KeyRange[];
  readonly wants: readonly Want[];
}

interface Assembly {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  filled: number;
}

/** The walk of one pull. */
export class PullWalk {
  readonly #tree: MerkleSearchTree;
  readonly #ranges: KeyRange[] = [];
  readonly #wants: string[] = [];
  #assembly: Assembly | undefined;
  #asked: Ask = { ranges: [], wants: [] };

  constructor(tree: MerkleSearchTree) {
    this.#tree = tree;
  }

  /** The other's page of a range: what differs in it is asked for next. */
  compare(range: KeyRange, page: PageView | undefined): void {
    if (page === undefined) return;
    const bounds = [range.low, ...page.keys, range.high];
    for (const [at, key] of page.keys.entries()) {
      if (this.#tree.get(key) !== page.digests[at]) this.#wants.push(key);
    }
    for (const [at, digest] of page.children.entries()) {
      if (digest === EMPTY_DIGEST) continue;
      const child = { low: bounds[at], high: bounds[at + 1] };
      if (this.#tree.rangeDigest(child) !== digest) this.#ranges.push(child);
    }
  }

  /** The next request. Objects go first, so that few ranges wait. */
  next(): Ask | undefined {
    const wants = this.#wants.slice(0, WANTS_MAX).map((id, at) => ({
      id,
      offset: at === 0 ? (this.#assembly?.filled ?? 0) : 0,
    }));
    const room = wants.length < WANTS_MAX ? RANGES_MAX : 0;
    // The last ones: depth first keeps the list short.
    const ranges = room === 0 ? [] : this.#ranges.slice(-room).reverse();
    this.#asked = { ranges, wants };
    return ranges.length + wants.length === 0 ? undefined : this.#asked;
  }

  /** A reply to the last request; the whole objects in it, or what is wrong with it. */
  take(reply: FetchReply): readonly PulledObject[] | { readonly malformed: string } {
    const { ranges, wants } = this.#asked;
    if (reply.pages.length > ranges.length || reply.objects.length > wants.length) {
      return { malformed: "more was answered than was asked for" };
    }
    if (reply.pages.length + reply.objects.length === 0) return { malformed: "an empty reply" };
    // All answered ones first: what a page leaves to ask for is added at the same end.
    this.#ranges.length -= reply.pages.length;
    for (const [at, page] of reply.pages.entries()) {
      const range = ranges[at];
      assert(range !== undefined, "every page answers a range");
      if (page !== undefined && !isWithin(page, range)) return { malformed: "a page out of range" };
      this.compare(range, page);
    }
    return this.#takeObjects(reply.objects);
  }

  #takeObjects(
    pieces: readonly ObjectPiece[],
  ): readonly PulledObject[] | { readonly malformed: string } {
    const whole: PulledObject[] = [];
    for (const piece of pieces) {
      if (piece.id !== this.#wants[0]) return { malformed: `object ${piece.id} was not asked for` };
      const fault = this.#takePiece(piece);
      if (fault !== undefined) return { malformed: fault };
      const done = this.#assembly;
      if (done !== undefined && done.filled < done.bytes.byteLength) break;
      if (done !== undefined && done.bytes.byteLength > 0) {
        whole.push({ id: piece.id, bytes: done.bytes });
      }
      this.#assembly = undefined;
      this.#wants.shift();
    }
    return whole;
  }

  #takePiece(piece: ObjectPiece): string | undefined {
    if (piece.total > OBJECT_BYTES_MAX) return `object ${piece.id} is larger than allowed`;
    if (piece.offset + piece.bytes.byteLength > piece.total) return "a piece beyond the end";
    if (piece.total > 0 && piece.bytes.byteLength === 0) return "an empty piece";
    const current = this.#assembly;
    if (current === undefined || current.digest !== piece.digest || piece.offset === 0) {
      // It changed between two pieces: from the start again.
      const isStart = piece.offset === 0;
      const bytes = new Uint8Array(piece.total);
      this.#assembly = { digest: piece.digest, bytes, filled: 0 };
      if (!isStart) return undefined;
    }
    const assembly = this.#assembly;
    assert(assembly !== undefined, "a piece has somewhere to go");
    if (assembly.filled !== piece.offset || assembly.bytes.byteLength !== piece.total) {
      return "a piece out of order";
    }
    assembly.bytes.set(piece.bytes, piece.offset);
    assembly.filled += piece.bytes.byteLength;
    return undefined;
  }
}

function isWithin(page: PageView, range: KeyRange): boolean {
  const { keys, digests, children } = page;
  if (keys.length === 0 || digests.length !== keys.length) return false;
  if (children.length !== keys.length + 1) return false;
  let before = range.low;
  for (const key of keys) {
    if (before !== undefined && key <= before) return false;
    before = key;
  }
  return range.high === undefined || (before !== undefined && before < range.high);
}
