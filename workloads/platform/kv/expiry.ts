// Values that expire. Reads see to it by themselves; the sweep removes them from the disk. It finds
// them by an index among the engine's own keys, whose records are written with the value and may
// outlive it: they are removed when they are due, whatever has become of the key.
//
//   | reserved | "t" | u64 expiry, big-endian | key |
import type { LayerItem, StoreWrite, TextRange } from "#workloads/core/store/index.ts";
import { byteText } from "#workloads/core/store/index.ts";

import { reservedKey } from "./checkpoint-meta.ts";

const EMPTY = new Uint8Array(0);
const INDEX_HEAD = reservedKey("t");
/** Index records that are looked at in one turn. */
const PAGE = 200;

/** The writes, and the records of the index that belong to them. */
export function expiryRecords(writes: readonly StoreWrite[]): readonly StoreWrite[] {
  if (writes.every(({ expiresAtMs }) => expiresAtMs === undefined)) return writes;
  const records = writes.flatMap(({ key, value, expiresAtMs }) => {
    if (expiresAtMs === undefined || value === undefined) return [];
    return [{ key: indexKey(expiresAtMs, key), value: EMPTY, index: 0 }];
  });
  return [...writes, ...records];
}

/** What a sweep reads, all of one moment. */
export interface SweepView {
  readonly nowMs: number;
  /** Of the value that can be read now; undefined if it stays or there is none. */
  readonly expiryOf: (key: Uint8Array) => number | undefined;
  /** Is a write of the key on its way? */
  readonly isPending: (key: Uint8Array) => boolean;
  readonly page: (rest: TextRange, limit: number) => readonly LayerItem[];
}

/** Removes what has expired; answers the number of keys. */
export async function sweepExpired(
  engine: {
    readonly commitReserved: (
      writes: readonly StoreWrite[],
      options: { readonly sync: boolean },
    ) => Promise<void>;
  },
  view: SweepView,
): Promise<number> {
  const end = byteText(indexKey(view.nowMs + 1, EMPTY));
  let start = byteText(INDEX_HEAD);
  let swept = 0;
  for (;;) {
    const items = view.page({ start, end }, PAGE);
    const last = items.at(-1);
    if (last === undefined) return swept;
    const due = items.filter(({ key }) => !view.isPending(keyIn(key)));
    const gone = due.map(({ key }) => keyIn(key)).filter((key) => isOver(view, key));
    swept += new Set(gone.map(byteText)).size;
    const writes = [...due.map(({ key }) => key), ...gone].map((key) => {
      return { key, value: undefined, index: 0 };
    });
    // Nobody waits for it: what a crash brings back is swept again.
    await engine.commitReserved(writes, { sync: false });
    start = `${last.text}\u0000`;
  }
}

function isOver(view: SweepView, key: Uint8Array): boolean {
  const expiresAtMs = view.expiryOf(key);
  return expiresAtMs !== undefined && expiresAtMs <= view.nowMs;
}

function indexKey(expiresAtMs: number, key: Uint8Array): Uint8Array {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(expiresAtMs));
  return reservedKey("t", time, key);
}

function keyIn(indexed: Uint8Array): Uint8Array {
  return indexed.subarray(INDEX_HEAD.byteLength + 8);
}
