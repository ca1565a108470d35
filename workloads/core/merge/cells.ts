// Cells: the mergeable values that entries of Mst objects are made of. Every kind is a join
// semilattice, so replicas that have seen the same writes hold the same value in whatever order,
// how often and over whomever the writes came. What is deleted stays as a tombstone until every
// member has acknowledged it (workloads/core/mst/acks.ts).
//
// Sources: Shapiro et al., "A comprehensive study of CRDTs" (INRIA RR-7506) 3.1.3 PN-Counter,
// 3.2.1 LWW-Register; Baquero et al., "The problem with embedded CRDT counters" (PaPoC 2016) for
// counters that can be reset: what a reset has seen is recorded, not subtracted.
//
// | kind     | concurrent writes                     | delete                                  |
// |----------|---------------------------------------|-----------------------------------------|
// | register | the later stamp wins                  | as a write; the later of both wins      |
// | counter  | all increments count                  | takes back the increments it has seen   |
// | map      | per field the later stamp wins        | per field, of the fields it has seen    |
// |          | (without fields: as a register)       |                                         |
// | document | both edits are merged by the library  | ends the lives it has seen              |
import { compareBytes } from "../store/index.ts";

import type { Stamp } from "./stamp.ts";
import { compareStamps } from "./stamp.ts";

/** The last write wins. */
export interface RegisterCell {
  readonly kind: "register";
  readonly stamp: Stamp;
  /** Undefined: a tombstone. */
  readonly value: Uint8Array | undefined;
}

/** The increments of one node since it first counted here. All counts only grow. */
export interface CounterPart {
  /** Of the last change of this part, a reset included. */
  readonly stamp: Stamp;
  readonly plus: number;
  readonly minus: number;
  /** How much of `plus` and `minus` resets have taken back. */
  readonly basePlus: number;
  readonly baseMinus: number;
}

/** Sum of what every node has counted. Parts are keyed `<node>@<time of their first increment>`. */
export interface CounterCell {
  readonly kind: "counter";
  readonly parts: ReadonlyMap<string, CounterPart>;
}

/** A field of a map; `value` undefined is a tombstone. */
export interface MapField {
  readonly stamp: Stamp;
  readonly value: Uint8Array | undefined;
}

/** A register per field. */
export interface MapCell {
  readonly kind: "map";
  readonly fields: ReadonlyMap<string, MapField>;
  /** Makes the map be there without fields: the last write of one that had none. */
  readonly bare: MapField | undefined;
}

/** One life of a document, from its creation to its deletion; `bytes` undefined once deleted. */
export interface DocumentLife {
  readonly stamp: Stamp;
  readonly bytes: Uint8Array | undefined;
}

/** A document of a CRDT library. Lives are keyed `<node>@<time of creation>`. */
export interface DocumentCell {
  readonly kind: "document";
  readonly lives: ReadonlyMap<string, DocumentLife>;
}

/** Any cell. */
export type Cell = RegisterCell | CounterCell | MapCell | DocumentCell;
/** The kinds of cells. */
export type CellKind = Cell["kind"];

/** What merging documents takes; workloads/odgm gives it Automerge. */
export interface Documents {
  /** Both histories joined; commutative, associative and idempotent up to {@link identity}. */
  merge(a: Uint8Array, b: Uint8Array): Uint8Array;
  /** The same bytes for documents with the same history, however they are encoded. */
  identity(document: Uint8Array): Uint8Array;
  /** Whether these bytes, which a client sent, are a document. */
  isValid(document: Uint8Array): boolean;
}

/** Counts stay exact below this. */
export const COUNT_MAX = Number.MAX_SAFE_INTEGER;

