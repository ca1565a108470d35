// Calls and forms that the compiler lets through: the clock and randomness in pure layers, the
// environment outside of the places that parse it, focused or skipped tests, default exports.
import type { FileFacts, Finding, RuleName, SyntaxFacts } from "../model.ts";
import { isPure, placeOf } from "./layers.ts";

const IMPURE = ["Date.now", "Math.random", "performance.now", "crypto.randomUUID"];
const ENVIRONMENT_FILES =
  /^(operators\/[^/]+\/options\.ts|workloads\/([^/]+|sdk\/samples\/[^/]+)\/main\.ts)$/;
const TEST_MODIFIERS = /^(it|test|describe)\.(only|skip|todo|failing)$/;

/** Banned calls and forms in every source file. */
export function checkCalls(files: readonly FileFacts[]): readonly Finding[] {
  return files.flatMap((file) => {
    if (file.syntax === undefined) return [];
    const found = [
      ...impureCalls(file.path, file.syntax),
      ...environmentReads(file.path, file.syntax),
      ...testModifiers(file.path, file.syntax),
      ...file.syntax.defaultExports.map((line) => ({
        rule: "exports" as const,
        line,
        message: "default export; name it",
      })),
    ];
    return found.map((finding) => ({ ...finding, path: file.path }));
  });
}

interface Found {
  readonly rule: RuleName;
  readonly line: number;
  readonly message: string;
}

function impureCalls(path: string, syntax: SyntaxFacts): readonly Found[] {
  if (!isPure(path)) return [];
  const found = (line: number, message: string): Found => ({ rule: "pure", line, message });
  return [
    ...syntax.accesses
      .filter(({ text }) => IMPURE.includes(text))
      .map(({ text, line }) => found(line, `${text} in a pure layer; take it as an argument`)),
    ...syntax.clockReads.map((line) => found(line, "new Date() in a pure layer reads the clock")),
    ...syntax.asyncLines.map((line) => found(line, "async code in a pure layer")),
    ...syntax.mutableGlobals.map(({ text, line }) =>
      found(line, `module-level mutable state in a pure layer: ${text}`),
    ),
  ];
}

function environmentReads(path: string, syntax: SyntaxFacts): readonly Found[] {
  if (ENVIRONMENT_FILES.test(path) || placeOf(path)?.layer === "6 tools") return [];
  return syntax.accesses
    .filter(({ text }) => text === "process.env")
    .map(({ line }) => ({
      rule: "process-env",
      line,
      message: "process.env belongs to operators/*/options.ts and workloads/*/main.ts",
    }));
}

function testModifiers(path: string, syntax: SyntaxFacts): readonly Found[] {
  if (!path.endsWith(".test.ts")) return [];
  return syntax.accesses
    .filter(({ text }) => TEST_MODIFIERS.test(text))
    .map(({ text, line }) => ({ rule: "tests", line, message: `${text}: run it or remove it` }));
}
