// Puts one deliberate bug into a source at the moment it is loaded. The runner names it in the
// environment; without that every text passes through as it is. Used by the jest transform and by
// hook.mjs, so that no tree is copied and no file is edited.
import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "..", "..");
const told = process.env.OAAS_MUTANT;
/** @type {{ file: string, find: string, replace: string } | undefined} */
const mutant = told === undefined || told === "" ? undefined : JSON.parse(told);
const target = mutant === undefined ? "" : resolve(root, mutant.file);

/** What is different about this source in this process; empty for all sources but the mutated. */
export function mutationOf(path) {
  return mutant !== undefined && path === target ? told : "";
}

/** The text as it shall run. Throws if the place to mutate is not there exactly once. */
export function mutated(text, path) {
  if (mutationOf(path) === "") return text;
  const parts = text.split(mutant.find);
  if (parts.length !== 2) {
    throw new Error(`stale mutant: ${parts.length - 1} places like it in ${mutant.file}`);
  }
  return parts.join(mutant.replace);
}
