// Public face of mergeable objects. Pure.
export type {
  Cell,
  CellKind,
  CounterCell,
  CounterPart,
  DocumentCell,
  DocumentLife,
  Documents,
  MapCell,
  MapField,
  RegisterCell,
} from "./cells.ts";
export { COUNT_MAX, countOf, isLive, mergeCells, purgeCell } from "./cells.ts";
export { decodeObject, digestInput, encodeObject } from "./codec.ts";
export type { ObjectState } from "./object.ts";
export {
  cellKey,
  earliestTombstoneOf,
  entryKeyOf,
  mergeObjects,
  normalise,
  objectExists,
  objectVersion,
  purgeObject,
} from "./object.ts";
export type { Stamp } from "./stamp.ts";
export {
  compareStamps,
  isCovered,
  laterStamp,
  msOfTime,
  STAMP_EPOCH_MS,
  STAMPS_PER_MS,
  timeOfMs,
} from "./stamp.ts";
export type { VisibleEntry } from "./view.ts";
export { visibleEntries } from "./view.ts";
export type { EntrySet, MergeOutcome, MergeWrite } from "./write.ts";
export { applyMergeWrite } from "./write.ts";
