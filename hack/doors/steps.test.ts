import { describe, expect, it } from "@jest/globals";

import { jestArguments, JEST_PROJECTS, parallelParts } from "./jest.ts";
import { ALL_STEPS, CHECK_STEPS, selectSteps } from "./steps.ts";

describe("selectSteps", () => {
  it.each([
    { args: [], want: ["lint", "types", "unit"] },
    { args: ["--only", "unit,lint"], want: ["lint", "unit"] },
    { args: ["--only=types"], want: ["types"] },
    { args: ["--only", "unit,e2e"], want: undefined },
    { args: ["--only"], want: undefined },
    { args: ["--only", "unit", "lint"], want: undefined },
    { args: ["--fast"], want: undefined },
  ])("$args", ({ args, want }) => {
    expect(selectSteps(["lint", "types", "unit"], args)).toEqual(want);
  });
});

describe("steps", () => {
  it("runs static checks before tests, and clusters last", () => {
    expect(ALL_STEPS[0]).toBe("format");
    expect(ALL_STEPS.at(-1)).toBe("e2e");
    expect(ALL_STEPS.slice(0, CHECK_STEPS.length)).toEqual(CHECK_STEPS);
  });

  it("runs files that share a cluster one at a time, unit tests beside each other", () => {
    expect(jestArguments(["e2e"], [])).toContain("--runInBand");
    expect(jestArguments(["unit"], [])).not.toContain("--runInBand");
  });

  it("leaves out no file of a project whose parts run at the same time", () => {
    const patterns = JEST_PROJECTS.map(parallelParts).map((parts) => parts.flat());
    expect(patterns.filter(({ length }) => length > 0)).toEqual([
      [
        "--testPathIgnorePatterns=/test/conformance/mutation/",
        "--testPathPatterns=/test/conformance/mutation/",
      ],
    ]);
  });
});
