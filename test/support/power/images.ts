// The disk as it may be found after a power loss at a chosen moment: what was durable is there, of
// the rest any part. Data changes that were not durable are kept, dropped or torn in 512-byte
// sectors one by one, which also reorders them. Names that were not durable survive as a prefix, in
// the order in which they were made, as on a journaling file system.
import { closeSync, constants, ftruncateSync, openSync, writeSync } from "node:fs";
import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

import { punchHole } from "#workloads/platform/files/index.ts";

import type { DataChange, Inode, Journal, NameChange } from "./journal.ts";

/** What a power loss does to what was not synced. `any`: a random choice for every change. */
export type LossMode = "all-lost" | "all-kept" | "any";

/** When the power goes, and what it takes. */
export interface CutOptions {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly mode: LossMode;
  /** Uniform in [0, 1); the same sequence gives the same image. */
  readonly random: () => number;
}

const SECTOR_BYTES = 512;

/** Writes the image to `into`, which must not exist. `baseDir` is the folder at the start. */
export async function buildImage(
  journal: Journal,
  baseDir: string,
  into: string,
  cut: CutOptions,
): Promise<void> {
  await mkdir(into, { recursive: true });
  const staging = `${into}.inodes`;
  await mkdir(staging);
  const names = survivingNames(journal, cut);
  const wanted = new Set([...names.values()].filter(({ folder }) => !folder));
  const fds = new Map<Inode, number>();
  for (const inode of wanted) {
    const path = join(staging, String(inode.number));
    if (inode.origin !== undefined) await copyFile(join(baseDir, inode.origin), path);
    fds.set(inode, openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600));
  }
  for (const change of journal.data) {
    const fd = fds.get(change.inode);
    if (fd !== undefined && change.start <= cut.at) applyData(fd, change, cut);
  }
  for (const fd of fds.values()) closeSync(fd);
  for (const [path, inode] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (inode.folder) await mkdir(join(into, path), { recursive: true });
  }
  for (const [path, inode] of names) {
    if (inode.folder) continue;
    await mkdir(dirname(join(into, path)), { recursive: true });
    await rename(join(staging, String(inode.number)), join(into, path));
  }
  await rm(staging, { recursive: true });
}

function survivingNames(journal: Journal, cut: CutOptions): ReadonlyMap<string, Inode> {
  const done = journal.names.filter(({ end }) => end <= cut.at);
  const durableCount = done.filter(({ durableAt }) => durableAt <= cut.at).length;
  const pendingCount = done.length - durableCount;
  const kept = { "all-lost": 0, "all-kept": pendingCount, any: 0 };
  const count = cut.mode === "any" ? Math.floor(cut.random() * (pendingCount + 1)) : kept[cut.mode];
  const names = new Map(journal.base);
  for (const change of done.slice(0, durableCount + count)) applyName(names, change);
  return names;
}

function applyName(names: Map<string, Inode>, change: NameChange): void {
  switch (change.kind) {
    case "link":
      names.set(change.path, change.inode);
      return;
    case "unlink":
      names.delete(change.path);
      return;
    case "rename": {
      const inode = names.get(change.from);
      if (inode === undefined) throw new Error(`rename of ${change.from}, which is not there`);
      names.delete(change.from);
      names.set(change.to, inode);
    }
  }
}

function applyData(fd: number, change: DataChange, cut: CutOptions): void {
  const durable = change.durableAt <= cut.at;
  const choice = durable ? 0 : cut.mode === "any" ? cut.random() : cut.mode === "all-kept" ? 0 : 1;
  if (choice >= 0.66) return;
  const torn = choice >= 0.33;
  switch (change.kind) {
    case "truncate":
      if (!torn) ftruncateSync(fd, change.length);
      return;
    case "punch":
      if (!torn) punchHole(fd, change.position, change.length);
      return;
    case "write":
      if (torn) writeTorn(fd, change.position, change.data, cut.random);
      else writeSync(fd, change.data, 0, change.data.byteLength, change.position);
  }
}

/** Some of the sectors that the write touches, each whole. */
function writeTorn(fd: number, position: number, data: Buffer, random: () => number): void {
  for (let at = 0; at < data.byteLength;) {
    const sectorEnd = (Math.floor((position + at) / SECTOR_BYTES) + 1) * SECTOR_BYTES - position;
    const end = Math.min(data.byteLength, sectorEnd);
    if (random() < 0.5) writeSync(fd, data, at, end - at, position + at);
    at = end;
  }
}
