import { KubeConfig } from "@kubernetes/client-node";
import { describe, expect, it } from "@jest/globals";

import { heldCredentials } from "./credentials.ts";

/** A kubeconfig in memory whose token changes, a clock, and how often it was read. */
function setUp() {
  const now = { ms: 0, reads: 0, token: "first", broken: false };
  const credentials = heldCredentials(
    () => {
      now.reads++;
      if (now.broken) throw new Error("half a file");
      const kubeconfig = new KubeConfig();
      kubeconfig.loadFromClusterAndUser(
        { name: "c", server: "https://api.example.com", skipTLSVerify: false },
        { name: "u", token: now.token },
      );
      return kubeconfig;
    },
    () => now.ms,
  );
  const bearer = async () => (await credentials.current()).authorization;
  return { now, credentials, bearer };
}

describe("credentials", () => {
  it("are read again once a minute, not for every request", async () => {
    const { now, bearer } = setUp();
    expect(await bearer()).toBe("Bearer first");
    now.token = "second";
    now.ms = 59_000;
    expect(await bearer()).toBe("Bearer first");
    now.ms = 61_000;
    expect(await bearer()).toBe("Bearer second");
    expect(now.reads).toBe(2);
  });

  it("are read again at once after the server refused them", async () => {
    const { now, credentials, bearer } = setUp();
    await bearer();
    now.token = "second";
    credentials.invalidate("Refused");
    expect(await bearer()).toBe("Bearer second");
  });

  it("are read once for all that ask at the same time", async () => {
    const { now, bearer } = setUp();
    await Promise.all([bearer(), bearer(), bearer()]);
    expect(now.reads).toBe(1);
  });

  it("stay the last good ones while they cannot be read", async () => {
    const { now, bearer } = setUp();
    await bearer();
    now.broken = true;
    now.ms = 61_000;
    expect(await bearer()).toBe("Bearer first");
    now.broken = false;
    now.token = "second";
    now.ms = 122_000;
    expect(await bearer()).toBe("Bearer second");
  });
});
