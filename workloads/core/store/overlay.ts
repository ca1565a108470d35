// What the log holds beyond the checkpoint, in memory, and how both are read as one. The newest
// source that knows a key decides; a removed key hides what is older.
import type { LogRecord } from "./frame.ts";
import type { ScanOptions } from "./port.ts";
import type { TextRange } from "./sorted.ts";
import { byteText, SortedMap, textBytes } from "./sorted.ts";

/** A key in one source. `sealed` undefined: it is removed here. */
export interface LayerItem extends LogRecord {
  /** {@link byteText} of the key. */
  readonly text: string;
}

/** One source of a merged reading. */
export interface Layer {
  /** At most `limit` items in the order asked for; fewer only if there are no more. */
  page(range: TextRange, options: Required<ScanOptions>): readonly LayerItem[];
}

/**
 * Where the sealed value of a key lies. A hundred thousand of them are held at a time: a place in
 * the frame that is in memory anyway takes a third of what views of key and value would.
 */
interface Place {
  readonly frame: ArrayBufferLike;
  readonly at: number;
  readonly length: number;
}

/** The place of a key that is removed. */
const REMOVED: Place = { frame: new ArrayBuffer(0), at: 0, length: 0 };

/** Changes by key, the newest only. Keeps the frames of its records in memory. */
export class Overlay implements Layer {
  readonly #places = new SortedMap<Place>();
  #liveBytes = 0;

  get size(): number {
    return this.#places.size;
  }

  /** Bytes of keys and values that are set. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /**
   * What is known of the key here: `sealed` (a copy) is undefined if it is removed. Undefined:
   * nothing is known of it.
   */
  get(text: string): { readonly sealed: Uint8Array | undefined } | undefined {
    const place = this.#places.get(text);
    return place === undefined ? undefined : { sealed: viewOf(place)?.slice() };
  }

  apply({ key, sealed }: LogRecord): void {
    const text = byteText(key);
    const place =
      sealed === undefined
        ? REMOVED
        : { frame: sealed.buffer, at: sealed.byteOffset, length: sealed.byteLength };
    this.#liveBytes += bytesOf(text, place) - bytesOf(text, this.#places.get(text));
    this.#places.set(text, place);
  }

  page(range: TextRange, options: Required<ScanOptions>): readonly LayerItem[] {
    return this.views(range, options).map((item) => ({ ...item, sealed: item.sealed?.slice() }));
  }

  /** As {@link page}, but the values are views of their frames and not to be changed. */
  views(range: TextRange, options: Required<ScanOptions>): readonly LayerItem[] {
    return this.#places
      .page(range, options)
      .map(([text, place]) => ({ text, key: textBytes(text), sealed: viewOf(place) }));
  }
}

/** A merged page, and where the next one begins; `rest` undefined: there is none. */
export interface MergedPage {
  readonly items: readonly (LayerItem & { readonly sealed: Uint8Array })[];
  readonly rest: TextRange | undefined;
}

/**
 * Reads up to `limit` items of every layer, the newest layer first, and merges them as far as every
 * layer is known.
 */
export function mergedPage(
  layers: readonly Layer[],
  range: TextRange,
  options: Required<ScanOptions>,
): MergedPage {
  const { reverse, limit } = options;
  const pages = layers.map((layer) => layer.page(range, options));
  // Beyond the last item of a full page its layer may hold more.
  let horizon: string | undefined;
  for (const page of pages) {
    const last = page.length < limit ? undefined : page.at(-1)?.text;
    if (last === undefined) continue;
    if (horizon === undefined || isBefore(last, horizon, reverse)) horizon = last;
  }
  const items = mergeUpTo(pages, horizon, reverse);
  if (horizon === undefined) return { items, rest: undefined };
  const rest = reverse
    ? { start: range.start, end: horizon }
    : { start: `${horizon}\u0000`, end: range.end };
  return { items, rest };
}

function mergeUpTo(
  pages: readonly (readonly LayerItem[])[],
  horizon: string | undefined,
  reverse: boolean,
): MergedPage["items"] {
  const heads = pages.map(() => 0);
  const items: (LayerItem & { readonly sealed: Uint8Array })[] = [];
  for (;;) {
    const next = nextItem(pages, heads, reverse);
    if (next === undefined) break;
    if (horizon !== undefined && isBefore(horizon, next.text, reverse)) break;
    for (const [at, page] of pages.entries()) {
      const head = heads[at] ?? 0;
      if (page[head]?.text === next.text) heads[at] = head + 1;
    }
    const { text, key, sealed } = next;
    if (sealed !== undefined) items.push({ text, key, sealed });
  }
  return items;
}

/** The first of the heads in reading order; of equal ones that of the newest layer. */
function nextItem(
  pages: readonly (readonly LayerItem[])[],
  heads: readonly number[],
  reverse: boolean,
): LayerItem | undefined {
  let first: LayerItem | undefined;
  for (const [at, page] of pages.entries()) {
    const item = page[heads[at] ?? 0];
    if (item === undefined) continue;
    if (first === undefined || isBefore(item.text, first.text, reverse)) first = item;
  }
  return first;
}

function isBefore(a: string, b: string, reverse: boolean): boolean {
  return reverse ? a > b : a < b;
}

function viewOf(place: Place): Uint8Array | undefined {
  return place === REMOVED ? undefined : new Uint8Array(place.frame, place.at, place.length);
}

function bytesOf(text: string, place: Place | undefined): number {
  return place === undefined || place === REMOVED ? 0 : text.length + place.length;
}
