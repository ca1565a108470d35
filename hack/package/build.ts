// The framework as an npm package for those who have no clone: JavaScript, declarations and a
// manifest with exactly the dependencies that these files import. What belongs to it follows from
// the entries of package.json: whatever they import, and no more.

import { join, relative } from "node:path";

import ts from "typescript";

/** What of the repository's package.json the package is made from. */
export interface RootManifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Entry to TypeScript file, both beginning with `./`. */
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** A package that `npm pack` takes as it is. */
export interface BuiltPackage {
  /** Path in the package, with `/`, to text; `package.json` among them. */
  readonly files: ReadonlyMap<string, string>;
}

/** What cannot be packed: types do not check, or a dependency is not among ours. */
export class PackageError extends Error {
  override readonly name = "PackageError";
}

/** Programs of the package: name to the function that a file exports, called with the arguments. */
const PROGRAMS = {
  "oaas-operator-crd": { file: "hack/gen/crd-main.ts", run: "runCrdProgram" },
} as const;

/** Imports between units (`#api/...ts`) are not rewritten, as the manifest's `imports` do that. */
const NOT_REWRITTEN = 2877;

/**
 * Builds the package of the repository in `root`. Throws PackageError with every finding, and
 * nothing is written.
 */
export function buildPackage(root: string, manifest: RootManifest): BuiltPackage {
  const entries = Object.values(manifest.exports);
  const programs = Object.values(PROGRAMS).map(({ file }) => file);
  const emitted = emit(
    root,
    [...entries, ...programs].map((file) => join(root, file)),
  );
  const files = new Map(emitted);
  for (const [name, { file, run }] of Object.entries(PROGRAMS)) {
    files.set(`bin/${name}.js`, programText(javaScriptOf(file), run));
  }
  const specifiers = [...emitted.values()].flatMap(importsOf);
  const packed = packedManifest(manifest, specifiers);
  files.set("package.json", `${JSON.stringify(packed, undefined, 2)}\n`);
  return { files };
}

function emit(root: string, rootNames: readonly string[]): ReadonlyMap<string, string> {
  const program = ts.createProgram([...rootNames], compilerOptions(root));
  const files = new Map<string, string>();
  const keep = (path: string, text: string): void => {
    files.set(relative(root, path).replaceAll("\\", "/"), text);
  };
  const { diagnostics } = program.emit(undefined, keep);
  const problems = [...ts.getPreEmitDiagnostics(program), ...diagnostics].filter(
    ({ code }) => code !== NOT_REWRITTEN,
  );
  if (problems.length > 0) throw new PackageError(problems.map(problemText).join("\n"));
  // Declarations that were written by hand are no output, but what was emitted may lean on them.
  for (const source of program.getSourceFiles()) {
    const path = relative(root, source.fileName);
    const isOurs = !path.startsWith("..") && !path.includes("node_modules");
    if (source.isDeclarationFile && isOurs) keep(source.fileName, source.text);
  }
  return files;
}

function compilerOptions(root: string): ts.CompilerOptions {
  // JSON without a type; the conversion below checks it.
  const read = ts.readConfigFile(join(root, "tsconfig.base.json"), (path) =>
    ts.sys.readFile(path),
  ) as { readonly config?: { readonly compilerOptions?: object }; readonly error?: ts.Diagnostic };
  if (read.error !== undefined) throw new PackageError(problemText(read.error));
  const { options, errors } = ts.convertCompilerOptionsFromJson(
    {
      ...read.config?.compilerOptions,
      composite: false,
      emitDeclarationOnly: false,
      rewriteRelativeImportExtensions: true,
      lib: ["ES2024", "ESNext.Array"],
      types: ["node"],
      rootDir: root,
      outDir: root,
    },
    root,
  );
  if (errors.length > 0) throw new PackageError(errors.map(problemText).join("\n"));
  return options;
}

function problemText(problem: ts.Diagnostic): string {
  const text = ts.flattenDiagnosticMessageText(problem.messageText, "\n");
  return problem.file === undefined ? text : `${problem.file.fileName}: ${text}`;
}

function importsOf(text: string): readonly string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

function javaScriptOf(path: string): string {
  return path.replace(/\.ts$/, ".js");
}

function programText(path: string, run: string): string {
  return `#!/usr/bin/env node
import { ${run} } from "../${path}";

await ${run}(process.argv.slice(2));
`;
}

/**
 * The manifest of the package: entries and imports between units lead to JavaScript, dependencies
 * are those of `specifiers` in the very versions that we test with. Throws PackageError for one
 * that is not in the repository's manifest.
 */
export function packedManifest(manifest: RootManifest, specifiers: readonly string[]): object {
  const known = { ...manifest.devDependencies, ...manifest.dependencies };
  const names = [...new Set(specifiers.flatMap(packageOf))].sort();
  const dependencies = names.map((name) => {
    const version = known[name];
    if (version === undefined) throw new PackageError(`${name} is imported, but no dependency`);
    return [name, version];
  });
  const exported = Object.entries(manifest.exports).map(([entry, file]) => [
    entry,
    { types: file.replace(/\.ts$/, ".d.ts"), default: javaScriptOf(file) },
  ]);
  return {
    name: manifest.name,
    version: manifest.version,
    description: "A framework for Kubernetes operators: runtime, simulator and CRD compiler",
    license: manifest.license,
    type: "module",
    engines: { node: ">=24" },
    exports: Object.fromEntries(exported),
    imports: Object.fromEntries(
      ["api", "controllers", "hack"].map((unit) => [`#${unit}/*.ts`, `./${unit}/*.js`]),
    ),
    bin: Object.fromEntries(Object.keys(PROGRAMS).map((name) => [name, `./bin/${name}.js`])),
    dependencies: Object.fromEntries(dependencies),
  };
}

/** The package that an import names; none for our own files and Node's modules. */
function packageOf(specifier: string): readonly string[] {
  if (/^(\.|#|node:)/.test(specifier)) return [];
  const [scope = "", name = ""] = specifier.split("/");
  return [scope.startsWith("@") ? `${scope}/${name}` : scope];
}