/** The join of two cells of one kind. */
export function mergeCells(a: Cell, b: Cell, documents: Documents): Cell {
  if (a.kind === "register" && b.kind === "register") return mergeRegisters(a, b);
  if (a.kind === "counter" && b.kind === "counter") {
    return { kind: "counter", parts: mergeMaps(a.parts, b.parts, mergeParts) };
  }
  if (a.kind === "map" && b.kind === "map") {
    const fields = mergeMaps(a.fields, b.fields, laterField);
    return { kind: "map", fields, bare: laterBare(a.bare, b.bare) };
  }
  if (a.kind === "document" && b.kind === "document") {
    const join = (x: DocumentLife, y: DocumentLife): DocumentLife => mergeLives(x, y, documents);
    return { kind: "document", lives: mergeMaps(a.lives, b.lives, join) };
  }
  throw new Error(`cells of the kinds ${a.kind} and ${b.kind} have different keys`);
}

function mergeRegisters(a: RegisterCell, b: RegisterCell): RegisterCell {
  return isLater(b, a) ? b : a;
}

function laterField(a: MapField, b: MapField): MapField {
  return isLater(b, a) ? b : a;
}

function laterBare(a: MapField | undefined, b: MapField | undefined): MapField | undefined {
  return a === undefined || b === undefined ? (a ?? b) : laterField(a, b);
}

/** Every register of a map. */
export function registersOf({ fields, bare }: MapCell): readonly MapField[] {
  return bare === undefined ? [...fields.values()] : [...fields.values(), bare];
}

/** One stamp is one write; if damage made two of it, the bytes decide, a tombstone first. */
function isLater(a: MapField, b: MapField): boolean {
  const order = compareStamps(a.stamp, b.stamp);
  if (order !== 0) return order > 0;
  if (a.value === undefined || b.value === undefined) {
    return a.value === undefined && b.value !== undefined;
  }
  return compareBytes(a.value, b.value) > 0;
}

function mergeParts(a: CounterPart, b: CounterPart): CounterPart {
  return {
    stamp: later(a.stamp, b.stamp),
    plus: Math.max(a.plus, b.plus),
    minus: Math.max(a.minus, b.minus),
    basePlus: Math.max(a.basePlus, b.basePlus),
    baseMinus: Math.max(a.baseMinus, b.baseMinus),
  };
}

function mergeLives(a: DocumentLife, b: DocumentLife, documents: Documents): DocumentLife {
  const stamp = later(a.stamp, b.stamp);
  if (a.bytes === undefined || b.bytes === undefined) return { stamp, bytes: undefined };
  if (compareBytes(a.bytes, b.bytes) === 0) return { stamp, bytes: a.bytes };
  return { stamp, bytes: documents.merge(a.bytes, b.bytes) };
}

function later(a: Stamp, b: Stamp): Stamp {
  return compareStamps(a, b) >= 0 ? a : b;
}

function mergeMaps<T>(
  a: ReadonlyMap<string, T>,
  b: ReadonlyMap<string, T>,
  join: (x: T, y: T) => T,
): ReadonlyMap<string, T> {
  const merged = new Map(a);
  for (const [key, value] of b) {
    const other = merged.get(key);
    merged.set(key, other === undefined ? value : join(other, value));
  }
  return merged;
}

/** Whether a reader sees a value. */
export function isLive(cell: Cell): boolean {
  switch (cell.kind) {
    case "register":
      return cell.value !== undefined;
    case "counter":
      return [...cell.parts.values()].some((part) => !isSpent(part));
    case "map":
      return registersOf(cell).some((field) => field.value !== undefined);
    case "document":
      return [...cell.lives.values()].some((life) => life.bytes !== undefined);
  }
}

/** Whether resets have taken back all that this part counted. */
export function isSpent(part: CounterPart): boolean {
  // A part that counted up and down by the same amount still is a counter of zero.
  return part.plus <= part.basePlus && part.minus <= part.baseMinus;
}

/** The counter's value; may be negative. */
export function countOf(cell: CounterCell): number {
  let total = 0;
  for (const part of cell.parts.values()) {
    total += part.plus - part.basePlus - (part.minus - part.baseMinus);
  }
  return total;
}

