import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import ts from "typescript";

import { compileCrds } from "./compile.ts";
import { Sources } from "./source.ts";

const folder = join(import.meta.dirname, "testdata");

function compile(file: string): unknown {
  const [compiled] = compileCrds({
    programs: [{ files: [join(folder, file)], tsconfig: join(folder, "tsconfig.json") }],
    requireDescriptions: true,
  });
  return compiled?.document;
}

function lintOf(text: string): readonly string[] {
  const path = join(process.cwd(), "r.ts");
  return new Sources([ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)]).lint();
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (cause) {
    return (cause as Error).message;
  }
  throw new Error("nothing was refused");
}

describe("constructs without a structural form are refused with the line of their source", () => {
  const lines = readFileSync(join(folder, "kinds.ts"), "utf8").split("\n");
  const message = messageOf(() => compile("kinds.ts"));
  const problems = message.split("\n");

  /** The one problem that names this path; its line must hold this text. */
  function problemOf(path: string): { readonly text: string; readonly source: string } {
    const found = problems.filter((problem) => problem.includes(`: ${path}: `));
    expect(found).toHaveLength(1);
    const text = found[0] ?? "";
    const line = Number(/kinds\.ts:(\d+)/.exec(text)?.[1]);
    return { text, source: lines[line - 1] ?? "" };
  }

  it.each([
    ["spec.recursive.children[]", "is recursive", "children"],
    ["spec.nullable", "null is discouraged", "nullable"],
    ["spec.numberOrString", "is not one type", "numberOrString"],
    ["spec.float", "floats are not allowed", "float"],
    ["spec.big", "bigint", "big"],
    ["spec.beyond", "beyond 2^53", "beyond"],
    ["spec.tuple", "tuple", "tuple"],
    ["spec.anything", "has no type", "anything"],
    ["spec.nothing", "prunes everything", "nothing"],
    ["spec.mixed", "exclude each other", "mixed"],
    ["spec.union", "union of objects", "union"],
    ["spec.unique", "uniqueItems", "unique"],
    ["spec.format", "ignored by the API server", "format"],
    ["spec.unbounded", "@maxLength", "unbounded"],
    ["spec.long", "@maxItems", "long"],
    ["spec.listless", "list-type", "listless"],
    ["spec.set", "must be scalars", "set"],
    ["spec.map", "required or have a default", "map"],
    ["spec.wide", "@maxProperties", "wide"],
    ["spec.lower", "not CamelCase", "lower"],
    ["spec.upper", "not CamelCase", "upper"],
    ["spec.mode", "YAML 1.1", "mode"],
    ["spec.snake_case", "not camelCase", "snake_case"],
    ["spec.on", "YAML 1.1", "on"],
    ["spec.undescribed", "has no description", "undescribed"],
    ["spec.wrongDefault", "12 is not of type string", "wrongDefault"],
    ["spec.transition[]", "needs a list map", "transition"],
    ["spec.mute", "needs a message", "mute"],
  ])("%s: %s", (path, problem, member) => {
    const { text, source } = problemOf(path);
    expect(text).toContain(problem);
    expect(source).toMatch(new RegExp(`\\b${member}\\b`));
  });

  it("spec.formless: format and bounds", () => {
    const found = problems.filter((problem) => problem.includes(": spec.formless: "));
    expect(found.join("\n")).toContain("@format");
    expect(found.join("\n")).toContain("@minimum");
  });
});

describe("constructs that are turned into something", () => {
  const document = compile("good.ts") as {
    readonly spec: {
      readonly versions: readonly [
        {
          readonly schema: {
            readonly openAPIV3Schema: { readonly properties: Record<string, never> };
          };
        },
      ];
    };
  };

  it("is the golden document", () => {
    expect(document).toMatchSnapshot();
  });
});

describe("lint", () => {
  it("finds JSDoc that would be dropped, by line", () => {
    const text = "export interface R { /** Name. @minLength 1 */\n  name: string;\n}\n";
    expect(lintOf(text)).toEqual([
      expect.stringContaining("r.ts:1: this JSDoc belongs to no declaration"),
    ]);
  });

  it("finds tags that mean nothing, by line", () => {
    const text =
      "export interface R {\n  /**\n   * Name.\n   * @maxlength 5\n   */\n  name: string;\n}\n";
    expect(lintOf(text)).toEqual(["r.ts:4: @maxlength is not a tag of the compiler"]);
  });

  it("is silent about the rest", () => {
    const text =
      "/** R. */\nexport interface R {\n  /** Name. @maxLength 5 */\n  name: string;\n}\n";
    expect(lintOf(text)).toEqual([]);
  });
});
