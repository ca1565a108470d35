// What a generator is, and how its files are compared with the tree and written.

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

/** A file that is generated. */
export interface GeneratedFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly content: string;
}

/** What a run of a generator found. */
export interface Outcome {
  /** Files that differed, were missing, or are left over; empty: all is up to date. */
  readonly stale: readonly StaleFile[];
}

/** A file that is not as generated. */
export interface StaleFile {
  readonly path: string;
  /** First differing lines, for people. */
  readonly difference: string;
}

/** One generator. `run` writes unless `check`; it throws if its input is wrong. */
export interface Generator {
  readonly name: string;
  readonly describe: string;
  run(options: { readonly check: boolean }): Promise<Outcome>;
}

/** Folder of the repository. */
export const repositoryRoot = join(import.meta.dirname, "..", "..");

/**
 * Compares `files` with the tree and, unless `check`, writes what differs. `present` names the
 * files of the tree that belong to the generator; those that it no longer makes are removed.
 */
export async function settle(
  files: readonly GeneratedFile[],
  present: readonly string[],
  check: boolean,
): Promise<Outcome> {
  const stale: StaleFile[] = [];
  for (const file of files) {
    const path = join(repositoryRoot, file.path);
    const before = await readIfThere(path);
    if (before === file.content) continue;
    stale.push({ path: file.path, difference: firstDifference(before, file.content) });
    if (check) continue;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, file.content);
  }
  const wanted = new Set(files.map((file) => file.path));
  for (const path of present) {
    const own = relative(repositoryRoot, join(repositoryRoot, path));
    if (wanted.has(own)) continue;
    stale.push({ path: own, difference: "is no longer generated" });
    if (!check) await rm(join(repositoryRoot, own));
  }
  return { stale };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}

const CONTEXT_LINES = 12;

/** The lines where two texts part, as `-` (tree) and `+` (generated); at most a dozen of each. */
export function firstDifference(before: string | undefined, after: string): string {
  if (before === undefined) return "is missing";
  const old = before.split("\n");
  const now = after.split("\n");
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let endOld = old.length;
  let endNow = now.length;
  while (endOld > start && endNow > start && old[endOld - 1] === now[endNow - 1]) {
    endOld--;
    endNow--;
  }
  const removed = old.slice(start, endOld).map((line) => `- ${line}`);
  const added = now.slice(start, endNow).map((line) => `+ ${line}`);
  const cut = [...removed.slice(0, CONTEXT_LINES), ...added.slice(0, CONTEXT_LINES)];
  return [`line ${start + 1}:`, ...cut].join("\n");
}
