// The list of commands and package.json say the same.
import { expect, test } from "@jest/globals";
import { COMMANDS, helpLines, scriptNames } from "./help.ts";

test("every script has a line and every line a script", () => {
  expect(Object.keys(COMMANDS).sort()).toEqual([...scriptNames()].sort());
});

test("lines are aligned and say how to call it", () => {
  expect(helpLines(["start", "tidy"])).toEqual([
    `npm start     ${COMMANDS["start"]}`,
    `npm run tidy  ${COMMANDS["tidy"]}`,
  ]);
});
