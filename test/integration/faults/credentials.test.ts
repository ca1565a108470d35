// Credentials as they lie on a disk: kubeconfigs, files that are replaced, plugins that are run.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import type { Credentials } from "#controllers/runtime/client/credentials.ts";
import { openCredentials } from "#controllers/runtime/client/credentials.ts";
import { ExecPlugin } from "#controllers/runtime/client/exec-plugin.ts";

let folder: string;
/** The monotonic clock of the credentials. */
let nowMs: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oaas-credentials-"));
  nowMs = 0;
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");

function kubeconfig(user: object, cluster: object = {}): Credentials {
  const path = join(folder, "kubeconfig");
  const document = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "here",
    contexts: [
      { name: "here", context: { cluster: "c", user: "u" } },
      { name: "there", context: { cluster: "d", user: "u" } },
    ],
    clusters: [
      { name: "c", cluster: { server: "https://c.example:6443/", ...cluster } },
      { name: "d", cluster: { server: "https://d.example:6443/prefix" } },
    ],
    users: [{ name: "u", user }],
  };
  writeFileSync(path, JSON.stringify(document));
  return open(path);
}

function open(path: string, context?: string): Credentials {
  const config = {
    kind: "kubeconfig",
    path,
    ...(context === undefined ? {} : { context }),
  } as const;
  return openCredentials(config, () => nowMs);
}

describe("a kubeconfig", () => {
  it("brings certificates, inline or in files beside it", async () => {
    mkdirSync(join(folder, "pki"));
    writeFileSync(join(folder, "pki", "client.key"), "KEY");
    const access = await kubeconfig(
      { "client-certificate-data": base64("CERT"), "client-key": "pki/client.key" },
      { "certificate-authority-data": base64("CA"), "tls-server-name": "api" },
    ).current();
    expect(access).toEqual({
      server: "https://c.example:6443",
      tls: { ca: "CA", cert: "CERT", key: "KEY", servername: "api" },
    });
  });

  it("has contexts, and says which one is missing", async () => {
    kubeconfig({ token: "t" });
    const path = join(folder, "kubeconfig");
    expect(await open(path, "there").current()).toEqual({
      server: "https://d.example:6443/prefix",
      tls: {},
      authorization: "Bearer t",
    });
    await expect(open(path, "nowhere").current()).rejects.toThrow('no context "nowhere"');
  });

  it("brings a password, and a token from a file rather than the one beside it", async () => {
    const basic = await kubeconfig({ username: "me", password: "secret" }).current();
    expect(basic.authorization).toBe(`Basic ${base64("me:secret")}`);
    writeFileSync(join(folder, "token"), "newer\n");
    const both = await kubeconfig({ token: "older", tokenFile: "token" }).current();
    expect(both.authorization).toBe("Bearer newer");
  });

  it.each([
    [{ token: "t" }, { "proxy-url": "http://proxy.example" }, "proxy-url is not supported"],
    [{ token: "t", as: "root" }, {}, "as is not supported"],
    [{ token: 5 }, {}, "token is no text"],
    [{ exec: { command: "x" } }, {}, "exec needs command and apiVersion"],
  ])("that cannot be followed is refused: %j %j", async (user, cluster, message) => {
    await expect(kubeconfig(user, cluster).current()).rejects.toThrow(message);
  });

  it("is read again at once when there was no connection", async () => {
    const credentials = kubeconfig({ token: "old" });
    expect((await credentials.current()).authorization).toBe("Bearer old");
    kubeconfig({ token: "new" });
    expect((await credentials.current()).authorization).toBe("Bearer old");
    credentials.invalidate("Unreachable");
    expect((await credentials.current()).authorization).toBe("Bearer new");
  });

  it("that is gone for a moment changes nothing", async () => {
    const credentials = kubeconfig({ token: "old" });
    await credentials.current();
    rmSync(join(folder, "kubeconfig"));
    credentials.invalidate("Unreachable");
    expect((await credentials.current()).authorization).toBe("Bearer old");
  });
});

/** A plugin that prints `status` with the number of its run as `token`, and counts its runs. */
function plugin(status: Readonly<Record<string, string>> = {}): {
  readonly exec: object;
  readonly runs: () => number;
  readonly info: () => unknown;
} {
  const script = join(folder, "plugin.sh");
  const fields = Object.entries(status).map(([name, value]) => `,"${name}":"${value}"`);
  writeFileSync(
    script,
    `#!/bin/sh
echo run >> "$RUNS"
printf %s "$KUBERNETES_EXEC_INFO" > "$RUNS.info"
printf '{"kind":"ExecCredential","status":{"token":"%s-%s"${fields.join("")}}}' "$1" "$(wc -l < "$RUNS")"
`,
    { mode: 0o700 },
  );
  const runs = join(folder, "runs");
  return {
    exec: {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "./plugin.sh",
      args: ["run"],
      env: [{ name: "RUNS", value: runs }],
      provideClusterInfo: true,
    },
    runs: () => readFileSync(runs, "utf8").trim().split("\n").length,
    info: () => JSON.parse(readFileSync(`${runs}.info`, "utf8")) as unknown,
  };
}

