// The TypeScript program that holds the types of kinds: anybody's files under anybody's tsconfig.
// Nothing of the result is emitted, so options that are about emitting are dropped.

import { dirname, relative } from "node:path";

import ts from "typescript";

/** Which types are compiled. */
export interface ProgramOptions {
  /** Files in which kinds stand; what they import comes with them. */
  readonly files: readonly string[];
  /** Options are taken from here; sensible strict ones if not given. */
  readonly tsconfig?: string;
  /** Shares parsed files between programs; for many small programs in one process. */
  readonly host?: ts.CompilerHost;
}

/** What a file that comes without a tsconfig is read as. */
const DEFAULT_OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ["lib.es2023.d.ts"],
  types: [],
  allowImportingTsExtensions: true,
  strict: true,
  skipLibCheck: true,
};

/** Options that are about emitting, or that only make sense for the whole of somebody's project. */
const DROPPED = [
  "out",
  "outDir",
  "outFile",
  "rootDir",
  "declaration",
  "declarationDir",
  "declarationMap",
  "emitDeclarationOnly",
  "composite",
  "incremental",
  "tsBuildInfoFile",
  "isolatedDeclarations",
] as const;

/**
 * The program. Throws an error whose message lists every type error with file and line: types that
 * do not check have no schema.
 */
export function createTypeProgram(options: ProgramOptions): ts.Program {
  const compilerOptions = { ...optionsOf(options.tsconfig), noEmit: true };
  const program = ts.createProgram({
    rootNames: [...options.files],
    options: compilerOptions,
    ...(options.host === undefined ? {} : { host: options.host }),
  });
  const problems = [
    ...program.getOptionsDiagnostics(),
    ...program.getSyntacticDiagnostics(),
    ...program.getSemanticDiagnostics(),
  ].map(diagnosticText);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return program;
}

function optionsOf(tsconfig: string | undefined): ts.CompilerOptions {
  if (tsconfig === undefined) return DEFAULT_OPTIONS;
  // JSON without a type; parseJsonConfigFileContent checks it.
  const read = ts.readConfigFile(tsconfig, (path) => ts.sys.readFile(path)) as {
    readonly config?: unknown;
    readonly error?: ts.Diagnostic;
  };
  if (read.error !== undefined) throw new Error(diagnosticText(read.error));
  const parsed = ts.parseJsonConfigFileContent(read.config, ts.sys, dirname(tsconfig));
  // 18003: the tsconfig includes no file. It need not: the files are given.
  const wrong = parsed.errors.filter((error) => error.code !== 18003);
  if (wrong.length > 0) throw new Error(wrong.map(diagnosticText).join("\n"));
  const dropped = new Set<string>(DROPPED);
  return Object.fromEntries(Object.entries(parsed.options).filter(([name]) => !dropped.has(name)));
}

/** `file:line: message`. */
export function diagnosticText(diagnostic: ts.Diagnostic): string {
  const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, " ");
  const { file, start } = diagnostic;
  return file === undefined ? message : `${positionIn(file, start ?? 0)}: ${message}`;
}

/** `file:line` of an offset; the file as seen from the working directory. */
export function positionIn(file: ts.SourceFile, offset: number): string {
  const path = relative(process.cwd(), file.fileName);
  const shown = path === "" || path.startsWith("..") ? file.fileName : path;
  return `${shown}:${file.getLineAndCharacterOfPosition(offset).line + 1}`;
}

/** The files of a program that people wrote for it: no declarations, nothing of node_modules. */
export function ownFiles(program: ts.Program): readonly ts.SourceFile[] {
  return program
    .getSourceFiles()
    .filter((file) => !file.isDeclarationFile && !file.fileName.includes("/node_modules/"));
}
