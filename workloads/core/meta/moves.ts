// What a generation may say about slots on their way, and how a move goes on from one generation to
// the next: Copying, CutOver, Activated, and then it is not named any more. The slot map follows
// the last step but one, never by itself. Whether a step is due is the proposer's to know: a step
// that comes early only makes callers ask twice, because the partitions judge by their own states.
import type { CollectionSpec, SlotMove } from "#api/gen/oaas-admin_pb.ts";
import { SlotMoveState } from "#api/gen/oaas-admin_pb.ts";
import { ODGM_SLOTS } from "#api/workload/odgm.ts";
import type { SlotTable } from "#workloads/core/slots/index.ts";
import { makeSlotTable } from "#workloads/core/slots/index.ts";

import type { SpecProblem } from "./problem.ts";
import { invalid, unsupported } from "./problem.ts";

const { COPYING, CUT_OVER, ACTIVATED } = SlotMoveState;

/** What may follow a move in the next generation, beside itself. */
const NEXT: ReadonlyMap<SlotMoveState, SlotMoveState> = new Map([
  [COPYING, CUT_OVER],
  [CUT_OVER, ACTIVATED],
]);

/** undefined if the moves fit to each other and to the map of the same generation. */
export function checkMoves(spec: CollectionSpec, table: SlotTable): SpecProblem | undefined {
  const seen = new Map<number, bigint>();
  const ids = new Set<bigint>();
  for (const move of spec.moves) {
    const { id, from, to, state } = move;
    const name = `move ${id}`;
    if (id === 0n || ids.has(id) || id > BigInt(Number.MAX_SAFE_INTEGER)) {
      return invalid(`${name} has no number of its own`);
    }
    ids.add(id);
    if (spec.shardType === "Mst") return unsupported("moving slots of Mst partitions");
    if (from === to || from >= spec.partitions.length || to >= spec.partitions.length) {
      return invalid(`${name} goes from partition ${from} to ${to}`);
    }
    if (state !== COPYING && state !== CUT_OVER && state !== ACTIVATED) {
      return invalid(`${name} is in no state`);
    }
    const target = spec.partitions.find(({ partition }) => partition === to);
    if (target?.unslotted !== true) {
      return unsupported(`moving slots to partition ${to}, which began with slots of its own,`);
    }
    const owner = state === ACTIVATED ? to : from;
    const problem = checkSpans(move, { name, owner, table, seen });
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkSpans(
  { id, slots }: SlotMove,
  of: {
    readonly name: string;
    readonly owner: number;
    readonly table: SlotTable;
    readonly seen: Map<number, bigint>;
  },
): SpecProblem | undefined {
  const { name, owner, table, seen } = of;
  if (slots.length === 0) return invalid(`${name} has no slots`);
  for (const { first, last } of slots) {
    if (first > last || last >= ODGM_SLOTS.count) return invalid(`${name}: slots ${first}-${last}`);
    for (let slot = first; slot <= last; slot += 1) {
      const other = seen.get(slot);
      if (other !== undefined) return invalid(`slot ${slot} is in the moves ${other} and ${id}`);
      seen.set(slot, id);
      if (table[slot] !== owner) {
        return invalid(`${name}: slot ${slot} is in partition ${table[slot]}, not ${owner}`);
      }
    }
  }
  return undefined;
}

/** undefined if every move goes on by at most one step, and the map changes by moves alone. */
export function checkMoveSteps(
  current: CollectionSpec,
  wanted: CollectionSpec,
): SpecProblem | undefined {
  const after = new Map(wanted.moves.map((move) => [move.id, move]));
  const newest = current.moves.reduce((most, { id }) => (id > most ? id : most), 0n);
  for (const move of current.moves) {
    const next = after.get(move.id);
    after.delete(move.id);
    if (next === undefined) {
      if (move.state === ACTIVATED) continue;
      return invalid(`move ${move.id} is under way and cannot be given up`);
    }
    if (!isSame(move, next)) return invalid(`move ${move.id} is another one`);
    if (next.state !== move.state && next.state !== NEXT.get(move.state)) {
      return invalid(`move ${move.id} skips a step or goes back`);
    }
  }
  for (const { id, state } of after.values()) {
    if (state !== COPYING) return invalid(`move ${id} begins with copying`);
    if (id <= newest) return invalid(`move ${id} has a number that was used before`);
  }
  return checkPartitionKinds(current, wanted) ?? checkMap(current, wanted);
}

/** A partition that serves only what was brought to it stays so, and the others do. */
function checkPartitionKinds(
  current: CollectionSpec,
  wanted: CollectionSpec,
): SpecProblem | undefined {
  const before = new Map(current.partitions.map((entry) => [entry.partition, entry.unslotted]));
  for (const { partition, unslotted } of wanted.partitions) {
    const was = before.get(partition) ?? true;
    if (was === unslotted) continue;
    return before.has(partition)
      ? invalid(`partition ${partition} cannot change whether it began with slots`)
      : invalid(`partition ${partition} is new: it serves only what moves bring to it`);
  }
  return undefined;
}

function checkMap(current: CollectionSpec, wanted: CollectionSpec): SpecProblem | undefined {
  const before = makeSlotTable(current.slots, current.partitions.length);
  const after = makeSlotTable(wanted.slots, wanted.partitions.length);
  if (before.kind !== "ok" || after.kind !== "ok") return invalid("the slots are not all assigned");
  const expected = before.table.slice();
  const activated = wanted.moves.filter(({ state }) => state === ACTIVATED);
  for (const { to, slots } of activated) {
    for (const { first, last } of slots) expected.fill(to, first, last + 1);
  }
  const slot = expected.findIndex((partition, at) => after.table[at] !== partition);
  if (slot === -1) return undefined;
  return invalid(
    `slot ${slot} goes from partition ${expected[slot]} to ${after.table[slot]} without a move`,
  );
}

function isSame(a: SlotMove, b: SlotMove): boolean {
  const text = ({ slots }: SlotMove): string =>
    slots.map(({ first, last }) => `${first}-${last}`).join();
  return a.from === b.from && a.to === b.to && text(a) === text(b);
}