/** The latest stamp in the cell; undefined if it is empty. */
export function latestStamp(cell: Cell): Stamp | undefined {
  if (cell.kind === "register") return cell.stamp;
  let latest: Stamp | undefined;
  for (const { stamp } of partsOf(cell)) {
    if (latest === undefined || compareStamps(stamp, latest) > 0) latest = stamp;
  }
  return latest;
}

/**
 * The latest stamp of what a reader sees of the cell; undefined if that is nothing. Unlike
 * {@link latestStamp} it stays the same when tombstones are purged.
 */
export function latestLiveStamp(cell: Cell): Stamp | undefined {
  switch (cell.kind) {
    case "register":
      return cell.value === undefined ? undefined : cell.stamp;
    case "counter":
      return latestOf(cell.parts.values(), (part) => !isSpent(part));
    case "map":
      return latestOf(registersOf(cell), (field) => field.value !== undefined);
    case "document":
      return latestOf(cell.lives.values(), (life) => life.bytes !== undefined);
  }
}

function latestOf<T extends { readonly stamp: Stamp }>(
  parts: Iterable<T>,
  isSeen: (part: T) => boolean,
): Stamp | undefined {
  let latest: Stamp | undefined;
  for (const part of parts) {
    if (isSeen(part)) latest = latest === undefined ? part.stamp : later(latest, part.stamp);
  }
  return latest;
}

/** The cell without tombstones stamped at or below `cutTime`; undefined if nothing is left. */
export function purgeCell(cell: Cell, cutTime: number): Cell | undefined {
  switch (cell.kind) {
    case "register":
      return cell.value === undefined && cell.stamp.time <= cutTime ? undefined : cell;
    case "counter": {
      const parts = keep(cell.parts, (part) => !isSpent(part) || part.stamp.time > cutTime);
      return parts === undefined ? cell : parts.size > 0 ? { kind: "counter", parts } : undefined;
    }
    case "map":
      return purgeMap(cell, cutTime);
    case "document": {
      const lives = keep(
        cell.lives,
        (life) => life.bytes !== undefined || life.stamp.time > cutTime,
      );
      return lives === undefined ? cell : lives.size > 0 ? { kind: "document", lives } : undefined;
    }
  }
}

function purgeMap(cell: MapCell, cutTime: number): MapCell | undefined {
  const isKept = ({ value, stamp }: MapField): boolean =>
    value !== undefined || stamp.time > cutTime;
  const fields = keep(cell.fields, isKept) ?? cell.fields;
  const bare = cell.bare === undefined || isKept(cell.bare) ? cell.bare : undefined;
  if (fields === cell.fields && bare === cell.bare) return cell;
  return fields.size === 0 && bare === undefined ? undefined : { kind: "map", fields, bare };
}

/** The earliest stamp time of a tombstone in the cell; undefined if there is none. */
export function earliestTombstone(cell: Cell): number | undefined {
  let earliest: number | undefined;
  const see = (isTombstone: boolean, { time }: Stamp): void => {
    if (isTombstone && (earliest === undefined || time < earliest)) earliest = time;
  };
  switch (cell.kind) {
    case "register":
      see(cell.value === undefined, cell.stamp);
      break;
    case "counter":
      for (const part of cell.parts.values()) see(isSpent(part), part.stamp);
      break;
    case "map":
      for (const field of registersOf(cell)) see(field.value === undefined, field.stamp);
      break;
    case "document":
      for (const life of cell.lives.values()) see(life.bytes === undefined, life.stamp);
      break;
  }
  return earliest;
}

function partsOf(cell: Exclude<Cell, RegisterCell>): Iterable<{ readonly stamp: Stamp }> {
  if (cell.kind === "counter") return cell.parts.values();
  return cell.kind === "map" ? registersOf(cell) : cell.lives.values();
}

/** What passes; undefined if everything does. */
function keep<T>(
  all: ReadonlyMap<string, T>,
  passes: (value: T) => boolean,
): ReadonlyMap<string, T> | undefined {
  const kept = new Map([...all].filter(([, value]) => passes(value)));
  return kept.size === all.size ? undefined : kept;
}
