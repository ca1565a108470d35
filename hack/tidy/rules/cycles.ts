// Cycles between files, of any length, imports of types included. One finding per cycle.
import type { FileFacts, Finding } from "../model.ts";
import { resolveImport } from "./layers.ts";

/** Each strongly connected group of files, told as one way round it. */
export function checkCycles(files: readonly FileFacts[]): readonly Finding[] {
  const graph = new Map<string, readonly string[]>();
  const known = new Set(files.map((file) => file.path));
  for (const file of files) {
    const targets = (file.syntax?.imports ?? [])
      .map(({ specifier }) => resolveImport(file.path, specifier))
      .filter((target) => target !== undefined)
      .filter((target) => known.has(target));
    graph.set(file.path, [...new Set(targets)]);
  }
  return cyclesOf(graph).map((cycle) => {
    const first = cycle[0] ?? "";
    const line =
      files
        .find((file) => file.path === first)
        ?.syntax?.imports.find((fact) => resolveImport(first, fact.specifier) === cycle[1])?.line ??
      1;
    const message = `import cycle: ${cycle.join(" -> ")}`;
    return { rule: "cycles", path: first, line, message };
  });
}

/** Depth-first search: each back edge whose cycle shares no file with one told before. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const done = new Set<string>();
  const told = new Set<string>();
  const cycles: (readonly string[])[] = [];
  const path: string[] = [];
  const walk = (node: string): void => {
    if (done.has(node)) return;
    const index = path.indexOf(node);
    if (index !== -1) {
      const cycle = path.slice(index);
      if (!cycle.some((member) => told.has(member))) {
        for (const member of cycle) told.add(member);
        cycles.push([...cycle, node]);
      }
      return;
    }
    path.push(node);
    for (const target of graph.get(node) ?? []) walk(target);
    path.pop();
    done.add(node);
  };
  for (const node of [...graph.keys()].sort()) walk(node);
  return cycles;
}
