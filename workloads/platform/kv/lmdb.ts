// LMDB under the store. Durable before resolved (`overlappingSync: false`; with the default,
// readers see a commit whose sync has failed), and no second try after an error: what is on disk is
// unknown then. LMDB has no checksums on its pages, so that whoever writes values seals them.
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";

import type { RootDatabase } from "lmdb";
import { open } from "lmdb";

import { errorMessage } from "#api/base/index.ts";
import type {
  Checkpoint,
  ScanOptions,
  SealedItem,
  SealedWrite,
  StoreRange,
  StoreUsage,
} from "#workloads/core/store/index.ts";
import { StoreError } from "#workloads/core/store/index.ts";

import { FilesError } from "../files/errors.ts";

/** A file of sealed values. */
export class LmdbFile implements Checkpoint {
  readonly #path: string;
  readonly #db: RootDatabase<Buffer, Buffer>;
  readonly #nowMs: () => number;
  #broken = false;
  #reader: { readonly id: string; readonly sinceMs: number } | undefined;

  /**
   * Opens or makes the file (and `<path>-lock` beside it). The caller holds the lock on the folder,
   * and syncs the folder after the first commit of a new file. Throws STORE_REFUSED if the file is
   * not of LMDB.
   */
  constructor(path: string, nowMs: () => number) {
    this.#path = path;
    this.#nowMs = nowMs;
    try {
      this.#db = open<Buffer, Buffer>({
        path,
        noSubdir: true,
        encoding: "binary",
        keyEncoding: "binary",
        overlappingSync: false,
        // Batches are ours; see `commit`.
        eventTurnBatching: false,
      });
    } catch (cause: unknown) {
      throw new StoreError("STORE_REFUSED", `${path}: ${errorMessage(cause)}`, cause);
    }
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#db.getBinary(bufferOf(key));
  }

  page(range: StoreRange, options: Required<ScanOptions>): readonly SealedItem[] {
    const start = bufferOf(range.start);
    const end = bufferOf(range.end);
    const { reverse, limit } = options;
    const items = reverse
      ? this.#db.getRange({
          ...{ start: end, end: start, reverse, limit },
          ...{ exclusiveStart: true, inclusiveEnd: true },
        })
      : this.#db.getRange({ start, end, limit });
    const page: SealedItem[] = [];
    for (const { key, value } of items) page.push({ key, sealed: value });
    return page;
  }

  async commit(writes: readonly SealedWrite[]): Promise<void> {
    try {
      await this.#db.batch(() => {
        for (const { key, sealed } of writes) {
          // The promises are those of the batch, which is awaited as a whole.
          const done =
            sealed === undefined
              ? this.#db.remove(bufferOf(key))
              : this.#db.put(bufferOf(key), bufferOf(sealed));
          done.catch(() => undefined);
        }
      });
    } catch (cause: unknown) {
      this.#broken = true;
      throw await rootOf(cause);
    }
    // What was read in this turn may have been of the transaction before.
    this.#db.resetReadTxn();
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

  readerAgeMs(): number {
    this.#db.resetReadTxn();
    this.#db.readerCheck();
    const id = oldestReader(this.#db.readerList());
    const nowMs = this.#nowMs();
    if (id === undefined) this.#reader = undefined;
    else if (this.#reader?.id !== id) this.#reader = { id, sinceMs: nowMs };
    return this.#reader === undefined ? 0 : nowMs - this.#reader.sinceMs;
  }

  /**
   * On a full disk LMDB writes a part, calls that EIO and is over. So there must be room for all
   * the pages that the transaction may add before it begins.
   */
  async room(writes: readonly SealedWrite[]): Promise<void> {
    let needed = writes.length * PAGES_PER_WRITE * PAGE_BYTES + ROOM_BYTES;
    for (const { key, sealed } of writes) {
      needed += key.byteLength + (sealed?.byteLength ?? 0);
    }
    const { liveBytes, fileBytes } = this.usage();
    if (fileBytes - liveBytes >= needed) return;
    const { bavail, bsize } = await statfs(dirname(this.#path));
    if (bavail * bsize >= needed) return;
    const text = `${this.#path}: ${bavail * bsize} bytes of disk are free, ${needed} are needed`;
    throw new FilesError("FILES_NO_SPACE", text);
  }

  async close(): Promise<void> {
    // After a failed commit lmdb would wait for ever.
    if (!this.#broken) await this.#db.close();
  }
}

/** Pages that one write may copy; those near the root are shared by all. */
const PAGES_PER_WRITE = 2;
const PAGE_BYTES = 4096;
/** For the list of free pages, and for others who write to the same disk meanwhile. */
const ROOM_BYTES = 1024 * 1024;

/** Why a commit of lmdb failed; lmdb tells it apart from the failure itself, a moment later. */
async function rootOf(cause: unknown): Promise<unknown> {
  if (typeof cause !== "object" || cause === null || !("commitError" in cause)) return cause;
  try {
    await cause.commitError;
    return cause;
  } catch (root: unknown) {
    return root;
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

/** The reader of the oldest transaction in LMDB's table (pid, thread, transaction or "-"). */
function oldestReader(table: string): string | undefined {
  let oldest: { readonly id: string; readonly txn: number } | undefined;
  for (const line of table.split("\n")) {
    const [, id, txn] = /^\s*(\d+\s+[0-9a-fA-Fx]+)\s+(\d+)\s*$/.exec(line) ?? [];
    if (id === undefined || txn === undefined) continue;
    if (oldest === undefined || Number(txn) < oldest.txn) {
      oldest = { id: `${id} ${txn}`, txn: Number(txn) };
    }
  }
  return oldest?.id;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
