// What members of an Mst group say to each other, as values. A pull is one member learning what
// another has: `root`, then `fetch` as often as needed, each answered by one reply. Requests carry
// no data, so anybody of the generation may send them.
import type { Digest, KeyRange, PageView } from "./tree.ts";

/** Goes with every message. Times are those of `Stamp.time`. */
export interface Header {
  /** Generation of the collection's spec that the sender serves by. */
  readonly generation: number;
  /** The sender has merged everything that any member wrote up to this time. */
  readonly ack: number;
  /** The sender has purged its tombstones up to this time. */
  readonly cut: number;
  /** The sender's wall clock in milliseconds. */
  readonly clockMs: number;
}

/** Compares roots. */
export interface RootRequest {
  readonly kind: "root";
  readonly pull: number;
  readonly header: Header;
  /** Root of the sender's tree. */
  readonly digest: Digest;
}

/** An object wanted, from this byte on. */
export interface Want {
  readonly id: string;
  readonly offset: number;
}

/** Asks for pages and objects. */
export interface FetchRequest {
  readonly kind: "fetch";
  readonly pull: number;
  /** Counts the requests of a pull; the reply repeats it. */
  readonly step: number;
  readonly header: Header;
  readonly ranges: readonly KeyRange[];
  readonly wants: readonly Want[];
}

/** Answers {@link RootRequest}. */
export interface RootReply {
  readonly kind: "root-reply";
  readonly pull: number;
  readonly header: Header;
  /** All writes of the sender up to this time are in the tree that it answers from. */
  readonly promise: number;
  readonly digest: Digest;
  /** The top page if the digests differ; undefined if they are equal, or the sender is joining. */
  readonly page: PageView | undefined;
}

/** A piece of an object's canonical bytes. */
export interface ObjectPiece {
  readonly id: string;
  /** Digest of the whole object; pieces of different digests do not belong together. */
  readonly digest: Digest;
  readonly offset: number;
  /** Length of the whole; 0 if the object is gone. */
  readonly total: number;
  readonly bytes: Uint8Array;
}

/** Answers {@link FetchRequest}: the first of the ranges and of the wants, as many as fit. */
export interface FetchReply {
  readonly kind: "fetch-reply";
  readonly pull: number;
  readonly step: number;
  readonly header: Header;
  /** Undefined for a range without keys. */
  readonly pages: readonly (PageView | undefined)[];
  readonly objects: readonly ObjectPiece[];
}

/** Why a request is not answered. */
export type RefusalReason =
  /** The two serve by different generations; the older one must learn the newer first. */
  | "Generation"
  /** The member holds nothing to learn from yet. */
  | "Joining";

/** Answers either request. */
export interface Refused {
  readonly kind: "refused";
  readonly pull: number;
  readonly header: Header;
  readonly reason: RefusalReason;
}

/** Any message. */
export type MstMessage = RootRequest | FetchRequest | RootReply | FetchReply | Refused;

/** Bytes of pages and objects in one reply; a first item that is larger is sent all the same. */
export const REPLY_BYTES_MAX = 192 * 1024;
/** Ranges in one request. */
export const RANGES_MAX = 64;
/** Objects in one request. */
export const WANTS_MAX = 512;
/** Largest object that a member takes from another. */
export const OBJECT_BYTES_MAX = 64 * 1024 * 1024;
