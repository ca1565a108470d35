// The words of tidy: what is known about a file, and what a rule finds in it.

/** Something that breaks a rule, at a place. */
export interface Finding {
  readonly rule: RuleName;
  /** Relative to the repository root, with `/`. */
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  readonly message: string;
}

/** Every rule; an exception names one of these. */
export type RuleName =
  | "layers"
  | "packages"
  | "cycles"
  | "twice"
  | "dead"
  | "line-length"
  | "function-length"
  | "file-length"
  | "pure"
  | "process-env"
  | "exports"
  | "tests"
  | "markers"
  | "opening"
  | "names"
  | "places";

/** A known and accepted breach. `path` is exact; one that matches no finding is itself an error. */
export interface TidyException {
  readonly rule: RuleName;
  readonly path: string;
  readonly reason: string;
}

/** What the rules read of one file. `syntax` is there for TypeScript sources only. */
export interface FileFacts {
  readonly path: string;
  readonly lines: readonly string[];
  readonly syntax?: SyntaxFacts;
}

/** What is read from the syntax tree of one TypeScript file. */
export interface SyntaxFacts {
  readonly imports: readonly ImportFact[];
  /** File names in string literals, such as `supervisor.ts`: programs started by their path. */
  readonly startedFiles: readonly string[];
  readonly functions: readonly FunctionFact[];
  /** Dotted accesses that a rule asks about: `Date.now`, `process.env`, `it.skip`; by line. */
  readonly accesses: readonly Located[];
  /** `new Date()` without arguments. */
  readonly clockReads: readonly number[];
  /** Lines with an `async` function or `await`. */
  readonly asyncLines: readonly number[];
  /** Module-level `let` and `var`. */
  readonly mutableGlobals: readonly Located[];
  readonly defaultExports: readonly number[];
  /** Functions, classes and constants that are declared and exported here. */
  readonly exportedValues: readonly ValueFact[];
  /** Exported declarations without a doc comment. */
  readonly undocumentedExports: readonly Located[];
  readonly comments: readonly Located[];
  /** True if the file begins with a comment. */
  readonly opensWithComment: boolean;
}

/** A text at a line, counted from 1. */
export interface Located {
  readonly text: string;
  readonly line: number;
}

/** An import or re-export, static or dynamic. */
export interface ImportFact {
  readonly specifier: string;
  readonly line: number;
  readonly isTypeOnly: boolean;
}

/** An exported value and the text of its declaration, without comments above it. */
export interface ValueFact {
  readonly name: string;
  readonly line: number;
  readonly declaration: string;
}

/** A function with a body. */
export interface FunctionFact {
  readonly name: string;
  readonly line: number;
  readonly lineCount: number;
}
