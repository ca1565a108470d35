// A state in memory for tests of machines: what was set can be read at once.
import type { StoreItem, StoreRange, StoreValue } from "#workloads/core/store/index.ts";

import type { GroupWriter } from "../group.ts";
import { keyBytes, keyText } from "../keys.ts";

/** Sorted when it is read. */
export class MemoryState implements GroupWriter {
  readonly number: number;
  readonly values = new Map<string, Uint8Array>();

  constructor(number: number) {
    this.number = number;
  }

  get(key: Uint8Array): StoreValue | undefined {
    const value = this.values.get(keyText(key));
    return value === undefined ? undefined : { value, index: 1 };
  }

  *scan(range: StoreRange): Iterable<StoreItem> {
    const [start, end] = [keyText(range.start), keyText(range.end)];
    for (const key of [...this.values.keys()].sort()) {
      if (key < start || key >= end) continue;
      yield { key: keyBytes(key), value: this.values.get(key) ?? new Uint8Array(0), index: 1 };
    }
  }

  set(key: Uint8Array, value: Uint8Array | undefined): void {
    if (value === undefined) this.values.delete(keyText(key));
    else this.values.set(keyText(key), value);
  }
}
