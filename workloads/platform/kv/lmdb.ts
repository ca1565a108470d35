// LMDB behind the port of workloads/core/store. Durable before resolved (`overlappingSync: false`;
// with the default, readers see a commit whose sync has failed), a checksum on every value (LMDB
// has none on its pages), and no second try after an error: what is on disk is unknown then.
import { crc32 as zlibCrc32 } from "node:zlib";

import type { RootDatabase } from "lmdb";
import { open } from "lmdb";

import { errorMessage } from "#api/base/index.ts";
import type {
  Crc32,
  Store,
  StoreItem,
  StoreRange,
  StoreUsage,
  StoreValue,
  StoreWrite,
} from "#workloads/core/store/index.ts";
import { openSealed, sealValue, StoreError } from "#workloads/core/store/index.ts";

/** The checksum of stored values. */
export const storeCrc32: Crc32 = (data, seed) => zlibCrc32(data, seed);

/**
 * Opens or makes the store in this file (and `<path>-lock` beside it). The caller holds the lock on
 * the folder, and syncs the folder after the first commit of a new file. Throws STORE_REFUSED if
 * the file is not a store.
 */
export function openLmdbStore(path: string): Store {
  try {
    return new LmdbStore(
      open<Buffer, Buffer>({
        path,
        noSubdir: true,
        encoding: "binary",
        keyEncoding: "binary",
        overlappingSync: false,
        // Batches are ours; see `commit`.
        eventTurnBatching: false,
      }),
    );
  } catch (cause: unknown) {
    throw new StoreError("STORE_REFUSED", `${path}: ${errorMessage(cause)}`, cause);
  }
}

class LmdbStore implements Store {
  readonly #db: RootDatabase<Buffer, Buffer>;
  #broken: StoreError | undefined;

  constructor(db: RootDatabase<Buffer, Buffer>) {
    this.#db = db;
  }

  get(key: Uint8Array): StoreValue | undefined {
    this.#assertWell();
    const sealed = this.#db.getBinary(bufferOf(key));
    return sealed === undefined ? undefined : unseal(key, sealed);
  }

  *scan(range: StoreRange): Iterable<StoreItem> {
    this.#assertWell();
    const items = this.#db.getRange({ start: bufferOf(range.start), end: bufferOf(range.end) });
    for (const { key, value } of items) yield { key, ...unseal(key, value) };
  }

  async commit(writes: readonly StoreWrite[]): Promise<void> {
    this.#assertWell();
    try {
      await this.#db.batch(() => {
        for (const write of writes) this.#apply(write);
      });
    } catch (cause: unknown) {
      const text = `commit failed: ${errorMessage(cause)}`;
      this.#broken = new StoreError("STORE_SUSPECT", text, cause);
      throw this.#broken;
    }
  }

  usage(): StoreUsage {
    // lmdb's types leave the shape of its statistics open.
    const stats = this.#db.getStats() as LmdbStats;
    const pages = treePages(stats.root) + treePages(stats.free);
    return {
      liveBytes: pages * stats.pageSize,
      fileBytes: (stats.lastPageNumber + 1) * stats.pageSize,
    };
  }

  async close(): Promise<void> {
    if (this.#broken === undefined) await this.#db.close();
  }

  #apply(write: StoreWrite): void {
    const key = bufferOf(write.key);
    // The promises are those of the batch, which is awaited as a whole.
    if (write.value === undefined) {
      void this.#db.remove(key).catch(() => undefined);
    } else {
      const sealed = sealValue(storeCrc32, { ...write, value: write.value });
      void this.#db.put(key, bufferOf(sealed)).catch(() => undefined);
    }
  }

  #assertWell(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }
}

interface LmdbTree {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface LmdbStats {
  readonly pageSize: number;
  readonly lastPageNumber: number;
  readonly root: LmdbTree;
  readonly free: LmdbTree;
}

function treePages(tree: LmdbTree): number {
  return tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages;
}

function unseal(key: Uint8Array, sealed: Uint8Array): StoreValue {
  const opened = openSealed(storeCrc32, key, sealed);
  if (opened !== undefined) return opened;
  const name = Buffer.from(key).toString("hex");
  throw new StoreError("STORE_DAMAGED", `checksum of key ${name} does not hold`);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
