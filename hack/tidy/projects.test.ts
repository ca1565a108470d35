// What the compiler promises about the layers: each case adds one file that does not exist on disk
// to a project of this repository and asks for its errors.
import { dirname, join, relative } from "node:path";

import { describe, expect, it } from "@jest/globals";
import ts from "typescript";

/** "File is not listed within the file list of project". */
const WRONG_WAY_IMPORT = 6307;
const ROOT = join(import.meta.dirname, "..", "..");

interface Probe {
  readonly project: string;
  readonly path: string;
  readonly text: string;
}

/** Error codes in the probe, and errors about the project that name it. */
function errorsOf({ project, path, text }: Probe): readonly string[] {
  const probePath = join(ROOT, path);
  const configPath = join(ROOT, project);
  const config = ts.getParsedCommandLineOfConfigFile(configPath, {}, hostOf(probePath));
  if (config === undefined) throw new Error(`no ${project}`);
  const host = ts.createCompilerHost(config.options, true);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (file) => file === probePath || fileExists.call(host, file);
  host.readFile = (file) => (file === probePath ? text : readFile.call(host, file));
  host.getSourceFile = (file, options, ...rest) =>
    file === probePath
      ? ts.createSourceFile(file, text, options, true)
      : getSourceFile.call(host, file, options, ...rest);
  const program = ts.createProgram({
    rootNames: config.fileNames,
    options: config.options,
    projectReferences: config.projectReferences ?? [],
    host,
  });
  const isIncluded = config.fileNames.includes(probePath);
  if (!isIncluded) return [`${relative(ROOT, probePath)} is not in ${project}`];
  const found = [
    ...ts.getPreEmitDiagnostics(program, program.getSourceFile(probePath)),
    // Not those about outputs of other projects that were not built yet.
    ...program.getOptionsDiagnostics().filter(({ code }) => code === WRONG_WAY_IMPORT),
  ];
  return found.map(({ code, messageText }) => {
    return `TS${code} ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

/** The file system with one more file, as far as reading a project's file list goes. */
function hostOf(probePath: string): ts.ParseConfigFileHost {
  return {
    ...ts.sys,
    readDirectory: (...args) => {
      const [folder, extensions, excludes, includes, depth] = args;
      const found = ts.sys.readDirectory(folder, extensions, excludes, includes, depth);
      const isBelow = !relative(folder, dirname(probePath)).startsWith("..");
      return isBelow && matches(folder, includes, probePath) ? [...found, probePath] : found;
    },
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, " "));
    },
  };
}

function matches(folder: string, includes: readonly string[] | undefined, path: string): boolean {
  const pattern = relative(folder, path);
  return (includes ?? []).some((include) => {
    const expression = include
      .replaceAll(".", "\\.")
      .replaceAll("**/", "(?:.+/)?")
      .replaceAll(/(?<!\))\*/g, "[^/]*");
    return new RegExp(`^${expression}$`).test(pattern);
  });
}

const PURE_PROBES: readonly Omit<Probe, "text">[] = [
  { project: "api/base/tsconfig.json", path: "api/base/probe.ts" },
  { project: "api/tsconfig.json", path: "api/probe/probe.ts" },
  { project: "controllers/objects/tsconfig.json", path: "controllers/objects/probe.ts" },
  { project: "controllers/tsconfig.pure.json", path: "controllers/probe/render.ts" },
  { project: "controllers/tsconfig.pure.json", path: "controllers/probe/plan.ts" },
  { project: "controllers/tsconfig.pure.json", path: "controllers/probe/status/deep/a.ts" },
  { project: "workloads/core/tsconfig.json", path: "workloads/core/probe/probe.ts" },
];

describe("pure layers", () => {
  it.each(PURE_PROBES)("$path compiles when it is pure", (probe) => {
    expect(errorsOf({ ...probe, text: "export const a: number = 1;\n" })).toEqual([]);
  });

  it.each(PURE_PROBES)("$path has no process, timer, console, Buffer or fetch", (probe) => {
    const names = ["process", "setTimeout", "console", "Buffer", "fetch"];
    const text = names.map((name) => `export const a_${name}: unknown = ${name};\n`).join("");
    const errors = errorsOf({ ...probe, text });
    for (const name of names) {
      expect(errors).toContainEqual(expect.stringContaining(`'${name}'`));
    }
  });

  it.each(PURE_PROBES)("$path has no node modules", (probe) => {
    const errors = errorsOf({ ...probe, text: 'export { readFile } from "node:fs/promises";\n' });
    expect(errors).toContainEqual(expect.stringMatching(/^TS(2307|2591) .*node:fs/));
  });
});

describe("composite projects", () => {
  it.each([
    {
      project: "api/base/tsconfig.json",
      path: "api/base/probe.ts",
      text: 'import "#controllers/runtime/index.ts";',
    },
    {
      project: "controllers/objects/tsconfig.json",
      path: "controllers/objects/probe.ts",
      text: 'import "#workloads/core/ost/protocol.ts";',
    },
    {
      project: "workloads/core/tsconfig.json",
      path: "workloads/core/probe.ts",
      text: 'import "#controllers/objects/index.ts";',
    },
    {
      project: "controllers/runtime/tsconfig.json",
      path: "controllers/runtime/probe.ts",
      text: 'import "#hack/images/index.ts";',
    },
  ])("$path: $text", (probe) => {
    const errors = errorsOf(probe);
    expect(errors).toContainEqual(expect.stringContaining(`TS${WRONG_WAY_IMPORT}`));
  });
});
