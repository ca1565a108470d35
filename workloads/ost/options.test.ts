import { describe, expect, it } from "@jest/globals";

import { ostExitCodes, ostOptions } from "#api/workload/ost.ts";

import { parseCommandLine } from "./options.ts";

describe("command line", () => {
  it("takes flags over the environment over defaults", () => {
    const args = ["--data", "/disk", "--format", "--listen", "127.0.0.1:0"];
    const env = { OST_DATA_DIR: "/other", OST_LIST_LIMIT: "7" };
    expect(parseCommandLine(args, env)).toMatchObject({
      kind: "run",
      config: {
        dataDir: "/disk",
        format: "IfBlank",
        listen: { host: "127.0.0.1", port: 0 },
        listLimit: 7,
        connectionsMax: 4096,
      },
    });
  });

  it("shows every setting with its environment name, and the exit codes", () => {
    const help = parseCommandLine(["--help"], {});
    expect(help).toMatchObject({ kind: "exit", code: 0, error: "" });
    const text = help.kind === "exit" ? help.out : "";
    for (const { env, flag } of ostOptions) {
      expect(text).toContain(env);
      expect(text).toContain(flag);
    }
    expect(text).toContain("81 WrongDisk");
  });

  it.each([
    { args: ["--nonsense"], want: "--nonsense" },
    { args: ["--capacity", "lots"], want: "--capacity (OST_CAPACITY)" },
    { args: ["surplus"], want: "argument" },
  ])("refuses $args", ({ args, want }) => {
    const result = parseCommandLine(args, {});
    expect(result).toMatchObject({ kind: "exit", code: ostExitCodes.Usage, out: "" });
    expect(result.kind === "exit" && result.error).toContain(want);
  });
});
