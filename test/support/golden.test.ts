import { join } from "node:path";

import { expect, it } from "@jest/globals";

import { expectGolden } from "./golden.ts";

const PATH = join(import.meta.dirname, "testdata", "golden.txt");

it("compares every byte, and asks for the command when there is no file", () => {
  expectGolden("golden text\n", PATH, false);
  expect(() => {
    expectGolden("golden text", PATH, false);
  }).toThrow("golden text");
  expect(() => {
    expectGolden("", join(import.meta.dirname, "testdata", "none.txt"), false);
  }).toThrow("npm run golden");
});
