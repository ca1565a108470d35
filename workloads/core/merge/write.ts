// Local writes: what one request makes of an object, under one stamp for all of it, so that the
// request is atomic wherever it is merged.
import { utf8Decode, utf8Encode } from "#api/base/index.ts";

import { compareBytes, compareText } from "../store/index.ts";
import type { Cell, CellKind, CounterCell, Documents, MapField } from "./cells.ts";
import { COUNT_MAX, countOf, isLive } from "./cells.ts";
import type { ObjectState } from "./object.ts";
import { cellKey, entryKeyOf, normalise } from "./object.ts";
import type { Stamp } from "./stamp.ts";
import { compareStamps } from "./stamp.ts";

/** One entry to set. */
export interface EntrySet {
  readonly key: string;
  readonly kind: CellKind;
  /**
   * register: any bytes. counter: a decimal integer as text, the value that a reader shall see.
   * map: a JSON object; fields that are missing are deleted. document: bytes of the library.
   */
  readonly value: Uint8Array;
}

/** A request on one object. */
export type MergeWrite =
  | {
      readonly kind: "mutate";
      /** Of several with one key the last counts. */
      readonly sets: readonly EntrySet[];
      /** Entry keys, after the sets. */
      readonly deletes: readonly string[];
      /** Makes the object exist even if nothing is set. */
      readonly create: boolean;
    }
  /** Adds to a counter; what replicas add at the same time all counts. */
  | { readonly kind: "add"; readonly key: string; readonly amount: number }
  | { readonly kind: "delete" };

/** What a write comes to. */
export type MergeOutcome =
  | { readonly kind: "written"; readonly state: ObjectState }
  /** Nothing changes: a delete of what is not there. */
  | { readonly kind: "unchanged" }
  /** The value does not fit the entry's kind, or a count would leave the exact integers. */
  | { readonly kind: "invalid"; readonly key: string; readonly why: string }
  /**
   * The object holds a stamp of the future, from a member whose clock ran ahead: this write could
   * not win. It can be tried again once the clock is there.
   */
  | { readonly kind: "clock-behind"; readonly untilTime: number };

/** Applies a request. `stamp` is fresh; `stored` is the newest state, undefined if none. */
export function applyMergeWrite(
  stored: ObjectState | undefined,
  write: MergeWrite,
  stamp: Stamp,
  documents: Documents,
): MergeOutcome {
  if (stored !== undefined && compareStamps(stored.modified, stamp) >= 0) {
    return { kind: "clock-behind", untilTime: stored.modified.time };
  }
  const base = stored ?? { deletedAt: undefined, existsAt: undefined, cells: new Map() };
  const draft: Draft = { cells: new Map(base.cells), stamp, documents, changed: false };
  if (write.kind === "delete") return deleteObject(stored, draft);
  const exists =
    base.existsAt !== undefined || [...base.cells.values()].some((cell) => isLive(cell));
  const failure = write.kind === "add" ? addTo(draft, write) : mutate(draft, write, exists);
  if (failure !== undefined) return failure;
  if (!draft.changed) return { kind: "unchanged" };
  // An object outlives the deletion of its last entry.
  const existsAt = exists && base.existsAt !== undefined ? base.existsAt : stamp;
  const state = { deletedAt: base.deletedAt, existsAt, modified: stamp, cells: draft.cells };
  return { kind: "written", state: normalise(state) };
}

interface Draft {
  readonly cells: Map<string, Cell>;
  readonly stamp: Stamp;
  readonly documents: Documents;
  changed: boolean;
}

type Failure = Extract<MergeOutcome, { kind: "invalid" }>;

