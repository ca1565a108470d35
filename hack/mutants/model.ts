// A deliberate bug as data, and what became of it.

/** A test that must fail under the mutant. */
export interface Killer {
  /** Test file, relative to the repository root. */
  readonly file: string;
  /** Full name as Jest prints it: the names of its describe blocks and its own, by spaces. */
  readonly test: string;
}

/** One deliberate bug. */
export interface Mutant {
  /** Lower case with dashes; unique in its list. */
  readonly id: string;
  /** What goes wrong because of it, in one sentence. */
  readonly breaks: string;
  /** Source file, relative to the repository root. */
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Cheapest first; one that fails is enough. */
  readonly killers: readonly Killer[];
}

/** What the tests made of a mutant. */
export type Verdict =
  | { readonly kind: "killed"; readonly by: readonly Killer[] }
  | { readonly kind: "survived"; readonly why: string };

/** One row of the table. */
export interface MutantResult {
  readonly mutant: Mutant;
  readonly verdict: Verdict;
  readonly elapsedMs: number;
  /** Answer of the simulation, where it was asked. */
  readonly simulation?: string;
}
