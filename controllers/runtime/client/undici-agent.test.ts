// As in undici-transport.ts: the declaration is named where the file is imported.
/// <reference path="./undici-agent.d.ts" />
import { describe, expect, it } from "@jest/globals";

// The package has no public export of the agent alone. If a new version moves the file, this is
// what has to be changed in undici-transport.ts and undici-agent.d.ts.
describe("undici/lib/dispatcher/agent.js", () => {
  it("is there, and is the agent of undici's index", async () => {
    const [alone, index] = await Promise.all([
      import("undici/lib/dispatcher/agent.js"),
      import("undici"),
    ]);
    expect(alone.default).toBe(index.Agent);
  });
});
