// Requests and responses that are larger than a frame travel in pieces: all but the last are marked
// `partial`, and the last one carries whatever else the message says. A receiver puts them together
// within a bound.
import { assert } from "#api/base/index.ts";

/** Bytes of one piece; with what goes around it the frame stays below 256 KiB. */
export const PIECE_BYTES_MAX = 192 * 1024;
/** Largest request or response that is put together. */
export const WHOLE_BYTES_MAX = 64 * 1024 * 1024;

/** The bytes in pieces, views of them; one piece, which may be empty, if they fit. */
export function piecesOf(bytes: Uint8Array): readonly Uint8Array[] {
  if (bytes.byteLength <= PIECE_BYTES_MAX) return [bytes];
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES_MAX) {
    pieces.push(bytes.subarray(at, at + PIECE_BYTES_MAX));
  }
  return pieces;
}

/** What an assembly makes of a piece. */
export type Assembled =
  | { readonly kind: "partial" }
  | { readonly kind: "whole"; readonly bytes: Uint8Array }
  /** The whole is over the bound; what had come is dropped, and so is the rest of it. */
  | { readonly kind: "too-large" };

interface Assembly {
  readonly pieces: Uint8Array[];
  bytes: number;
  tooLarge: boolean;
}

/** Pieces of several messages of one stream, by the id of their call. */
export class Assemblies {
  readonly #wholeBytesMax: number;
  readonly #open = new Map<number, Assembly>();
  #bytes = 0;

  constructor(wholeBytesMax = WHOLE_BYTES_MAX) {
    this.#wholeBytesMax = wholeBytesMax;
  }

  /** Bytes that wait for the rest of their message. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a piece; every message ends with one that is not `partial`. */
  take(id: number, piece: Uint8Array, partial: boolean): Assembled {
    const known = this.#open.get(id);
    if (known === undefined && !partial) return { kind: "whole", bytes: piece };
    const assembly = known ?? { pieces: [], bytes: 0, tooLarge: false };
    this.#open.set(id, assembly);
    this.#add(assembly, piece);
    if (partial) return { kind: "partial" };
    this.drop(id);
    if (assembly.tooLarge) return { kind: "too-large" };
    return { kind: "whole", bytes: Buffer.concat(assembly.pieces, assembly.bytes) };
  }

  /** Forgets what has come of this message. */
  drop(id: number): void {
    this.#bytes -= this.#open.get(id)?.bytes ?? 0;
    assert(this.#bytes >= 0, "what is dropped was counted");
    this.#open.delete(id);
  }

  #add(assembly: Assembly, piece: Uint8Array): void {
    if (assembly.tooLarge) return;
    if (assembly.bytes + piece.byteLength > this.#wholeBytesMax) {
      assembly.tooLarge = true;
      this.#bytes -= assembly.bytes;
      assembly.bytes = 0;
      assembly.pieces.length = 0;
      return;
    }
    assembly.pieces.push(piece);
    assembly.bytes += piece.byteLength;
    this.#bytes += piece.byteLength;
  }
}
