import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "@jest/globals";

import { crdFiles } from "./crds.ts";
import { repositoryRoot } from "./generator.ts";

/** The annotation of a client-side apply holds the whole document and may not be larger. */
const LAST_APPLIED_BYTES_MAX = 262_144;

it("crds/ is what the types say, and fits into kubectl's annotation", async () => {
  for (const { path, content } of await crdFiles()) {
    expect(readFileSync(join(repositoryRoot, path), "utf8")).toBe(content);
    expect(content.length).toBeLessThan(LAST_APPLIED_BYTES_MAX);
  }
});
