// Golden files: expected text in `testdata/` beside a test, rewritten by `npm run golden` and
// committed only if the difference is understood.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { expect } from "@jest/globals";

/** Set by `npm run golden`. */
const REWRITES = process.env["OAAS_GOLDEN"] === "1";

/** Expects `actual` to be the text of the file at `path`; under `npm run golden` writes it there. */
export function expectGolden(actual: string, path: string, rewrites = REWRITES): void {
  if (rewrites) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, actual);
    return;
  }
  expect(actual).toBe(readGolden(path));
}

function readGolden(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Error(`no golden file ${path}; \`npm run golden\` writes it`, { cause });
  }
}
