// The real gateway before the real odgm: weak spots of the system we succeed that lie on this path
// (object-grid.md 1.4, by area; those of Mst shards are in workloads/core/mst/weak-spots.test.ts),
// and what an outside client gets to retry and to read its own writes with.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { create, toBinary } from "@bufbuild/protobuf";
import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { BatchSetValuesRequestSchema, DataService } from "#api/gen/oprc-data_pb.ts";
import { encodeSessionToken } from "#workloads/core/demand/index.ts";
import { methodPath, openChannel, same } from "#workloads/platform/grpc/index.ts";

import type { GatewayProgram, Program } from "./support/process.ts";
import { makeFolder, startGatewayProgram, startProgram } from "./support/process.ts";

const CLASS = "weak.Spot";
let folder: Awaited<ReturnType<typeof makeFolder>>;
let odgm: Program;
let gateway: GatewayProgram;

beforeAll(async () => {
  folder = await makeFolder();
  const file = join(folder.path, "collections.json");
  const collection = { name: CLASS, partition_count: 1, replica_count: 1, shard_type: "none" };
  await writeFile(file, JSON.stringify([{ ...collection, shard_assignments: [], options: {} }]));
  odgm = await startProgram(
    "odgm",
    ["--listen", "127.0.0.1:0", "--data", join(folder.path, "data"), "--collections", file],
    "serving",
    { LOG_FORMAT: "json" },
  );
  const address = `127.0.0.1:${Number(odgm.fields["grpc"] ?? odgm.fields["port"])}`;
  gateway = await startGatewayProgram(["--odgm", address]);
}, 60_000);

afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  expect(await odgm.stop()).toBe(0);
  await folder.remove();
}, 30_000);

const url = (path: string): string => `${gateway.url}/api/class/${CLASS}/0/objects/${path}`;

function body(entries: Record<string, string>, field: "entries" | "values"): string {
  const encoded = Object.entries(entries).map(([key, text]) => [
    key,
    { data: Buffer.from(text).toString("base64"), type: 0 },
  ]);
  return JSON.stringify({ [field]: Object.fromEntries(encoded) });
}

function put(id: string, entries: Record<string, string>, headers: Record<string, string> = {}) {
  const type = { "content-type": "application/json" };
  return fetch(url(id), {
    method: "PUT",
    headers: { ...type, ...headers },
    body: body(entries, "entries"),
  });
}

async function read(id: string): Promise<Record<string, string>> {
  const response = await fetch(url(id), { headers: { accept: "application/json" } });
  const { entries } = (await response.json()) as { entries: Record<string, { data: string }> };
  return Object.fromEntries(
    Object.entries(entries).map(([key, { data }]) => [key, Buffer.from(data, "base64").toString()]),
  );
}

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code;
}

describe("weak spot batch-set / CAS", () => {
  const batch = (id: string, values: Record<string, string>, etag?: string) =>
    fetch(url(`${id}/batch-set`), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(etag === undefined ? {} : { "if-match": etag }),
      },
      body: body(values, "values"),
    });

  it("of many writers that saw one version exactly one is taken, every time", async () => {
    await put("cas", { n: "0" });
    for (let round = 0; round < 10; round += 1) {
      const etag = (await fetch(url("cas"))).headers.get("etag") ?? "";
      const writers = Array.from({ length: 8 }, (_, at) => batch("cas", { n: String(at) }, etag));
      const ends = (await Promise.all(writers)).map((response) => response.status);
      expect(ends.filter((code) => code === 200)).toHaveLength(1);
      expect(ends.filter((code) => code === 412)).toHaveLength(7);
    }
  });

  it("nobody sees a part of a batch", async () => {
    await put("pair", { left: "0", right: "0" });
    const writes = Array.from({ length: 30 }, (_, at) => {
      return batch("pair", { left: String(at), right: String(at) });
    });
    const seen: Record<string, string>[] = [];
    const reads = Array.from({ length: 30 }, async () => seen.push(await read("pair")));
    await Promise.all([...writes, ...reads]);
    for (const { left, right } of seen) expect(left).toBe(right);
  });
});

describe("weak spot gateway gRPC DataService", () => {
  it.each(DataService.methods.map((method) => [method.name, method] as const))(
    "%s is served",
    async (_, method) => {
      const channel = openChannel({ address: gateway.address });
      const fields = { clsId: CLASS, objectId: "grpc", deleteKeys: ["none"] };
      // The same numbers mean class and object in every request but a few, which are refused.
      const request = toBinary(
        BatchSetValuesRequestSchema,
        create(BatchSetValuesRequestSchema, fields),
      );
      const ended = await new Promise<status>((resolve) => {
        const call = channel.makeServerStreamRequest(
          methodPath(method),
          same,
          same,
          Buffer.from(request),
          new Metadata(),
        );
        call.on("data", () => undefined);
        call.on("error", () => undefined);
        call.on("status", ({ code }) => resolve(code));
      });
      channel.close();
      expect([status.OK, status.INVALID_ARGUMENT, status.NOT_FOUND]).toContain(ended);
    },
  );
});

describe("Idempotency-Key over REST", () => {
  it("gives the answer of the first request to every repetition, and changes nothing", async () => {
    const key = { "Idempotency-Key": "order-1" };
    expect((await put("order", { state: "new" }, key)).status).toBe(200);
    expect((await put("order", { state: "paid" })).status).toBe(200);
    const again = await put("order", { state: "new" }, key);
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
    expect(await read("order")).toEqual({ state: "paid" });
    expect((await fetch(url("order"))).headers.get("etag")).toBe('"2"');
  });

  it("repeats a condition that did not hold, though it would hold now", async () => {
    const headers = { "Idempotency-Key": "once-1", "if-none-match": "*" };
    await put("taken", { k: "1" });
    expect((await put("taken", { k: "2" }, headers)).status).toBe(412);
    await fetch(url("taken"), { method: "DELETE" });
    const again = await put("taken", { k: "2" }, headers);
    expect([again.status, await codeOf(again)]).toEqual([412, "VERSION_MISMATCH"]);
  });

  it("is 422 with another request", async () => {
    const key = { "Idempotency-Key": "order-2" };
    await put("reused", { k: "1" }, key);
    const other = await put("reused", { k: "2" }, key);
    expect([other.status, await codeOf(other)]).toEqual([422, "KEY_REUSED"]);
    expect(await read("reused")).toEqual({ k: "1" });
  });
});

describe("a session over REST", () => {
  it("gets a token with its first write, and keeps it over a read", async () => {
    expect((await put("plain", {})).headers.get("x-oprc-session")).toBeNull();
    const token = (await put("mine", { k: "1" }, { "x-oprc-session": "" })).headers.get(
      "x-oprc-session",
    );
    expect(token).toMatch(/^1\.[A-Za-z0-9_-]+$/);
    const headers = { "x-oprc-session": token ?? "" };
    expect((await fetch(url("mine"), { headers })).status).toBe(200);
    const next = (await put("mine", { k: "2" }, headers)).headers.get("x-oprc-session");
    expect(next).not.toBe(token);
  });

  it("is told that its history is gone rather than shown another one", async () => {
    const mark = { cls: CLASS, partition: 0, incarnation: "of another disk", index: 1 };
    const headers = { "x-oprc-session": encodeSessionToken([mark]) ?? "" };
    const response = await fetch(url("mine"), { headers });
    expect([response.status, await codeOf(response)]).toEqual([409, "SESSION_LOST"]);
  });
});
