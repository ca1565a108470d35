// Transcripts: every file of testdata is a scenario with what must follow from each command.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { expectGolden } from "#test/support/golden.ts";

import { playScenario } from "./testing/interaction.ts";

const TESTDATA = join(import.meta.dirname, "testdata");
const files = readdirSync(TESTDATA).filter((name) => name.endsWith(".txt"));

describe("transcripts", () => {
  it("are all here", () => {
    // 27 scenarios of etcd-io/raft and our own.
    expect(files.length).toBeGreaterThanOrEqual(33);
  });

  it.each(files)("%s", (name) => {
    const path = join(TESTDATA, name);
    expectGolden(playScenario(readFileSync(path, "utf8")), path);
  });
});
