// Is a list of mutants still about the sources that are there?
import type { Mutant } from "./model.ts";

/**
 * One line per fault of the list: a text to replace that is not there exactly once, a replacement
 * that changes nothing, an id that is there twice, a mutant that no test is named for.
 */
export function staleMutants(
  mutants: readonly Mutant[],
  read: (path: string) => string | undefined,
): readonly string[] {
  const seen = new Set<string>();
  return mutants.flatMap((mutant) => {
    const faults: string[] = [];
    if (seen.has(mutant.id)) faults.push("its id is there twice");
    seen.add(mutant.id);
    const places = (read(mutant.file) ?? "").split(mutant.find).length - 1;
    if (mutant.find === "" || places !== 1) {
      faults.push(`its text is ${places} times in ${mutant.file}, not once`);
    }
    if (mutant.find === mutant.replace) faults.push("it changes nothing");
    if (mutant.killers.length === 0) faults.push("no test is named that kills it");
    for (const killer of mutant.killers) {
      if (read(killer.file) === undefined) faults.push(`there is no ${killer.file}`);
    }
    return faults.map((fault) => `${mutant.id}: ${fault}`);
  });
}
