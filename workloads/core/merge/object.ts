// The state of one Mst object: cells by key and kind, the stamp of its last deletion, and the
// latest stamp it ever had. It is a join semilattice like its cells: `mergeObjects` is commutative,
// associative and idempotent, which object.test.ts checks as properties.
import type { Cell, CellKind, Documents } from "./cells.ts";
import { earliestTombstone, isLive, mergeCells, purgeCell } from "./cells.ts";
import type { Stamp } from "./stamp.ts";
import { isCovered, laterStamp } from "./stamp.ts";

/** An object as one replica knows it. */
export interface ObjectState {
  /** Everything of kinds register and map stamped at or before it is gone. */
  readonly deletedAt: Stamp | undefined;
  /** Makes the object exist even without entries; always after `deletedAt`. */
  readonly existsAt: Stamp | undefined;
  /** The latest stamp of any write to the object, a purged tombstone's included. */
  readonly modified: Stamp;
  /** By {@link cellKey}. No cell is empty, none is covered by `deletedAt`. */
  readonly cells: ReadonlyMap<string, Cell>;
}

const KIND_LETTERS: Readonly<Record<CellKind, string>> = {
  register: "r",
  counter: "c",
  map: "m",
  document: "d",
};

/**
 * Where the cell of an entry lies. Each kind has its own, so that cells of different kinds never
 * meet in a merge; a write removes what it sees of the other kinds.
 */
export function cellKey(kind: CellKind, entryKey: string): string {
  return KIND_LETTERS[kind] + entryKey;
}

/** The entry that a cell key belongs to. */
export function entryKeyOf(key: string): string {
  return key.slice(1);
}

/** The join of what two replicas know of one object. */
export function mergeObjects(a: ObjectState, b: ObjectState, documents: Documents): ObjectState {
  const cells = new Map(a.cells);
  for (const [key, cell] of b.cells) {
    const other = cells.get(key);
    cells.set(key, other === undefined ? cell : mergeCells(other, cell, documents));
  }
  return normalise({
    deletedAt: laterStamp(a.deletedAt, b.deletedAt),
    existsAt: laterStamp(a.existsAt, b.existsAt),
    modified: laterStamp(a.modified, b.modified) ?? a.modified,
    cells,
  });
}

/** Drops what `deletedAt` covers; the result does not depend on when this is done. */
export function normalise(state: ObjectState): ObjectState {
  const { deletedAt } = state;
  if (deletedAt === undefined) return state;
  const cells = new Map<string, Cell>();
  for (const [key, cell] of state.cells) {
    const left = uncovered(cell, deletedAt);
    if (left !== undefined) cells.set(key, left);
  }
  const existsAt = isCovered(state.existsAt, deletedAt) ? undefined : state.existsAt;
  return { ...state, existsAt, cells };
}

function uncovered(cell: Cell, deletedAt: Stamp): Cell | undefined {
  if (cell.kind === "register") return isCovered(cell.stamp, deletedAt) ? undefined : cell;
  if (cell.kind !== "map") return cell;
  const fields = new Map([...cell.fields].filter(([, { stamp }]) => !isCovered(stamp, deletedAt)));
  const bare = isCovered(cell.bare?.stamp, deletedAt) ? undefined : cell.bare;
  if (fields.size === cell.fields.size && bare === cell.bare) return cell;
  return fields.size === 0 && bare === undefined ? undefined : { kind: "map", fields, bare };
}

/** Whether a reader sees the object. */
export function objectExists(state: ObjectState): boolean {
  if (state.existsAt !== undefined) return true;
  for (const cell of state.cells.values()) if (isLive(cell)) return true;
  return false;
}

/**
 * Version of the object: a pure function of what was written to it, below 2^53, higher after every
 * write. 0 if it does not exist. Two replicas with the same writes have the same version; two
 * versions that are equal need not be the same object, therefore an ETag is version and digest.
 */
export function objectVersion(state: ObjectState | undefined): number {
  return state !== undefined && objectExists(state) ? state.modified.time : 0;
}

/**
 * The object without tombstones stamped at or below `cutTime`; undefined if nothing is left of it.
 * The same object if there is nothing to purge. Only for a cut that every member has acknowledged.
 */
export function purgeObject(state: ObjectState, cutTime: number): ObjectState | undefined {
  let changed = false;
  const cells = new Map<string, Cell>();
  for (const [key, cell] of state.cells) {
    const left = purgeCell(cell, cutTime);
    if (left !== cell) changed = true;
    if (left !== undefined) cells.set(key, left);
  }
  const isOld = state.deletedAt !== undefined && state.deletedAt.time <= cutTime;
  const deletedAt = isOld ? undefined : state.deletedAt;
  if (cells.size === 0 && deletedAt === undefined && state.existsAt === undefined) return undefined;
  return changed || isOld ? { ...state, deletedAt, cells } : state;
}

/** The earliest stamp time that {@link purgeObject} could remove; undefined if none. */
export function earliestTombstoneOf(state: ObjectState): number | undefined {
  let earliest = state.deletedAt?.time;
  for (const cell of state.cells.values()) {
    const time = earliestTombstone(cell);
    if (time !== undefined && (earliest === undefined || time < earliest)) earliest = time;
  }
  return earliest;
}
