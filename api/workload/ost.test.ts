import { describe, expect, it } from "@jest/globals";

import type { OstConfig } from "./ost.ts";
import {
  ostExitCodes,
  ostOptions,
  parseOstSettings,
  refusalOfExitCode,
  renderOstEnv,
  settingsOfEnv,
} from "./ost.ts";

const full: OstConfig = {
  listen: { host: "0.0.0.0", port: 7777 },
  healthListen: { host: "0.0.0.0", port: 9090 },
  dataDir: "/disk",
  format: "IfBlank",
  cluster: "c-1",
  target: "t-1",
  capacityBytes: 10 * 2 ** 30,
  writeBacklogBytes: 1 << 20,
  listLimit: 10,
  connectionsMax: 5,
  spinMicroseconds: 50,
  logLevel: "debug",
};

function parseEnv(env: Readonly<Record<string, string | undefined>>) {
  return parseOstSettings(settingsOfEnv(env));
}

describe("ost settings", () => {
  it("come back from the environment as they were rendered", () => {
    const env = Object.fromEntries(renderOstEnv(full).map(({ name, value }) => [name, value]));
    expect(parseEnv(env)).toEqual({ kind: "ok", config: full });
    expect(Object.keys(env)).toEqual([...Object.keys(env)].sort());
    expect(Object.keys(env)).toHaveLength(ostOptions.length);
  });

  it("have defaults that render to nothing", () => {
    const result = parseEnv({});
    expect(result).toEqual({
      kind: "ok",
      config: {
        listen: { host: "127.0.0.1", port: 7777 },
        dataDir: "/data",
        format: "Never",
        writeBacklogBytes: 256 * 2 ** 20,
        listLimit: 1000,
        connectionsMax: 4096,
        spinMicroseconds: 0,
        logLevel: "info",
      },
    });
    if (result.kind === "ok") {
      const { writeBacklogBytes, ...others } = result.config;
      expect(renderOstEnv(others)).toEqual([]);
      expect(renderOstEnv({ writeBacklogBytes })).toHaveLength(1);
    }
  });

  it.each([
    { name: "OST_LISTEN", value: "7777", want: "HOST:PORT" },
    { name: "OST_LISTEN", value: "a:70000", want: "HOST:PORT" },
    { name: "OST_FORMAT", value: "Always", want: "Never or IfBlank" },
    { name: "OST_CAPACITY", value: "10 GB", want: "a size such as 10Gi" },
    { name: "OST_CAPACITY", value: "999999999999Pi", want: "a size such as 10Gi" },
    { name: "OST_LIST_LIMIT", value: "-1", want: "a whole number" },
    { name: "OST_LOG_LEVEL", value: "loud", want: "debug, info, warn, error" },
  ])("refuse $name=$value", ({ name, value, want }) => {
    const result = parseEnv({ [name]: value });
    expect(result).toMatchObject({
      kind: "invalid",
      problems: [{ option: { env: name }, message: `${JSON.stringify(value)} is not ${want}` }],
    });
  });

  it("report every bad one at once", () => {
    const result = parseEnv({ OST_FORMAT: "x", OST_LISTEN: "x" });
    expect(result.kind === "invalid" && result.problems).toHaveLength(2);
  });

  it("take IPv6 in brackets", () => {
    expect(parseEnv({ OST_LISTEN: "[::1]:7777" })).toMatchObject({
      config: { listen: { host: "::1", port: 7777 } },
    });
  });
});

describe("exit codes", () => {
  it("name the refusal, and nothing else", () => {
    expect(refusalOfExitCode(ostExitCodes.WrongDisk)).toBe("WrongDisk");
    expect(refusalOfExitCode(0)).toBeUndefined();
    expect(refusalOfExitCode(137)).toBeUndefined();
    expect(new Set(Object.values(ostExitCodes)).size).toBe(Object.keys(ostExitCodes).length);
  });
});
