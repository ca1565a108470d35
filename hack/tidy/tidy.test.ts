// The repository itself keeps the rules.
import { join } from "node:path";

import { expect, it } from "@jest/globals";

import { formatFinding, tidyRepository } from "./index.ts";

it("the repository is tidy", async () => {
  const findings = await tidyRepository(join(import.meta.dirname, "..", ".."));
  expect(findings.map(formatFinding)).toEqual([]);
});
