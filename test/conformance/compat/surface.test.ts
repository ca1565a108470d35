// controllers/compat has what the package has: to the compiler, and at run time.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import ts from "typescript";

import * as ours from "#controllers/compat/index.ts";

import { IMPORTS, SAMPLE } from "./sample.ts";
import type { Side } from "./sample.ts";

const PACKAGE = "@dot-i/k8s-operator";

/** Members that a subclass uses. Private ones of the package are its own affair. */
const MEMBERS = [
  "start",
  "stop",
  "init",
  "kubeConfig",
  "k8sApi",
  "logger",
  "registerCustomResourceDefinition",
  "getCustomResourceApiUri",
  "watchResource",
  "setResourceStatus",
  "patchResourceStatus",
  "handleResourceFinalizer",
  "setResourceFinalizers",
  "applyAxiosKubeConfigAuth",
  "applyGaxiosKubeConfigAuth",
];
/** Of the package's class, and nobody else's business. */
const PRIVATE = [
  "errorToJson",
  "resourceStatusRequest",
  "eventQueue",
  "watchRequests",
  "resourcePathBuilders",
];
const EXPORTS = [
  "OperatorLogger",
  "ResourceEvent",
  "ResourceEventType",
  "ResourceMeta",
  "ResourceMetaImpl",
  "default",
];

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2024.d.ts", "lib.esnext.array.d.ts"],
  module: ts.ModuleKind.Preserve,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  types: ["node"],
  strict: true,
  esModuleInterop: true,
  allowImportingTsExtensions: true,
  noEmit: true,
  skipLibCheck: true,
};

/** One program over the sample as it is and as it is for ours. */
const [sample, sides] = ((): [ts.Program, Readonly<Record<Side, string>>] => {
  const text = readFileSync(SAMPLE, "utf8");
  const paths = { theirs: SAMPLE, ours: join(SAMPLE, "..", "sample-ours.ts") };
  const host = ts.createCompilerHost(OPTIONS, true);
  const { readFile, fileExists } = host;
  const oursText = text.replaceAll(PACKAGE, IMPORTS.ours);
  host.fileExists = (file) => file === paths.ours || fileExists.call(host, file);
  host.readFile = (file) => (file === paths.ours ? oursText : readFile.call(host, file));
  const options = { rootNames: Object.values(paths), options: OPTIONS, host };
  return [ts.createProgram(options), paths];
})();

function problemsOf(side: Side): readonly string[] {
  const file = sample.getSourceFile(sides[side]);
  return ts
    .getPreEmitDiagnostics(sample, file)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

/** Names that the sample's import brings, and the members of its class with their signatures. */
function faceOf(side: Side): {
  readonly exports: readonly string[];
  readonly members: Readonly<Record<string, string>>;
} {
  const checker = sample.getTypeChecker();
  const file = sample.getSourceFile(sides[side]);
  const declaration = file?.statements.find(ts.isImportDeclaration);
  if (declaration === undefined) throw new Error("the sample imports nothing");
  const module = checker.getSymbolAtLocation(declaration.moduleSpecifier);
  if (module === undefined) throw new Error("the sample's import is not found");
  const exported = checker.getExportsOfModule(module);
  const found = exported.find(({ name }) => name === "default");
  if (found === undefined) throw new Error("no default export");
  const type = checker.getDeclaredTypeOfSymbol(
    (found.flags & ts.SymbolFlags.Alias) === 0 ? found : checker.getAliasedSymbol(found),
  );
  const members = checker.getPropertiesOfType(type).map((member): [string, string] => {
    const [signature] = checker.getSignaturesOfType(checker.getTypeOfSymbol(member), 0);
    return [member.name, signature === undefined ? "field" : shapeOf(checker, signature)];
  });
  return { exports: exported.map(({ name }) => name), members: Object.fromEntries(members) };
}

/** Parameters by name, `?` after optional ones, and what is returned, up to type arguments. */
function shapeOf(checker: ts.TypeChecker, signature: ts.Signature): string {
  const parameters = signature.parameters.map((parameter) => {
    const declaration = parameter.valueDeclaration as ts.ParameterDeclaration;
    return `${parameter.name}${checker.isOptionalParameter(declaration) ? "?" : ""}`;
  });
  const returned = checker.typeToString(signature.getReturnType());
  return `(${parameters.join(", ")}) => ${returned.replaceAll("k8s.", "")}`;
}

describe("to the compiler", () => {
  it.each(["theirs", "ours"] as const)("the sample is an operator on %s", (side) => {
    expect(problemsOf(side)).toEqual([]);
  });

  it("the modules export the same names", () => {
    expect([...faceOf("theirs").exports].sort()).toEqual(EXPORTS);
    expect(faceOf("ours").exports).toEqual(expect.arrayContaining(EXPORTS));
  });

  it("the classes have the same members with the same parameters and results", () => {
    const theirs = faceOf("theirs").members;
    const mine = faceOf("ours").members;
    expect(Object.keys(theirs).sort()).toEqual([...MEMBERS, ...PRIVATE].sort());
    const wanted = Object.fromEntries(MEMBERS.map((name) => [name, theirs[name]]));
    expect(Object.fromEntries(MEMBERS.map((name) => [name, mine[name]]))).toEqual(wanted);
  });
});

it("the name to import is that of the guide and the README", () => {
  const text = readFileSync(join(import.meta.dirname, "../../../package.json"), "utf8");
  const { name, exports } = JSON.parse(text) as { name: string; exports: Record<string, string> };
  expect([name, exports["./compat"]]).toEqual(["oaas-operator", "./controllers/compat/index.ts"]);
});

describe("at run time", () => {
  const theirs = createRequire(import.meta.url)(PACKAGE) as typeof ours;

  it("the same values are exported", () => {
    expect(theirs.ResourceEventType).toEqual(ours.ResourceEventType);
    for (const name of ["default", "ResourceMetaImpl"] as const) {
      expect(typeof ours[name]).toBe(typeof theirs[name]);
    }
  });

  it("metas are made alike, also of what is no object", () => {
    const metadata = { name: "a", namespace: "b", resourceVersion: "7" };
    const object = { apiVersion: "example.io/v1", kind: "Widget", metadata };
    const made = ours.ResourceMetaImpl.createWithPlural("widgets", object);
    expect({ ...made }).toEqual({ ...theirs.ResourceMetaImpl.createWithPlural("widgets", object) });
    const malformed = { apiVersion: "v1", kind: "Status" };
    const message = "Malformed event object for 'x'";
    expect(() => theirs.ResourceMetaImpl.createWithId("x", malformed)).toThrow(message);
    expect(() => ours.ResourceMetaImpl.createWithId("x", malformed)).toThrow(message);
  });
});
