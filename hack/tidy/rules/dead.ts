// Files that nothing uses: not imported, directly or not, by a program, a door or a test, and not
// started by name. Declarations are for the compiler, which needs no import to see them.
import { posix } from "node:path";

import type { FileFacts, Finding } from "../model.ts";
import { resolveImport } from "./layers.ts";

const ROOT = /(^|\/)(main|fuzz)\.ts$|^hack\/doors\/[^/]+\.ts$|\.test\.ts$/;

/** One finding per file that cannot be reached. */
export function checkDead(files: readonly FileFacts[]): readonly Finding[] {
  const sources = files.filter((file) => file.syntax !== undefined);
  const byPath = new Map(sources.map((file) => [file.path, file]));
  const byName = Map.groupBy(sources, (file) => posix.basename(file.path));
  const reached = new Set<string>();
  const queue = sources.filter((file) => ROOT.test(file.path));
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (reached.has(file.path)) continue;
    reached.add(file.path);
    for (const { specifier } of file.syntax?.imports ?? []) {
      const target = byPath.get(resolveImport(file.path, specifier) ?? "");
      if (target !== undefined) queue.push(target);
    }
    for (const name of file.syntax?.startedFiles ?? []) queue.push(...(byName.get(name) ?? []));
  }
  return sources
    .filter((file) => !reached.has(file.path) && !file.path.endsWith(".d.ts"))
    .map(({ path }) => ({ rule: "dead", path, line: 1, message: "nothing uses this file" }));
}
