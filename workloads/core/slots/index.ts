// From an object id to the partition that owns it: 4096 slots by hash, slots to partitions by a
// table of ranges that travels with the generation. Hash version 1 is XXH3-64 with seed 0 over the
// id's bytes, modulo 4096; it is recorded, so that another can come later without moving data.
import type { Hasher } from "#api/base/index.ts";
import { utf8Encode } from "#api/base/index.ts";
import { ODGM_SLOTS } from "#api/workload/odgm.ts";

const { count: SLOTS } = ODGM_SLOTS;

/** Slots `first`..`last`, both included, belong to `partition`. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly partition: number;
}

/** The slot of a (lower-cased) object id, 0..4095. */
export function slotOf(hasher: Hasher, id: string): number {
  return Number(hasher(utf8Encode(id)) & BigInt(SLOTS - 1));
}

/** Slot -> partition. Make it once per generation. */
export type SlotTable = Uint32Array;

/**
 * The table of these ranges, or what is wrong with them: they must be disjoint, cover 0..4095 and
 * name partitions below `partitions`.
 */
export function makeSlotTable(
  ranges: readonly SlotRange[],
  partitions: number,
):
  | { readonly kind: "ok"; readonly table: SlotTable }
  | { readonly kind: "invalid"; readonly message: string } {
  const table = new Uint32Array(SLOTS);
  const owned = new Uint8Array(SLOTS);
  for (const { first, last, partition } of ranges) {
    const name = `slots ${first}-${last}`;
    if (first > last || last >= SLOTS) return invalid(`${name}: not within 0-${SLOTS - 1}`);
    if (partition >= partitions) return invalid(`${name}: there is no partition ${partition}`);
    for (let slot = first; slot <= last; slot += 1) {
      if (owned[slot] === 1) return invalid(`slot ${slot} is assigned twice`);
      owned[slot] = 1;
      table[slot] = partition;
    }
  }
  const missing = owned.indexOf(0);
  return missing === -1 ? { kind: "ok", table } : invalid(`slot ${missing} is not assigned`);
}

/** Even ranges over `partitions` (1..4096): the assignment of a new collection. */
export function evenSlots(partitions: number): readonly SlotRange[] {
  return Array.from({ length: partitions }, (_, partition) => ({
    first: Math.floor((partition * SLOTS) / partitions),
    last: Math.floor(((partition + 1) * SLOTS) / partitions) - 1,
    partition,
  }));
}

function invalid(message: string): { readonly kind: "invalid"; readonly message: string } {
  return { kind: "invalid", message };
}
