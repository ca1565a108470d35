// Bugs of values that merge.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const CELLS = "workloads/core/merge/cells.ts";
const OBJECT = "workloads/core/merge/object.ts";
const WRITE = "workloads/core/merge/write.ts";
const inMerge = testsOf("workloads/core/merge/object.test.ts");
const LAWS = inMerge(
  "laws of the join is commutative, associative and idempotent on every state that writes can reach",
);

/** Cells, objects and local writes. */
export const MERGE_MUTANTS: readonly Mutant[] = [
  {
    id: "register-earlier-wins",
    breaks: "of two writes the earlier one stays",
    file: CELLS,
    find: "  if (order !== 0) return order > 0;",
    replace: "  if (order !== 0) return order < 0;",
    killers: [inMerge("register takes the later write, and the greater node of one time")],
  },
  {
    id: "register-tie-by-arrival",
    breaks: "two writes of one moment end differently on two replicas",
    file: "workloads/core/merge/stamp.ts",
    find: "  return a.node < b.node ? -1 : 1;",
    replace: "  return 0;",
    killers: [inMerge("register takes the later write, and the greater node of one time")],
  },
  {
    id: "counter-counts-twice",
    breaks: "increments that arrive again count again",
    file: CELLS,
    find: "    plus: Math.max(a.plus, b.plus),",
    replace: "    plus: a.plus + b.plus,",
    killers: [LAWS],
  },
  {
    id: "reset-not-recorded",
    breaks: "a deleted counter shows its old value",
    file: WRITE,
    find: "{ stamp, plus, minus, basePlus: plus, baseMinus: minus }",
    replace: "{ stamp, plus, minus, basePlus: 0, baseMinus: 0 }",
    killers: [inMerge("counter keeps increments that a delete had not seen")],
  },
  {
    id: "counter-reuses-its-part",
    breaks: "increments after a purge are swallowed by the old part of a replica that has it still",
    file: WRITE,
    find: "  const id = own ?? `${stamp.node}@${stamp.time}`;",
    replace: "  const id = own ?? `${stamp.node}@`;",
    killers: [inMerge("counter counts on after its tombstone is purged here and not yet there")],
  },
  {
    id: "map-write-stamps-everything",
    breaks: "writing a map undoes what others wrote to fields that it did not change",
    file: WRITE,
    find: "    if (field?.value !== undefined && compareBytes(field.value, value) === 0) continue;\n",
    replace: "",
    killers: [inMerge("map merges by field, and leaves fields alone that a write did not change")],
  },
  {
    id: "map-field-never-deleted",
    breaks: "a field that a write leaves out stays",
    file: WRITE,
    find: "    if (wanted.has(name) || field.value === undefined) continue;",
    replace: "    if (wanted.has(name) || field.value !== undefined) continue;",
    killers: [inMerge("map merges by field, and leaves fields alone that a write did not change")],
  },
  {
    id: "delete-spares-what-it-has-not-seen",
    breaks: "an earlier write comes back after a later delete of the object",
    file: OBJECT,
    find: '  if (cell.kind === "register") return isCovered(cell.stamp, deletedAt) ? undefined : cell;',
    replace: '  if (cell.kind === "register") return cell;',
    killers: [
      inMerge(
        "register is gone with an object deleted later, also if the deleting member had not seen it",
      ),
    ],
  },
  {
    id: "purge-takes-the-living",
    breaks: "old values go with the tombstones",
    file: CELLS,
    find: "      return cell.value === undefined && cell.stamp.time <= cutTime ? undefined : cell;",
    replace: "      return cell.stamp.time <= cutTime ? undefined : cell;",
    killers: [
      inMerge("laws of the join never moves the version back, and `modified` covers every stamp"),
    ],
  },
  {
    id: "version-forgets",
    breaks: "the version goes back when a tombstone is merged away",
    file: OBJECT,
    find: "    modified: laterStamp(a.modified, b.modified) ?? a.modified,",
    replace: "    modified: a.modified,",
    killers: [LAWS],
  },
  {
    id: "write-that-cannot-win",
    breaks: "a write behind a stamp of the future is acknowledged and lost",
    file: WRITE,
    find: "  if (stored !== undefined && compareStamps(stored.modified, stamp) >= 0) {",
    replace: "  if (stored !== undefined && compareStamps(stored.modified, stamp) === 0) {",
    killers: [inMerge("writes say how long they cannot win against a stamp of the future")],
  },
  {
    id: "document-edits-overwrite",
    breaks: "of two lives of a document only one is shown",
    file: "workloads/core/merge/view.ts",
    find: "      return all.reduce((a, b) => documents.merge(a, b));",
    replace: "      return all.reduce((a) => a);",
    killers: [
      inMerge("document joins lives that began apart, and ends only the lives that were seen"),
    ],
  },
];
