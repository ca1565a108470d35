import { describe, expect, it } from "@jest/globals";

import { parseFunctionEnv, renderFunctionEnv } from "./function.ts";

describe("the environment of a function", () => {
  it.each([
    { port: 8080 },
    { port: 0, odgmService: "grid.ns.svc:8080", class: "quickstart.Counter" },
  ])("is read back as written: %j", (config) => {
    expect(parseFunctionEnv(renderFunctionEnv(config))).toEqual({ kind: "ok", config });
  });

  it("sorts its names, so that a rendered container never differs by order", () => {
    const names = Object.keys(renderFunctionEnv({ port: 1, odgmService: "a:1", class: "p.C" }));
    expect(names).toEqual(["HTTP_PORT", "OAAS_CLASS", "ODGM_ENABLED", "ODGM_SERVICE"]);
  });

  it("names every wrong value", () => {
    const result = parseFunctionEnv({ HTTP_PORT: "x", ODGM_SERVICE: "http://a" });
    expect(result).toEqual({
      kind: "invalid",
      problems: ['HTTP_PORT: "x" is not a port', 'ODGM_SERVICE: "http://a" is not HOST:PORT'],
    });
  });
});
