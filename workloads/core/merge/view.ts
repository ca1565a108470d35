// What a reader sees of an object: one value per entry, in the byte forms that writes take.
import { assert, utf8Decode, utf8Encode } from "#api/base/index.ts";

import { compareText } from "../store/index.ts";
import type { Cell, CellKind, Documents } from "./cells.ts";
import { countOf, isLive, latestLiveStamp } from "./cells.ts";
import type { ObjectState } from "./object.ts";
import { entryKeyOf } from "./object.ts";
import { compareStamps } from "./stamp.ts";

/** A visible entry. */
export interface VisibleEntry {
  readonly key: string;
  readonly kind: CellKind;
  /** As in `EntrySet.value`. */
  readonly value: Uint8Array;
}

/** The visible entries, sorted by key. Of several kinds under one key the latest is seen. */
export function visibleEntries(state: ObjectState, documents: Documents): readonly VisibleEntry[] {
  const cells = new Map<string, Cell>();
  for (const [key, cell] of state.cells) {
    if (!isLive(cell)) continue;
    const entry = entryKeyOf(key);
    const other = cells.get(entry);
    if (other === undefined || isAfter(cell, other)) cells.set(entry, cell);
  }
  return [...cells]
    .sort(([a], [b]) => compareText(a, b))
    .map(([key, cell]) => ({ key, kind: cell.kind, value: valueOf(cell, documents) }));
}

function isAfter(a: Cell, b: Cell): boolean {
  // Of what is seen only: purging a tombstone must not change which kind that is.
  const [x, y] = [latestLiveStamp(a), latestLiveStamp(b)];
  if (x === undefined || y === undefined) return x !== undefined;
  const order = compareStamps(x, y);
  return order === 0 ? a.kind > b.kind : order > 0;
}

const EMPTY = new Uint8Array(0);

function valueOf(cell: Cell, documents: Documents): Uint8Array {
  switch (cell.kind) {
    case "register":
      return cell.value ?? EMPTY;
    case "counter":
      return utf8Encode(String(countOf(cell)));
    case "map":
      return utf8Encode(mapText(cell.fields));
    case "document": {
      const live = [...cell.lives].sort(([a], [b]) => compareText(a, b));
      const all = live.flatMap(([, { bytes }]) => (bytes === undefined ? [] : [bytes]));
      return all.reduce((a, b) => documents.merge(a, b));
    }
  }
}

function mapText(fields: ReadonlyMap<string, { readonly value: Uint8Array | undefined }>): string {
  const parts = [...fields]
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([name, { value }]) =>
      value === undefined ? [] : [`${JSON.stringify(name)}:${textOf(value)}`],
    );
  return `{${parts.join(",")}}`;
}

/** Field values are JSON text; `applyMergeWrite` and the codec let nothing else in. */
function textOf(value: Uint8Array): string {
  const text = utf8Decode(value);
  assert(text !== undefined, "a field of a map is UTF-8");
  return text;
}