function deleteObject(stored: ObjectState | undefined, draft: Draft): MergeOutcome {
  const exists =
    stored !== undefined &&
    (stored.existsAt !== undefined || [...stored.cells.values()].some((cell) => isLive(cell)));
  if (!exists) return { kind: "unchanged" };
  for (const [key, cell] of draft.cells) draft.cells.set(key, ended(cell, draft.stamp));
  const state = {
    deletedAt: draft.stamp,
    existsAt: undefined,
    modified: draft.stamp,
    cells: draft.cells,
  };
  return { kind: "written", state: normalise(state) };
}

function mutate(
  draft: Draft,
  write: Extract<MergeWrite, { kind: "mutate" }>,
  exists: boolean,
): Failure | undefined {
  if (write.create && !exists) draft.changed = true;
  const sets = new Map(write.sets.map((set) => [set.key, set]));
  for (const set of sets.values()) {
    const failure = setEntry(draft, set);
    if (failure !== undefined) return failure;
  }
  for (const key of write.deletes) deleteEntry(draft, key);
  return undefined;
}

function setEntry(draft: Draft, set: EntrySet): Failure | undefined {
  removeOtherKinds(draft, set);
  draft.changed = true;
  const key = cellKey(set.kind, set.key);
  switch (set.kind) {
    case "register":
      draft.cells.set(key, { kind: "register", stamp: draft.stamp, value: set.value });
      return undefined;
    case "counter":
      return setCount(draft, set);
    case "map":
      return setMap(draft, set);
    case "document":
      return setDocument(draft, set);
  }
}

function removeOtherKinds(draft: Draft, set: EntrySet): void {
  const own = cellKey(set.kind, set.key);
  for (const kind of ["register", "counter", "map", "document"] as const) {
    const key = cellKey(kind, set.key);
    const cell = key === own ? undefined : draft.cells.get(key);
    if (cell !== undefined && isLive(cell)) draft.cells.set(key, ended(cell, draft.stamp));
  }
}

function deleteEntry(draft: Draft, entryKey: string): void {
  for (const [key, cell] of draft.cells) {
    if (entryKeyOf(key) !== entryKey || !isLive(cell)) continue;
    draft.cells.set(key, ended(cell, draft.stamp));
    draft.changed = true;
  }
}

/** The cell with everything that is seen of it deleted. */
function ended(cell: Cell, stamp: Stamp): Cell {
  switch (cell.kind) {
    case "register":
      return cell.value === undefined ? cell : { kind: "register", stamp, value: undefined };
    case "counter": {
      const end = [...cell.parts].map(([id, part]) => {
        const { plus, minus } = part;
        const isDone = part.basePlus === plus && part.baseMinus === minus;
        return [
          id,
          isDone ? part : { stamp, plus, minus, basePlus: plus, baseMinus: minus },
        ] as const;
      });
      return { kind: "counter", parts: new Map(end) };
    }
    case "map": {
      const gone = (field: MapField): MapField =>
        field.value === undefined ? field : { stamp, value: undefined };
      const fields = new Map([...cell.fields].map(([key, field]) => [key, gone(field)] as const));
      return { kind: "map", fields, bare: cell.bare && gone(cell.bare) };
    }
    case "document": {
      const end = [...cell.lives].map(
        ([id, life]) =>
          [id, life.bytes === undefined ? life : { stamp, bytes: undefined }] as const,
      );
      return { kind: "document", lives: new Map(end) };
    }
  }
}

const INTEGER = /^[+-]?[0-9]{1,16}$/;

function setCount(draft: Draft, set: EntrySet): Failure | undefined {
  const text = utf8Decode(set.value)?.trim();
  if (text === undefined || !INTEGER.test(text) || !Number.isSafeInteger(Number(text))) {
    const why = "a counter takes a decimal integer between -(2^53-1) and 2^53-1";
    return { kind: "invalid", key: set.key, why };
  }
  const cell = counterAt(draft, set.key);
  return count(draft, set.key, Number(text) - countOf(cell));
}

