// Names tests shortly.
import type { Killer } from "#hack/mutants/model.ts";

/** Makes killers of tests of one file. */
export function testsOf(file: string): (test: string) => Killer {
  return (test) => ({ file, test });
}
