// One test per construct of TypeScript or rule of the API server: `testdata/rows/X.ts` becomes the
// CRD in `X.yaml`, or is refused with the text in `X.txt`. `npm run golden` rewrites both. A real
// API server takes every one of the CRDs (test/conformance/kinds).
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import ts from "typescript";
import { parse } from "yaml";

import { yamlText } from "#hack/gen/yaml-text.ts";
import { expectGolden } from "#test/support/golden.ts";

import { compileCrds } from "./compile.ts";
import type { CompileOptions } from "./compile.ts";
import type { Schema } from "./schema.ts";
import { structuralProblems } from "./structural-rules.ts";

const folder = join(import.meta.dirname, "testdata", "rows");

/** [row of the table, file without its extension, options]. */
type Row = readonly [string, string, Partial<CompileOptions>?];

/** What becomes something. */
const HANDLED: readonly Row[] = [
  ["$ref and definitions: inlined, the place of use wins", "references-are-inlined"],
  ["recursion: cut at the depth that is asked for", "recursive-type-cut"],
  ["additionalProperties false: left out", "object-is-closed"],
  ["null unions: nullable where it is asked for", "null-union-asked"],
  ["const: an enum of one", "const-becomes-enum"],
  ["string literals: an enum", "string-literal-union"],
  ["enum casing: words of others by tag", "enum-of-foreign-words"],
  ["number or string: the exact pattern by tag", "int-or-string"],
  ["unions of objects: one object, an enum and rules", "discriminated-union"],
  ["unions of objects: exactly one member set", "exclusive-union"],
  ["number: a float in status", "float-in-status"],
  ["number: an integer by tags", "integers"],
  ["any and unknown: opaque by tag", "unknown-by-tag"],
  ["Date: date-time", "date"],
  ["defaults: valid ones", "defaults"],
  ["metadata: an object, whatever the type says", "metadata-at-root"],
  ["descriptions: without links", "description-links"],
  ["descriptions: cut short", "description-links", { descriptionMax: 30 }],
  ["lists: atomic, set and map", "lists"],
  ["rules: written out, @immutable and @growonly", "rules"],
  ["subresources, columns, selectable fields, names", "subresources-and-columns"],
  ["several versions", "versions"],
  ["generics, utility types, inheritance, intersections", "generics-and-utility-types"],
];

/** What is refused. */
const REFUSED: readonly Row[] = [
  ["recursion", "recursive-type"],
  ["named members and an index signature", "index-signature-mix"],
  ["an index signature at the root", "index-signature-at-root"],
  ["null unions", "null-union"],
  ["enum casing, words of YAML, numbers", "enum-casing"],
  ["number or string without a tag", "number-or-string"],
  ["unions of objects that nothing tells apart", "union-without-discriminator"],
  ["unions of objects with one name for two things", "union-with-two-meanings"],
  ["floats in spec", "float-in-spec"],
  ["integers without format or beyond 2^53", "integer-without-bounds"],
  ["bigint", "bigint"],
  ["tuples", "tuple"],
  ["any and unknown without a tag", "any-and-unknown"],
  ["objects with nothing", "object-with-nothing"],
  ["defaults that are invalid or would be pruned", "defaults-that-are-invalid"],
  ["uniqueItems", "unique-items"],
  ["unknown formats", "unknown-format"],
  ["JSDoc on the line of the opening brace", "jsdoc-on-the-line-of-the-brace"],
  ["tags that mean nothing", "unknown-tag"],
  ["strings, lists and maps without a bound", "unbounded"],
  ["list types and keys that are wrong", "lists-that-are-wrong"],
  ["rules without a message, oldSelf in lists", "rules-that-are-wrong"],
  ["names of fields", "names-of-fields"],
  ["methods", "method"],
  ["two types of one name", "two-types-of-one-name"],
  ["types of spec without a name", "spec-without-a-name"],
  ["kinds without spec", "no-spec"],
  ["other members at the root", "other-member-at-root"],
  ["files that do not type-check", "type-error"],
  ["versions between which fields would be lost", "versions-that-lose-fields"],
  ["two stored versions", "versions-stored-twice"],
  ["conversion webhooks", "conversion-by-webhook"],
];

describe("becomes something", () => {
  it.each(HANDLED)("%s", (_row, name, options = {}) => {
    const [crd, ...more] = compile(name, options);
    expect(more).toEqual([]);
    const suffix = Object.keys(options).length === 0 ? "" : ".options";
    expectGolden(yamlText(crd?.document), join(folder, `${name}${suffix}.yaml`));
    expect(structuralProblems(crd?.document ?? {})).toEqual([]);
  });
});

describe("is refused with its line", () => {
  it.each(REFUSED)("%s", (_row, name) => {
    const text = refusalOf(name);
    expectGolden(`${text}\n`, join(folder, `${name}.txt`));
    for (const line of text.split("\n")) expect(line).toMatch(/^\S+\.ts:[0-9]+: /);
  });
});

it("every row has a test, and no golden file is left over", () => {
  const rows = [...HANDLED, ...REFUSED].map(([, name]) => name);
  const sources = readdirSync(folder).filter((file) => file.endsWith(".ts"));
  expect([...new Set(rows.map((name) => `${name}.ts`))].sort()).toEqual(sources.sort());
  const golden = readdirSync(folder).filter((file) => !file.endsWith(".ts"));
  expect(golden.filter((file) => !rows.includes(file.replace(/\..*$/, "")))).toEqual([]);
});

it("the example of the guide is a file that compiles", () => {
  const file = join(folder, "..", "guide.ts");
  const guide = join(import.meta.dirname, "..", "..", "..", "docs", "guides", "crd-compiler.md");
  expect(readFileSync(guide, "utf8")).toContain(`\`\`\`ts\n${readFileSync(file, "utf8")}\`\`\`\n`);
  const [crd] = compileCrds({ programs: [{ files: [file], host }] });
  expectGolden(yamlText(crd?.document), join(folder, "..", "guide.yaml"));
});

it("our own CRDs and all goldens are structural by the rules of the API server", () => {
  const crds = join(import.meta.dirname, "..", "..", "..", "crds");
  const files = [crds, folder].flatMap((dir) =>
    readdirSync(dir)
      .filter((file) => file.endsWith(".yaml") && file !== "kustomization.yaml")
      .map((file) => join(dir, file)),
  );
  expect(files.length).toBeGreaterThan(HANDLED.length);
  for (const file of files) {
    const document = parse(readFileSync(file, "utf8")) as Schema;
    expect([file, structuralProblems(document)]).toEqual([file, []]);
  }
});

function compile(name: string, options: Partial<CompileOptions>) {
  return compileCrds({ ...options, programs: [{ files: [join(folder, `${name}.ts`)], host }] });
}

function refusalOf(name: string): string {
  try {
    compile(name, {});
  } catch (cause) {
    return (cause as Error).message.replace(/^\S*\/testdata\/rows\//gm, "");
  }
  throw new Error("nothing was refused");
}

/** Parses the library of TypeScript once for all rows. */
const host = ((): ts.CompilerHost => {
  const base = ts.createCompilerHost({ target: ts.ScriptTarget.ES2023 }, true);
  const files = new Map<string, ts.SourceFile | undefined>();
  return {
    ...base,
    getSourceFile(name, languageVersion) {
      if (!files.has(name)) files.set(name, base.getSourceFile(name, languageVersion));
      return files.get(name);
    },
  };
})();
