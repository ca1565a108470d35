import { describe, expect, it } from "@jest/globals";

import type { OdgmConfig } from "./odgm.ts";
import { parseLogLevel, parseOdgmEnv, renderOdgmEnv } from "./odgm.ts";

const pod = {
  collection: "quickstart.Counter",
  adminIdentity: "spiffe://c/ns/oaas-system/operator",
  linkIdentities: ["spiffe://c/ns/q/odgm/counter", "spiffe://c/ns/oaas-system/gateway"],
};

function asSeen(ordinal: string): Record<string, string> {
  return Object.fromEntries(renderOdgmEnv(pod).map((v) => [v.name, v.value ?? ordinal]));
}

function config(env: Record<string, string>): OdgmConfig {
  const result = parseOdgmEnv(env);
  if (result.kind !== "ok") throw new Error(result.problems.join("; "));
  return result.config;
}

describe("odgm environment", () => {
  it("is parsed as it was rendered", () => {
    const parsed = config(asSeen("1"));
    expect(parsed.role).toEqual({
      kind: "member",
      collection: pod.collection,
      ordinal: 1,
      linkListen: { host: "0.0.0.0", port: 8081 },
      adminListen: { host: "0.0.0.0", port: 8082 },
      tls: {
        folder: "/tls",
        adminIdentity: pod.adminIdentity,
        linkIdentities: pod.linkIdentities,
      },
    });
    expect(parsed.dataDir).toBe("/data");
    expect(parsed.healthListen).toEqual({ host: "0.0.0.0", port: 9090 });
    expect(parsed.logFormat).toBe("json");
  });

  it("takes the ordinal from the host name where the label is not offered", () => {
    const parsed = config({ ...asSeen(""), HOSTNAME: "counter-0a1b2c3d-2" });
    expect(parsed.role).toMatchObject({ ordinal: 2 });
  });

  it("is standalone without a collection name, and then serves no link and no admin port", () => {
    const parsed = config({ ODGM_DATA_DIR: "d", ODGM_COLLECTION: "[]", ODGM_HTTP_PORT: "9000" });
    expect(parsed.role).toEqual({ kind: "standalone", collections: "[]", format: false });
    expect(parsed.listen).toEqual({ host: "0.0.0.0", port: 9000 });
    expect(parsed.healthListen).toBeUndefined();
  });

  it("names what is set and has no effect", () => {
    const parsed = config({ ODGM_DATA_DIR: "d", ODGM_EVENTS_ENABLED: "true", ODGM_MEMBERS: "" });
    expect(parsed.notServed).toEqual([expect.stringMatching(/^ODGM_EVENTS_ENABLED: /)]);
  });

  const refused: readonly { name: string; given: Record<string, string>; want: RegExp }[] = [
    { name: "no data folder", given: {}, want: /ODGM_DATA_DIR is required/ },
    {
      name: "no certificates for a member",
      given: { ...asSeen("0"), ODGM_TLS_DIR: "" },
      want: /ODGM_TLS_DIR is required/,
    },
    {
      name: "insecure beyond loopback",
      given: { ...asSeen("0"), ODGM_INSECURE: "true" },
      want: /ODGM_INSECURE: refused, 0\.0\.0\.0/,
    },
    { name: "no ordinal", given: asSeen("x"), want: /ODGM_ORDINAL/ },
    {
      name: "ids longer than the key layout allows",
      given: { ODGM_DATA_DIR: "d", ODGM_MAX_STRING_ID_LEN: "161" },
      want: /ODGM_MAX_STRING_ID_LEN/,
    },
    {
      name: "a ratio of zero",
      given: { ODGM_DATA_DIR: "d", ODGM_STORAGE_LIMIT: "0" },
      want: /ODGM_STORAGE_LIMIT/,
    },
    {
      name: "an address without a port",
      given: { ODGM_DATA_DIR: "d", ODGM_LISTEN: "localhost" },
      want: /ODGM_LISTEN/,
    },
  ];
  it.each(refused)("is refused with $name", ({ given, want }) => {
    const result = parseOdgmEnv(given);
    expect(result.kind).toBe("invalid");
    expect(result.kind === "invalid" ? result.problems.join("\n") : "").toMatch(want);
  });

  it.each([
    { given: undefined, want: "info" },
    { given: "debug", want: "debug" },
    { given: "info,oprc_odgm=trace", want: "info" },
    { given: "hyper=trace,oprc_odgm=warn", want: "warn" },
    { given: "off", want: "error" },
  ])("log filter $given means $want", ({ given, want }) => {
    expect(parseLogLevel(given)).toBe(want);
  });
});
