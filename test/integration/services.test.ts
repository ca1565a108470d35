// The test services that this machine can have without a long build really serve.
import { afterEach, describe, expect, it } from "@jest/globals";

import { startService, type RunningService } from "#test/support/services/index.ts";

let service: RunningService | undefined;

afterEach(async () => {
  await service?.stop();
});

async function postJson(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  return response.json();
}

describe("startService", () => {
  it("etcd keeps a key, and each start is empty", async () => {
    const key = Buffer.from("key").toString("base64");
    const value = Buffer.from("value").toString("base64");
    service = await startService("etcd");
    await postJson(`${service.url}/v3/kv/put`, { key, value });
    const range = await postJson(`${service.url}/v3/kv/range`, { key });
    expect(range).toMatchObject({ count: "1", kvs: [{ key, value }] });

    const { url } = service;
    await service.stop();
    await expect(fetch(url)).rejects.toThrow();
    service = await startService("etcd");
    const again = await postJson(`${service.url}/v3/kv/range`, { key });
    expect(again).not.toHaveProperty("kvs");
  });

  it("prometheus answers queries under the given configuration", async () => {
    service = await startService("prometheus", {
      config: "global: { external_labels: { of: test } }\n",
    });
    const response = await fetch(`${service.url}/api/v1/query?query=vector(7)`);
    expect(await response.json()).toMatchObject({
      status: "success",
      data: { result: [{ value: [expect.any(Number), "7"] }] },
    });
    const config = await fetch(`${service.url}/api/v1/status/config`);
    expect(JSON.stringify(await config.json())).toContain("of: test");
  });

  it("a program that cannot start gives its own words", async () => {
    const broken = startService("prometheus", { config: "not: { a: config }\n" });
    await expect(broken).rejects.toThrow("field not not found");
  });
});
