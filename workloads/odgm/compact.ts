// `odgm compact`: makes the file of a stopped member as small as what it holds.
import { existsSync } from "node:fs";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { CompactReport } from "#workloads/platform/kv/index.ts";
import { compactStore } from "#workloads/platform/kv/index.ts";

import { DataDir, DataDirError } from "./data-dir.ts";

/**
 * Compacts the store in this folder. Throws {@link DataDirError} if a program uses it, or if it is
 * empty, suspect, damaged or of a newer format; then it is as it was.
 */
export async function compact(folder: string, log: Logger): Promise<CompactReport> {
  if (!existsSync(folder)) throw new DataDirError(`there is no folder ${folder}`);
  const dataDir = DataDir.lock(folder, log);
  try {
    const problem = await dataDir.problem();
    if (problem !== undefined) throw new DataDirError(`data folder ${folder}: ${problem}`);
    return await compactStore(folder);
  } catch (cause: unknown) {
    if (cause instanceof DataDirError) throw cause;
    throw new DataDirError(`data folder ${folder}: ${errorMessage(cause)}`, { cause });
  } finally {
    await dataDir.close();
  }
}

/** What a person reads. */
export function compactText(folder: string, report: CompactReport): string {
  const { bytesBefore, bytesAfter, records, damaged } = report;
  const sizes = `${sizeText(bytesBefore)} -> ${sizeText(bytesAfter)}`;
  const found = damaged === 0 ? "all whole" : `${damaged} DAMAGED, copied as they are`;
  return `compacted ${folder}: ${sizes}, ${records} records, ${found}\n`;
}

function sizeText(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