describe("a credential plugin", () => {
  it("is run once, told about the cluster, and not again when the file is read again", async () => {
    const { exec, runs, info } = plugin();
    const credentials = kubeconfig({ exec });
    const [one, two] = await Promise.all([credentials.current(), credentials.current()]);
    expect([one.authorization, two.authorization]).toEqual(["Bearer run-1", "Bearer run-1"]);
    nowMs = 120_000;
    credentials.invalidate("Unreachable");
    expect((await credentials.current()).authorization).toBe("Bearer run-1");
    expect(runs()).toBe(1);
    expect(info()).toMatchObject({
      kind: "ExecCredential",
      spec: { interactive: false, cluster: { server: "https://c.example:6443/" } },
    });
  });

  it("is run again when what it gave has been refused, but not in a loop", async () => {
    const { exec, runs } = plugin();
    const credentials = kubeconfig({ exec });
    await credentials.current();
    nowMs = 15_000;
    credentials.invalidate("Refused");
    expect((await credentials.current()).authorization).toBe("Bearer run-2");
    for (let turn = 0; turn < 20; turn++) {
      nowMs += 100;
      credentials.invalidate("Refused");
      await credentials.current();
    }
    expect(runs()).toBe(2);
  });

  it("is run again shortly before its credentials expire", async () => {
    const { exec, runs } = plugin({ expirationTimestamp: "2030-01-01T01:00:00Z" });
    const wall = { ms: Date.parse("2030-01-01T00:00:00Z") };
    const { apiVersion, command, args, env } = exec as {
      apiVersion: string;
      command: string;
      args: string[];
      env: { name: string; value: string }[];
    };
    const run = new ExecPlugin(
      { apiVersion, command, args, env, directory: folder },
      { nowMs: () => wall.ms, monotonicMs: () => nowMs },
    );
    await run.current();
    wall.ms += 59 * 60_000;
    await run.current();
    expect(runs()).toBe(1);
    wall.ms += 45_000;
    expect(await run.current()).toEqual({ token: "run-2" });
  });

  it("gives certificates as well", async () => {
    const { exec } = plugin({ clientCertificateData: "CERT", clientKeyData: "KEY" });
    expect((await kubeconfig({ exec }).current()).tls).toEqual({ cert: "CERT", key: "KEY" });
  });

  it.each([
    ["echo secret; echo why >&2; exit 3", "failed (3): why"],
    ["echo secret", "printed no JSON"],
    ['echo \'{"kind":"Other"}\'', "no ExecCredential"],
    ['echo \'{"kind":"ExecCredential","status":{}}\'', "neither a token nor a certificate"],
  ])("that goes wrong is told without what it printed: %s", async (script, message) => {
    writeFileSync(join(folder, "bad.sh"), `#!/bin/sh\n${script}\n`, { mode: 0o700 });
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "./bad.sh" };
    const failure = await kubeconfig({ exec })
      .current()
      .catch((cause: unknown) => cause as Error);
    expect(failure).toMatchObject({ name: "ExecPluginError" });
    expect((failure as Error).message).toContain(message);
    expect((failure as Error).message).not.toContain("secret");
  });
});

describe("the credentials of a pod", () => {
  it("follow the files that the kubelet replaces", async () => {
    const [tokenFile, caFile] = [join(folder, "token"), join(folder, "ca.crt")];
    writeFileSync(tokenFile, "one\n");
    writeFileSync(caFile, "CA-1");
    const reads: unknown[] = [];
    const credentials = openCredentials(
      { kind: "in-cluster", host: "fd00::1", port: 443, tokenFile, caFile },
      () => nowMs,
      (error) => reads.push(error),
    );
    expect(await credentials.current()).toEqual({
      server: "https://[fd00::1]:443",
      tls: { ca: "CA-1" },
      authorization: "Bearer one",
    });
    writeFileSync(tokenFile, "two\n");
    writeFileSync(caFile, "CA-2");
    nowMs = 61_000;
    expect(await credentials.current()).toMatchObject({
      tls: { ca: "CA-2" },
      authorization: "Bearer two",
    });
    expect(reads).toEqual([undefined, undefined]);
  });
});
