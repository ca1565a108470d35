// LMDB's file never shrinks. Offline its records are written to a new one, which is compared with
// the original record by record and takes its name in one step: after a crash at any point there is
// the one or the other, whole. LMDB's own compacting copy is not used: the one in lmdb 3.5 leaves a
// list of free pages on which the next removal aborts (key.mv_size > 0 in mdb_page_alloc).
import { existsSync, rmSync, statSync } from "node:fs";
import { rename, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { SealedItem, StoreRange } from "#workloads/core/store/index.ts";
import { openSealed, StoreError } from "#workloads/core/store/index.ts";

import { syncDirectory } from "../files/index.ts";
import { storeCrc32 } from "./crc32.ts";
import { LmdbFile } from "./lmdb.ts";
import { CHECKPOINT_FILE, openLogStore } from "./log-store.ts";

/** What a compaction did. */
export interface CompactReport {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Records that are the same in both files. */
  readonly records: number;
  /** Of these, records whose checksum does not hold; they were copied as they are. */
  readonly damaged: number;
}

/** Records of one transaction of the copy. */
const COPY_PAGE = 2_000;
const SUFFIX = ".compact";

/**
 * Compacts the store in this folder, which nobody else has open. Throws STORE_REFUSED if it cannot
 * be opened whole or if the disk has no room for the copy; then it is as it was.
 */
export async function compactStore(folder: string): Promise<CompactReport> {
  const path = join(folder, CHECKPOINT_FILE);
  await settle(folder);
  clearCompaction(folder);
  const bytesBefore = statSync(path).size;
  const original = new LmdbFile(path, () => performance.now());
  try {
    await requireRoom(folder, original.usage().liveBytes);
    const found = await copy(original, path);
    await original.close();
    await rename(`${path}${SUFFIX}`, path);
    // Readers and the writer of a process meet there; it is made anew.
    rmSync(`${path}-lock`, { force: true });
    await syncDirectory(folder);
    return { bytesBefore, bytesAfter: statSync(path).size, ...found };
  } catch (cause: unknown) {
    await original.close();
    throw cause;
  } finally {
    clearCompaction(folder);
  }
}

/** Removes what a compaction that was cut short has left. */
export function clearCompaction(folder: string): void {
  const path = join(folder, `${CHECKPOINT_FILE}${SUFFIX}`);
  for (const each of [path, `${path}-lock`]) if (existsSync(each)) rmSync(each);
}

/** Everything that the log holds goes where it rests. */
async function settle(folder: string): Promise<void> {
  const opened = await openLogStore({ folder });
  if (opened.kind === "damaged") throw new StoreError("STORE_REFUSED", opened.message);
  await opened.engine.checkpoint();
  await opened.engine.close();
}

async function requireRoom(folder: string, liveBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes > liveBytes * 1.1) return;
  const text = `the copy takes ${liveBytes} bytes, ${freeBytes} are free`;
  throw new StoreError("STORE_REFUSED", text);
}

async function copy(
  original: LmdbFile,
  path: string,
): Promise<{ readonly records: number; readonly damaged: number }> {
  const copied = new LmdbFile(`${path}${SUFFIX}`, () => performance.now());
  try {
    for (const page of pagesOf(original, COPY_PAGE)) await copied.commit(page);
    await syncDirectory(dirname(path));
    return compare(original, copied);
  } finally {
    await copied.close();
  }
}

function* pagesOf(file: LmdbFile, limit: number): Iterable<readonly SealedItem[]> {
  let range: StoreRange = { start: new Uint8Array(1), end: Buffer.alloc(1_600, 0xff) };
  for (;;) {
    const page = file.page(range, { reverse: false, limit });
    yield page;
    const last = page.at(-1)?.key;
    if (last === undefined || page.length < limit) return;
    range = { start: Buffer.concat([last, Buffer.alloc(1)]), end: range.end };
  }
}

function compare(
  original: LmdbFile,
  copied: LmdbFile,
): { readonly records: number; readonly damaged: number } {
  let records = 0;
  let damaged = 0;
  const pages = pagesOf(copied, COPY_PAGE)[Symbol.iterator]();
  for (const want of pagesOf(original, COPY_PAGE)) {
    const found = pages.next().value ?? [];
    if (want.length !== found.length || !want.every((item, at) => isSame(item, found[at]))) {
      throw new StoreError("STORE_REFUSED", "the copy differs from the original");
    }
    records += want.length;
    for (const { key, sealed } of want) {
      if (openSealed(storeCrc32, key, sealed) === undefined) damaged += 1;
    }
  }
  return { records, damaged };
}

function isSame(a: SealedItem, b: SealedItem | undefined): boolean {
  if (b === undefined) return false;
  return Buffer.compare(a.key, b.key) === 0 && Buffer.compare(a.sealed, b.sealed) === 0;
}
