import { describe, expect, it } from "@jest/globals";

import type { GatewayConfig } from "./gateway.ts";
import { formatHostPort, parseGatewayEnv, parseHostPort, renderGatewayEnv } from "./gateway.ts";

function parsed(env: Record<string, string>): GatewayConfig {
  const result = parseGatewayEnv(env);
  if (result.kind !== "ok") throw new Error(result.problems.join("; "));
  return result.config;
}

function problems(env: Record<string, string>): readonly string[] {
  const result = parseGatewayEnv(env);
  return result.kind === "ok" ? [] : result.problems;
}

const routed = {
  OPRC_GW_ROUTES: "/routes/routes.json",
  OPRC_GW_TLS_DIR: "/tls",
  OPRC_GW_ROUTING: "oaas-operator.oaas-system.svc:8083",
  OPRC_GW_ROUTING_IDENTITY_FILE: "/tls/routing-identity",
};

describe("parseGatewayEnv", () => {
  it("has upstream's defaults", () => {
    const config = parsed({ ...routed });
    expect(config.listen).toEqual({ host: "0.0.0.0", port: 8080 });
    expect(config.healthListen).toEqual({ host: "0.0.0.0", port: 9090 });
    expect(config.requestTimeoutMs).toBe(30_000);
    expect(config.maxPayloadBytes).toBe(4_194_304);
  });

  it("prefers the prefixed of two upstream names", () => {
    const env = { ...routed, OPRC_GW_REQUEST_TIMEOUT_MS: "5", REQUEST_TIMEOUT_MS: "7" };
    expect(parsed(env).requestTimeoutMs).toBe(5);
    expect(parsed({ ...routed, REQUEST_TIMEOUT_MS: "7" }).requestTimeoutMs).toBe(7);
  });

  it("serves health on a port of its own, standalone only when asked", () => {
    const odgm = { OPRC_GW_ODGM: "127.0.0.1:8080", OPRC_GW_LISTEN: "127.0.0.1:8090" };
    expect(parsed(odgm).healthListen).toBeUndefined();
    const asked = parsed({ ...odgm, OPRC_GW_METRICS_PORT: "9" });
    expect(asked.healthListen).toEqual({ host: "127.0.0.1", port: 9 });
  });

  it.each([
    ["oprc_gateway=debug,zenoh=warn", "debug"],
    ["zenoh=error,warn", "warn"],
    ["trace", "debug"],
    ["nonsense", "info"],
  ] as const)("takes RUST_LOG=%s for %s", (filter, level) => {
    expect(parsed({ ...routed, RUST_LOG: filter }).logLevel).toBe(level);
    const named = { ...routed, RUST_LOG: filter, OPRC_GW_LOG_LEVEL: "error" };
    expect(parsed(named).logLevel).toBe("error");
  });

  it("does not read our own names without the prefix", () => {
    expect(parsed({ ...routed, LISTEN: "127.0.0.1:1" }).listen.port).toBe(8080);
  });

  it.each([
    ["a number with a unit", { OPRC_GW_REQUEST_TIMEOUT_MS: "5s" }, "REQUEST_TIMEOUT_MS"],
    ["a port too large", { OPRC_GW_HTTP_PORT: "70000" }, "HTTP_PORT"],
    ["an address without port", { OPRC_GW_LISTEN: "127.0.0.1" }, "LISTEN"],
    ["insecure on all addresses", { OPRC_GW_INSECURE: "true" }, "insecure is allowed only on loop"],
    ["both forms of targets", { OPRC_GW_ODGM: "127.0.0.1:8080" }, "cannot be given together"],
  ])("refuses %s by name", (_name, env, message) => {
    expect(problems({ ...routed, ...env }).join("\n")).toContain(message);
  });

  it("refuses a remote odgm, a missing target, a missing identity and a missing tls folder", () => {
    expect(problems({ OPRC_GW_ODGM: "10.0.0.1:8080" }).join()).toContain("not a loopback address");
    expect(problems({ OPRC_GW_TLS_DIR: "/tls" }).join()).toContain(
      "one of routing, routes or odgm",
    );
    expect(problems({ OPRC_GW_ROUTES: "/r" }).join()).toContain("tls-dir is missing");
    const { OPRC_GW_ROUTING_IDENTITY_FILE: _, ...rest } = routed;
    expect(problems(rest).join()).toContain("routing-identity");
  });

  it.each([
    ["routed", routed],
    ["standalone", { OPRC_GW_ODGM: "127.0.0.1:8080", OPRC_GW_LISTEN: "[::1]:8090" }],
  ])("reads back what renderGatewayEnv wrote (%s)", (_name, env) => {
    const config = parsed(env);
    expect(parsed({ ...renderGatewayEnv(config) })).toEqual(config);
  });
});

describe("parseHostPort", () => {
  it.each(["127.0.0.1:80", "[::1]:8080", "a.b.svc:1"])("round-trips %s", (text) => {
    const at = parseHostPort(text);
    expect(at === undefined ? undefined : formatHostPort(at)).toBe(text);
  });

  it.each(["", "host", "host:", "::1:80", "host:99999", "http://h:1"])("refuses %s", (text) => {
    expect(parseHostPort(text)).toBeUndefined();
  });
});