function addTo(draft: Draft, write: Extract<MergeWrite, { kind: "add" }>): Failure | undefined {
  if (!Number.isSafeInteger(write.amount)) {
    return { kind: "invalid", key: write.key, why: "the amount is not a safe integer" };
  }
  draft.changed = true;
  return count(draft, write.key, write.amount);
}

function counterAt(draft: Draft, entryKey: string): CounterCell {
  const cell = draft.cells.get(cellKey("counter", entryKey));
  return cell?.kind === "counter" ? cell : { kind: "counter", parts: new Map() };
}

function count(draft: Draft, entryKey: string, delta: number): Failure | undefined {
  const cell = counterAt(draft, entryKey);
  const { stamp } = draft;
  const own = [...cell.parts.keys()]
    .filter((id) => id.startsWith(`${stamp.node}@`))
    .sort()
    .pop();
  const id = own ?? `${stamp.node}@${stamp.time}`;
  const part = cell.parts.get(id) ?? { plus: 0, minus: 0, basePlus: 0, baseMinus: 0 };
  // Setting zero on an absent counter must leave something to see.
  const isNew = !isLive(cell) && delta === 0;
  const plus = part.plus + Math.max(delta, 0) + (isNew ? 1 : 0);
  const minus = part.minus + Math.max(-delta, 0) + (isNew ? 1 : 0);
  if (plus > COUNT_MAX || minus > COUNT_MAX) {
    return { kind: "invalid", key: entryKey, why: "the counter would leave the exact integers" };
  }
  const parts = new Map(cell.parts).set(id, { ...part, stamp, plus, minus });
  draft.cells.set(cellKey("counter", entryKey), { kind: "counter", parts });
  return undefined;
}

function setMap(draft: Draft, set: EntrySet): Failure | undefined {
  const wanted = parseMap(set.value);
  if (wanted === undefined) return { kind: "invalid", key: set.key, why: "a map takes an object" };
  const key = cellKey("map", set.key);
  const cell = draft.cells.get(key);
  const fields = new Map<string, MapField>(cell?.kind === "map" ? cell.fields : []);
  for (const [name, value] of wanted) {
    const field = fields.get(name);
    if (field?.value !== undefined && compareBytes(field.value, value) === 0) continue;
    fields.set(name, { stamp: draft.stamp, value });
  }
  for (const [name, field] of fields) {
    if (wanted.has(name) || field.value === undefined) continue;
    fields.set(name, { stamp: draft.stamp, value: undefined });
  }
  const stored = cell?.kind === "map" ? cell.bare : undefined;
  const bare = wanted.size === 0 ? { stamp: draft.stamp, value: NOTHING } : stored;
  draft.cells.set(key, { kind: "map", fields, bare });
  return undefined;
}

const NOTHING = new Uint8Array(0);

function parseMap(value: Uint8Array): ReadonlyMap<string, Uint8Array> | undefined {
  const text = utf8Decode(value);
  if (text === undefined) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause: unknown) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  const fields = Object.entries(parsed);
  return new Map(fields.map(([name, field]) => [name, utf8Encode(JSON.stringify(field))]));
}

function setDocument(draft: Draft, set: EntrySet): Failure | undefined {
  if (!draft.documents.isValid(set.value)) {
    return { kind: "invalid", key: set.key, why: "the bytes are no document of the library" };
  }
  const key = cellKey("document", set.key);
  const cell = draft.cells.get(key);
  const lives = new Map(cell?.kind === "document" ? cell.lives : []);
  const oldest = [...lives].filter(([, life]) => life.bytes !== undefined).sort(byKey)[0];
  const id = oldest?.[0] ?? `${draft.stamp.node}@${draft.stamp.time}`;
  const stored = oldest?.[1].bytes;
  const bytes = stored === undefined ? set.value : draft.documents.merge(stored, set.value);
  lives.set(id, { stamp: draft.stamp, bytes });
  draft.cells.set(key, { kind: "document", lives });
  return undefined;
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return compareText(a[0], b[0]);
}
