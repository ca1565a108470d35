// Exported values whose declarations are equal, word for word, in two files. What both planes need
// belongs into `api`; what must exist twice, because the planes share no code, is listed as an
// exception with its reason.
import type { FileFacts, Finding } from "../model.ts";
import { placeOf } from "./layers.ts";

/** One finding per copy, at every file but the first in path order. */
export function checkTwice(files: readonly FileFacts[]): readonly Finding[] {
  const first = new Map<string, string>();
  const findings: Finding[] = [];
  for (const { path, syntax } of files) {
    const layer = placeOf(path)?.layer;
    if (layer === undefined || layer === "6 tools") continue;
    for (const { name, line, declaration } of syntax?.exportedValues ?? []) {
      const key = declaration.replaceAll(/\s+/g, " ");
      const other = first.get(key);
      if (other === undefined) first.set(key, path);
      else findings.push({ rule: "twice", path, line, message: `${name} is also in ${other}` });
    }
  }
  return findings;
}
