// The store on LMDB alone, one transaction per commit: format version 1, and what the log is
// measured against.
import type {
  ScanOptions,
  Store,
  StoreItem,
  StoreRange,
  StoreUsage,
  StoreValue,
  StoreWrite,
} from "#workloads/core/store/index.ts";
import { openSealed, sealValue, StoreError } from "#workloads/core/store/index.ts";
import { errorMessage } from "#api/base/index.ts";

import { storeCrc32 } from "./crc32.ts";
import { LmdbFile } from "./lmdb.ts";

/**
 * Opens or makes the store in this file, as {@link LmdbFile} does. Values that expire do so when
 * they are read and are never swept.
 */
export function openLmdbStore(path: string): Store {
  return new LmdbStore(new LmdbFile(path, () => Date.now()));
}

class LmdbStore implements Store {
  readonly #file: LmdbFile;
  #broken: StoreError | undefined;

  constructor(file: LmdbFile) {
    this.#file = file;
  }

  get(key: Uint8Array): StoreValue | undefined {
    this.#assertWell();
    const sealed = this.#file.get(key);
    return sealed === undefined ? undefined : unseal(key, sealed);
  }

  *scan(range: StoreRange, options: ScanOptions = {}): Iterable<StoreItem> {
    this.#assertWell();
    const { reverse = false, limit = Number.MAX_SAFE_INTEGER } = options;
    let left = limit;
    let { start, end } = range;
    while (left > 0) {
      const page = this.#file.page({ start, end }, { reverse, limit: PAGE });
      for (const { key, sealed } of page) {
        const item = unseal(key, sealed);
        if (item === undefined) continue;
        yield { key, ...item };
        left -= 1;
        if (left === 0) return;
      }
      const last = page.at(-1)?.key;
      if (last === undefined || page.length < PAGE) return;
      if (reverse) end = last;
      else start = Buffer.concat([last, Buffer.alloc(1)]);
    }
  }

  async commit(writes: readonly StoreWrite[]): Promise<void> {
    this.#assertWell();
    try {
      await this.#file.commit(
        writes.map(({ value, ...write }) => ({
          key: write.key,
          sealed: value === undefined ? undefined : sealValue(storeCrc32, { ...write, value }),
        })),
      );
    } catch (cause: unknown) {
      const text = `commit failed: ${errorMessage(cause)}`;
      this.#broken = new StoreError("STORE_SUSPECT", text, cause);
      throw this.#broken;
    }
  }

  usage(): StoreUsage {
    return this.#file.usage();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #assertWell(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }
}

/** Items that are read at a time. */
const PAGE = 256;

function unseal(key: Uint8Array, sealed: Uint8Array): StoreValue | undefined {
  const opened = openSealed(storeCrc32, key, sealed);
  if (opened === undefined) throw damagedValue(key);
  const { value, index, expiresAtMs } = opened;
  return expiresAtMs !== undefined && expiresAtMs <= Date.now() ? undefined : { value, index };
}

/** The failure of a read whose checksum does not hold. */
export function damagedValue(key: Uint8Array): StoreError {
  const name = Buffer.from(key).toString("hex");
  const text = `checksum of key ${name} does not hold`;
  return new StoreError("STORE_DAMAGED", text, undefined, new Uint8Array(key));
}
