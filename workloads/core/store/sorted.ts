// An ordered map from byte strings, for what a store keeps in memory. Keys are texts with one
// character (U+0000 to U+00FF) per byte: the order of such texts is the order of the bytes, and the
// engine compares them natively. Blocks of sorted keys keep an insertion at one microsecond and a
// range at the cost of what it yields.
import type { ScanOptions } from "./port.ts";

/** Keys `start` <= key < `end`; `end` undefined = to the last. */
export interface TextRange {
  readonly start: string;
  readonly end: string | undefined;
}

/** Keys of a block; a full one is split. */
const BLOCK = 256;

/** See the top of the file. */
export class SortedMap<Value> {
  readonly #values = new Map<string, Value>();
  /** Never empty but for the only one; sorted within and among each other. */
  readonly #blocks: string[][] = [[]];

  get size(): number {
    return this.#values.size;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  set(key: string, value: Value): void {
    if (!this.#values.has(key)) this.#insert(key);
    this.#values.set(key, value);
  }

  delete(key: string): void {
    if (!this.#values.delete(key)) return;
    const at = this.#blockOf(key);
    const block = this.#blocks[at] ?? [];
    block.splice(lowerBound(block, key), 1);
    if (block.length === 0 && this.#blocks.length > 1) this.#blocks.splice(at, 1);
  }

  /** At most `limit` pairs of the range, in the order asked for. */
  page(range: TextRange, options: Required<ScanOptions>): readonly (readonly [string, Value])[] {
    const keys = options.reverse
      ? this.#keysDown(range, options.limit)
      : this.#keysUp(range, options.limit);
    // A key of a block is in the map.
    return keys.map((key) => [key, this.#values.get(key) as Value] as const);
  }

  #keysUp({ start, end }: TextRange, limit: number): readonly string[] {
    const keys: string[] = [];
    for (let at = this.#blockOf(start); at < this.#blocks.length; at += 1) {
      const block = this.#blocks[at] ?? [];
      const from = lowerBound(block, start);
      const to = end === undefined ? block.length : lowerBound(block, end);
      for (let n = from; n < to && keys.length < limit; n += 1) keys.push(block[n] ?? "");
      if (keys.length === limit || to < block.length) break;
    }
    return keys;
  }

  #keysDown({ start, end }: TextRange, limit: number): readonly string[] {
    const keys: string[] = [];
    const last = end === undefined ? this.#blocks.length - 1 : this.#blockOf(end);
    for (let at = last; at >= 0; at -= 1) {
      const block = this.#blocks[at] ?? [];
      const from = lowerBound(block, start);
      const to = end === undefined ? block.length : lowerBound(block, end);
      for (let n = to - 1; n >= from && keys.length < limit; n -= 1) keys.push(block[n] ?? "");
      if (keys.length === limit || from > 0) break;
    }
    return keys;
  }

  #insert(key: string): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at] ?? [];
    block.splice(lowerBound(block, key), 0, key);
    if (block.length < BLOCK) return;
    // Keys often come in ascending order: then the left half stays full.
    const isAscending = block.at(-1) === key && at === this.#blocks.length - 1;
    const right = block.splice(isAscending ? BLOCK - 1 : BLOCK / 2);
    this.#blocks.splice(at + 1, 0, right);
  }

  /** The last block whose first key is not after `key`, else the first. */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#blocks[middle]?.[0] ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Number of keys before `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Bytes that one call may spread over its arguments. */
const SPREAD = 4_096;

/** One character per byte. */
export function byteText(bytes: Uint8Array): string {
  if (bytes.byteLength <= SPREAD) return spread(bytes);
  let text = "";
  for (let at = 0; at < bytes.byteLength; at += SPREAD) {
    text += spread(bytes.subarray(at, at + SPREAD));
  }
  return text;
}

/** An array-like will do for `apply`, which is several times faster than an iterator. */
function spread(bytes: Uint8Array): string {
  return String.fromCharCode.apply(undefined, bytes as unknown as number[]);
}

/** The inverse of {@link byteText}. */
export function textBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}
