// What a person reads at the end of a run.
import type { MutantResult } from "./model.ts";

/** One aligned line per mutant: id, seconds, the test that killed it, or why it lives. */
export function mutantTable(results: readonly MutantResult[]): readonly string[] {
  const width = Math.max(...results.map(({ mutant }) => mutant.id.length));
  return results.map(({ mutant, verdict, elapsedMs, simulation }) => {
    const seconds = `${(elapsedMs / 1000).toFixed(1)} s`.padStart(7);
    const outcome =
      verdict.kind === "killed"
        ? `killed by ${verdict.by.map(({ file, test }) => `${file}: ${test}`).join("; ")}`
        : `SURVIVED: ${mutant.breaks} (${verdict.why})`;
    const simulated = simulation === undefined ? "" : `  [simulation: ${simulation}]`;
    return `${mutant.id.padEnd(width)} ${seconds}  ${outcome}${simulated}`;
  });
}
