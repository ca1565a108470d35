import { describe, expect, it } from "@jest/globals";
import { stripTypeScriptTypes } from "node:module";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { OPERATOR_MUTANTS } from "#test/mutants/operators/index.ts";

import type { Mutant } from "./model.ts";
import { staleMutants } from "./stale.ts";
import { mutantTable } from "./table.ts";
import { notGreen, verdictOf } from "./verdict.ts";

const killers = [{ file: "a.test.ts", test: "a b" }];
const mutant: Mutant = {
  id: "m",
  breaks: "it breaks",
  file: "a.ts",
  find: "x > 0",
  replace: "x >= 0",
  killers,
};

function report(
  tests: readonly { readonly name: string; readonly status: string; readonly says?: string }[],
  message = "",
): string {
  const assertionResults = tests.map(({ name, status, says }) => ({
    fullName: name,
    status,
    failureMessages: says === undefined ? [] : [says],
  }));
  return JSON.stringify({ testResults: [{ name: "/r/a.test.ts", message, assertionResults }] });
}

describe("a list of mutants is stale", () => {
  const sources: Readonly<Record<string, string>> = {
    "a.ts": "if (x > 0) return;",
    "twice.ts": "x > 0 || x > 0",
    "a.test.ts": "",
  };
  const read = (path: string) => sources[path];

  it("never while each text is there once", () => {
    expect(staleMutants([mutant], read)).toEqual([]);
  });

  it.each([
    { name: "if its text is gone", given: { find: "y" }, want: "its text is 0 times in a.ts" },
    { name: "if its text is there twice", given: { file: "twice.ts" }, want: "2 times" },
    { name: "if its file is gone", given: { file: "b.ts" }, want: "0 times in b.ts" },
    { name: "if it changes nothing", given: { replace: "x > 0" }, want: "changes nothing" },
    { name: "if no test is named", given: { killers: [] }, want: "no test is named" },
    {
      name: "if its test file is gone",
      given: { killers: [{ file: "b.test.ts", test: "a" }] },
      want: "there is no b.test.ts",
    },
  ])("$name", ({ given, want }) => {
    expect(staleMutants([{ ...mutant, ...given }], read).join()).toContain(want);
  });

  it("if an id is there twice", () => {
    expect(staleMutants([mutant, mutant], read)).toEqual(["m: its id is there twice"]);
  });
});

describe("the verdict", () => {
  it("is killed by a named test that fails", () => {
    const tests = [{ name: "a b", status: "failed", says: "Error: expected 1, got 2" }];
    expect(verdictOf(report(tests), killers)).toEqual({ kind: "killed", by: killers });
  });

  it.each([
    ["every named test passes", report([{ name: "a b", status: "passed" }])],
    ["no test ran", report([{ name: "other", status: "pending" }])],
    ["another test fails", report([{ name: "other", status: "failed", says: "Error: x" }])],
    ["the text is no program", report([], "Test suite failed to run\n\nSyntaxError: x")],
    [
      "a name is not there",
      report([{ name: "a b", status: "failed", says: "ReferenceError: y is not defined" }]),
    ],
    [
      "the test hangs",
      report([{ name: "a b", status: "failed", says: 'Error: thrown: "Exceeded timeout of 5' }]),
    ],
    ["the process died", undefined],
  ])("is no kill if %s", (_name, given) => {
    expect(verdictOf(given, killers).kind).toBe("survived");
  });
});

describe("without a mutant", () => {
  it("a named test that is missing or red makes the list useless", () => {
    expect(notGreen(report([{ name: "a b", status: "passed" }]), killers)).toEqual([]);
    expect(notGreen(report([{ name: "a b", status: "failed" }]), killers)).toHaveLength(1);
    expect(notGreen(report([{ name: "a b", status: "pending" }]), killers)).toHaveLength(1);
    expect(notGreen(report([{ name: "a c", status: "passed" }]), killers)).toHaveLength(1);
    expect(notGreen(undefined, killers)).toHaveLength(1);
    expect(notGreen(report([], "\n  SyntaxError: x\n  at y"), killers)).toEqual([
      "/r/a.test.ts: SyntaxError: x",
    ]);
  });
});

it("the table says who killed and what survived", () => {
  const killed = { mutant, verdict: { kind: "killed", by: killers }, elapsedMs: 1_234 } as const;
  const survived = {
    mutant: { ...mutant, id: "longer" },
    verdict: { kind: "survived", why: "green" },
    elapsedMs: 500,
    simulation: "seed 3: lease",
  } as const;
  expect(mutantTable([killed, survived])).toEqual([
    "m        1.2 s  killed by a.test.ts: a b",
    "longer   0.5 s  SURVIVED: it breaks (green)  [simulation: seed 3: lease]",
  ]);
});

describe("the operators' list", () => {
  const root = join(import.meta.dirname, "..", "..");
  const read = (path: string): string | undefined =>
    existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : undefined;

  it("has at least 25 bugs", () => {
    expect(OPERATOR_MUTANTS.length).toBeGreaterThanOrEqual(25);
  });

  it("is about the sources as they are", () => {
    expect(staleMutants(OPERATOR_MUTANTS, read)).toEqual([]);
  });

  it.each(OPERATOR_MUTANTS.map((one) => [one.id, one] as const))("%s is a program", (_id, one) => {
    const text = (read(one.file) ?? "").split(one.find).join(one.replace);
    expect(() => stripTypeScriptTypes(text, { mode: "strip" })).not.toThrow();
  });
});
