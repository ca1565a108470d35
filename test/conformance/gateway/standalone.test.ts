// The programs as on a laptop: odgm alone, the gateway before it, the sample functions behind both.
// Upstream's black-box scenarios and the defects of its gateway, each by name.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import {
  BatchSetValuesRequestSchema,
  CapabilitiesRequestSchema,
  DataService,
  ListObjectsRequestSchema,
  ListValuesRequestSchema,
  ObjDataSchema,
  SetKeyRequestSchema,
  SetObjectRequestSchema,
  SingleKeyRequestSchema,
  SingleObjectRequestSchema,
  StatsRequestSchema,
} from "#api/gen/oprc-data_pb.ts";
import { ObjectInvocationRequestSchema, OprcFunction } from "#api/gen/oprc-invoke_pb.ts";
import { GrpcCode } from "#workloads/core/rest/index.ts";
import type { GrpcClient } from "#workloads/platform/grpc/index.ts";
import { createGrpcClient, GrpcFailure } from "#workloads/platform/grpc/index.ts";
import { silentLogger } from "#workloads/platform/log/index.ts";
import { ObjectClient, serveFunctions, FunctionError } from "#workloads/sdk/index.ts";
import type { FunctionServer } from "#workloads/sdk/index.ts";
import { counterFunctions } from "#workloads/sdk/samples/counter/counter.ts";
import { echo } from "#workloads/sdk/samples/echo/echo.ts";
import { randomFunction } from "#workloads/sdk/samples/random/random.ts";

import { waitUntil } from "#test/support/wait.ts";

import { http2Request } from "./support/http2.ts";
import type { GatewayProgram, Program } from "./support/process.ts";
import { makeFolder, startGatewayProgram, startProgram } from "./support/process.ts";

const timeoutMs = 10_000;
const CLASS = "demo.Thing";

let folder: Awaited<ReturnType<typeof makeFolder>>;
let odgm: Program;
let odgmAddress: string;
let gateway: GatewayProgram;
let functions: FunctionServer;
let objects: ObjectClient | undefined;
let data: GrpcClient<typeof DataService>;
let fn: GrpcClient<typeof OprcFunction>;

function url(path: string): string {
  return `${gateway.url}/api/class/${CLASS}/${path}`;
}

async function putJson(
  path: string,
  entries: Record<string, string>,
  headers = {},
): Promise<Response> {
  const encoded = Object.entries(entries).map(([key, text]) => [
    key,
    { data: Buffer.from(text).toString("base64"), type: 0 },
  ]);
  return fetch(url(path), {
    method: "PUT",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ entries: Object.fromEntries(encoded) }),
  });
}

async function errorCode(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code;
}

async function failureOf(call: Promise<unknown>): Promise<GrpcFailure> {
  const failure: unknown = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (failure instanceof GrpcFailure) return failure;
  throw new Error(`the call should have failed, got ${String(failure)}`);
}

const route = (port: number, stateless: boolean) => ({
  url: `http://127.0.0.1:${port}`,
  stateless,
  standby: false,
  active_group: [],
});

beforeAll(async () => {
  folder = await makeFolder();
  const client = (): ObjectClient => (objects ??= new ObjectClient({ address: odgmAddress }));
  functions = await serveFunctions(
    {
      echo,
      random: randomFunction(client),
      ...prefixed(counterFunctions(client)),
      fail: (call) => {
        const [code, text] = Buffer.from(call.payload).toString().split(":");
        if (code === "INVALID_REQUEST" || code === "APP_ERROR" || code === "SYSTEM_ERROR") {
          throw new FunctionError(code, text ?? "");
        }
        throw new Error("a bug in the function");
      },
      about: (call) => ({
        payload: JSON.stringify({ ...call, payload: undefined, signal: undefined }),
        headers: { color: "red", "content-type": "application/vnd.about+json" },
      }),
    },
    { host: "127.0.0.1", port: 0, log: silentLogger },
  );
  const names = ["echo", "random", "increment", "fail", "about"];
  const collections = [
    {
      name: CLASS,
      partition_count: 3,
      replica_count: 1,
      shard_type: "none",
      shard_assignments: [],
      options: {},
      invocations: {
        fn_routes: Object.fromEntries(
          names.map((name) => [name, route(functions.port, name === "echo" || name === "fail")]),
        ),
      },
    },
  ];
  const file = join(folder.path, "collections.json");
  await writeFile(file, JSON.stringify(collections));
  odgm = await startProgram(
    "odgm",
    ["--listen", "127.0.0.1:0", "--data", join(folder.path, "data"), "--collections", file],
    "serving",
    { LOG_FORMAT: "json" },
  );
  odgmAddress = `127.0.0.1:${Number(odgm.fields["grpc"] ?? odgm.fields["port"])}`;
  gateway = await startGatewayProgram(["--odgm", odgmAddress]);
  data = createGrpcClient(DataService, { address: gateway.address });
  fn = createGrpcClient(OprcFunction, { address: gateway.address });
}, 60_000);

function prefixed(made: ReturnType<typeof counterFunctions>) {
  return { increment: made["*"] };
}

afterAll(async () => {
  data.close();
  fn.close();
  expect(await gateway.stop()).toBe(0);
  objects?.close();
  expect(await odgm.stop()).toBe(0);
  await functions.close(0);
  await folder.remove();
}, 30_000);

describe("one port", () => {
  it.each([
    ["/health", "ok"],
    ["/healthz", "ok"],
    ["/readyz", "ready"],
  ])("%s answers upstream's text over HTTP/1.1 and HTTP/2", async (path, text) => {
    const first = await fetch(gateway.url + path);
    expect([first.status, await first.text()]).toEqual([200, text]);
    const second = await http2Request(gateway.url, path);
    expect([second.status, second.body.toString()]).toEqual([200, text]);
  });

  it("any other GET is 404", async () => {
    expect((await fetch(`${gateway.url}/api/v1/classes`)).status).toBe(404);
  });

  it("serves the same object over HTTP/1.1, HTTP/2 and gRPC", async () => {
    expect((await putJson("0/objects/shared", { k: "v" })).status).toBe(200);
    const path = `/api/class/${CLASS}/0/objects/shared`;
    const headers = { accept: "application/x-protobuf" };
    const first = Buffer.from(await (await fetch(gateway.url + path, { headers })).arrayBuffer());
    const second = await http2Request(gateway.url, path, { headers });
    expect(second.status).toBe(200);
    expect(second.body.equals(first)).toBe(true);
    const request = create(SingleObjectRequestSchema, { clsId: CLASS, objectId: "shared" });
    const third = await data.get(request, { timeoutMs });
    expect(fromBinary(ObjDataSchema, first)).toEqual(third.obj);
  });
});

describe("objects over REST", () => {
  it("PUT and GET as JSON and as protobuf, by Accept", async () => {
    expect((await putJson("1/objects/Doc-1", { Name: "x" })).status).toBe(200);
    const json = await fetch(url("1/objects/doc-1"), { headers: { accept: "application/json" } });
    expect(json.headers.get("content-type")).toBe("application/json");
    expect(await json.json()).toEqual({
      metadata: { cls_id: CLASS, partition_id: 1, object_id: "doc-1" },
      event: null,
      entries: { Name: { data: "eA==", type: 0 } },
    });
    const body = toBinary(
      ObjDataSchema,
      create(ObjDataSchema, { entries: { Other: { data: Buffer.from("y") } } }),
    );
    for (const type of ["application/x-protobuf", "application/octet-stream"]) {
      const headers = { "content-type": type };
      const put = await fetch(url("1/objects/doc-1"), { method: "PUT", headers, body });
      expect([put.status, await put.text()]).toEqual([200, ""]);
    }
    const binary = await fetch(url("1/objects/doc-1"));
    expect(binary.headers.get("content-type")).toBe("application/x-protobuf");
    const read = fromBinary(ObjDataSchema, new Uint8Array(await binary.arrayBuffer()));
    expect(Object.keys(read.entries).sort()).toEqual(["Name", "Other"]);
  });

  it("partitions of an Explicit class are apart", async () => {
    await putJson("0/objects/apart", { k: "zero" });
    expect((await fetch(url("2/objects/apart"))).status).toBe(404);
    expect((await fetch(url("3/objects/apart"))).status).toBe(404);
  });

  it("a bad character and an id of 161 characters are 400 INVALID_OBJECT_ID", async () => {
    for (const id of ["a%20b", "a".repeat(161)]) {
      const response = await fetch(url(`0/objects/${id}`));
      expect([response.status, await errorCode(response)]).toEqual([400, "INVALID_OBJECT_ID"]);
    }
  });

  it("DELETE twice is 204 twice, and a missing object is a JSON 404", async () => {
    await putJson("0/objects/gone", { k: "v" });
    for (let time = 0; time < 2; time += 1) {
      expect((await fetch(url("0/objects/gone"), { method: "DELETE" })).status).toBe(204);
    }
    const missing = await fetch(url("0/objects/gone"));
    expect([missing.status, await errorCode(missing)]).toEqual([404, "NO_OBJECT"]);
  });

  it("a wrong verb is 405 with Allow, an unknown body type 415, a malformed body 422", async () => {
    const wrong = await fetch(url("0/objects/a"), { method: "POST" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD, PUT, DELETE"]);
    const put = (type: string, body: string) =>
      fetch(url("0/objects/a"), { method: "PUT", headers: { "content-type": type }, body });
    expect((await put("text/plain", "x")).status).toBe(415);
    expect((await put("application/json", "{}")).status).toBe(422);
    expect((await put("application/x-protobuf", "\u0007")).status).toBe(422);
  });

  it("a body over the limit is 413, declared or not", async () => {
    const body = Buffer.alloc(5_000_000);
    const headers = { "content-type": "application/octet-stream" };
    const declared = await fetch(url("0/objects/a"), { method: "PUT", headers, body });
    expect([declared.status, await errorCode(declared)]).toEqual([413, "PAYLOAD_TOO_LARGE"]);
    const chunked = await http2Request(gateway.url, `/api/class/${CLASS}/0/objects/a`, {
      method: "PUT",
      headers,
      body,
    });
    expect(chunked.status).toBe(413);
  });

  it("lists with prefix, limit and cursor, in byte order", async () => {
    for (const id of ["l:a", "l:b", "l:c", "m:a"]) await putJson(`2/objects/${id}`, { k: "v" });
    const ids: string[] = [];
    let cursor: string | undefined = "";
    while (cursor !== undefined) {
      const query: string = `prefix=L:&limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`;
      const page = (await (await fetch(url(`2/objects?${query}`))).json()) as {
        objects: { object_id: string; version: number; entry_count: number }[];
        next_cursor?: string;
      };
      ids.push(...page.objects.map((object) => object.object_id));
      expect(page.objects.every((object) => object.version === 1 && object.entry_count === 1)).toBe(
        true,
      );
      cursor = page.next_cursor;
    }
    expect(ids).toEqual(["l:a", "l:b", "l:c"]);
  });
});

describe("conditional requests", () => {
  it("ETag is the object's version; If-Match writes only on it", async () => {
    await putJson("0/objects/cas", { k: "1" });
    const etag = (await fetch(url("0/objects/cas"))).headers.get("etag") ?? "";
    expect(etag).toBe('"1"');
    const fresh = await fetch(url("0/objects/cas"), { headers: { "if-none-match": etag } });
    expect([fresh.status, await fresh.text()]).toEqual([304, ""]);
    expect((await putJson("0/objects/cas", { k: "2" }, { "if-match": etag })).status).toBe(200);
    const stale = await putJson("0/objects/cas", { k: "3" }, { "if-match": etag });
    expect([stale.status, await errorCode(stale)]).toEqual([412, "VERSION_MISMATCH"]);
    const headers = { "if-match": etag };
    expect((await fetch(url("0/objects/cas"), { method: "DELETE", headers })).status).toBe(412);
    const right = { "if-match": '"2"' };
    const deleted = await fetch(url("0/objects/cas"), { method: "DELETE", headers: right });
    expect(deleted.status).toBe(204);
  });

  it("If-None-Match: * creates once, also after a delete", async () => {
    const once = { "if-none-match": "*" };
    expect((await putJson("0/objects/once", { k: "1" }, once)).status).toBe(200);
    expect((await putJson("0/objects/once", { k: "2" }, once)).status).toBe(412);
    await fetch(url("0/objects/once"), { method: "DELETE" });
    expect((await putJson("0/objects/once", { k: "3" }, once)).status).toBe(200);
  });

  it("what cannot be expressed is refused, not ignored", async () => {
    const response = await putJson("0/objects/cas2", { k: "1" }, { "if-match": '"1", "2"' });
    expect([response.status, await errorCode(response)]).toEqual([400, "INVALID_PRECONDITION"]);
  });
});

describe("entries over REST", () => {
  it("PUT, GET, list and DELETE, keys case-sensitive", async () => {
    const entry = url("0/objects/e/entries/Key%2FOne");
    expect((await fetch(entry, { method: "PUT", body: "bytes" })).status).toBe(200);
    const read = await fetch(entry);
    expect([read.status, await read.text(), read.headers.get("etag")]).toEqual([
      200,
      "bytes",
      '"1"',
    ]);
    expect((await fetch(url("0/objects/e/entries/key%2Fone"))).status).toBe(404);
    const listed = await (await fetch(url("0/objects/e/entries?prefix=Key"))).json();
    expect(listed).toEqual({
      entries: [{ key: "Key/One", value: { data: "Ynl0ZXM=", type: 0 }, version: 1 }],
    });
    const stale = await fetch(entry, { method: "DELETE", headers: { "if-match": '"9"' } });
    expect(stale.status).toBe(412);
    expect((await fetch(entry, { method: "DELETE", headers: { "if-match": '"1"' } })).status).toBe(
      204,
    );
    expect((await fetch(entry)).status).toBe(404);
  });

  it("batch-set changes several at once, on a version if it names one", async () => {
    const send = (batch: unknown) =>
      fetch(url("0/objects/b/batch-set"), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(batch),
      });
    const value = { data: "MQ==", type: 0 };
    expect((await send({ values: { a: value, b: value } })).status).toBe(200);
    const second = { values: { c: value }, delete_keys: ["a"], expected_object_version: 1 };
    expect((await send(second)).status).toBe(200);
    expect((await send(second)).status).toBe(412);
    const object = await fetch(url("0/objects/b"), { headers: { accept: "application/json" } });
    const { entries } = (await object.json()) as { entries: object };
    expect(Object.keys(entries).sort()).toEqual(["b", "c"]);
    expect(object.headers.get("etag")).toBe('"3"');
  });
});

describe("invocations over REST", () => {
  it("echo answers the payload under the content type that the caller accepts", async () => {
    const response = await fetch(url("0/invokes/echo"), {
      method: "POST",
      headers: { accept: "application/json" },
      body: Buffer.from([1, 2, 3]),
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("x-oprc-invocation-id")).toMatch(/.+/);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.from([1, 2, 3]));
  });

  it("upstream's system test: echo, set and get, random on the object with exactly 3 keys", async () => {
    const hello = await fetch(url("0/invokes/echo"), { method: "POST", body: "hello-world" });
    expect(await hello.text()).toBe("hello-world");
    expect((await putJson("0/objects/test-obj-1", { mykey: "myvalue" })).status).toBe(200);
    const random = await fetch(url("0/objects/test-obj-1/invokes/random"), {
      method: "POST",
      body: JSON.stringify({ entry: 3, key_size: 5, value_size: 5, resp_json: true }),
    });
    const made = (await random.json()) as Record<string, string>;
    expect(Object.keys(made)).toHaveLength(3);
    expect(Object.entries(made).every(([k, v]) => k.length === 5 && v.length === 5)).toBe(true);
    const stored = await fetch(url("0/objects/test-obj-1/entries/0"));
    expect(await stored.json()).toEqual(made);
  });

  it("passes x-oprc-opt-*, accept, content-type and the trace, and gives headers back", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const response = await fetch(url("1/objects/Obj/invokes/about"), {
      method: "POST",
      headers: {
        accept: "text/x",
        "content-type": "text/y",
        traceparent,
        "x-oprc-opt-tone": "low",
        authorization: "secret",
      },
      body: "",
    });
    expect(response.headers.get("content-type")).toBe("application/vnd.about+json");
    expect(response.headers.get("x-oprc-h-color")).toBe("red");
    const seen = (await response.json()) as Record<string, unknown>;
    expect(seen).toMatchObject({ class: CLASS, function: "about", partition: 1, object: "obj" });
    expect(seen["options"]).toMatchObject({
      accept: "text/x",
      "content-type": "text/y",
      tone: "low",
    });
    expect(seen["options"]).toHaveProperty("traceparent");
    expect(seen["options"]).not.toHaveProperty("authorization");
  });

  it("an unknown function is 404 NO_FUNCTION", async () => {
    const response = await fetch(url("0/invokes/none"), { method: "POST" });
    expect([response.status, await errorCode(response)]).toEqual([404, "NO_FUNCTION"]);
  });

  it("200 concurrent increments give exactly 200, and go on after a delete", async () => {
    const increment = async (): Promise<number> => {
      const response = await fetch(url("0/objects/counter/invokes/increment"), { method: "POST" });
      const body = (await response.json()) as { count: number };
      expect(response.status).toBe(200);
      return body.count;
    };
    const counts = await Promise.all(Array.from({ length: 200 }, increment));
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    await fetch(url("0/objects/counter"), { method: "DELETE" });
    expect(await increment()).toBe(1);
    const by = await fetch(url("0/objects/counter/invokes/increment"), {
      method: "POST",
      body: '{"amount":-5}',
    });
    expect(await by.json()).toEqual({ count: -4 });
  });
});

describe("upstream defect 2: function invoke ignores the partition, and ResponseStatus is ignored", () => {
  it("the partition of the path reaches the function", async () => {
    const response = await fetch(url("2/invokes/about"), { method: "POST" });
    expect(await response.json()).toMatchObject({ partition: 2 });
  });

  it.each([
    ["INVALID_REQUEST", 400],
    ["APP_ERROR", 422],
    ["SYSTEM_ERROR", 502],
    ["a throw", 502],
  ])("%s is %i with the function's own payload", async (code, status) => {
    const body = code === "a throw" ? "" : `${code}:why not`;
    const response = await fetch(url("0/invokes/fail"), { method: "POST", body });
    expect(response.status).toBe(status);
    expect(await response.text()).toBe(code === "a throw" ? "a bug in the function" : "why not");
    expect(response.headers.get("x-oprc-status")).toBe(code === "a throw" ? "SYSTEM_ERROR" : code);
  });
});

describe("upstream defect 1: REST GET of an existing object is 404, of a missing one 502", () => {
  it("is 200 with metadata, and 404", async () => {
    await putJson("0/objects/exists", { k: "v" });
    expect((await fetch(url("0/objects/exists"))).status).toBe(200);
    expect((await fetch(url("0/objects/never"))).status).toBe(404);
  });
});

describe("upstream defect 5: set after delete leaves the object invisible", () => {
  it("lives again", async () => {
    await putJson("0/objects/again", { k: "1" });
    await fetch(url("0/objects/again"), { method: "DELETE" });
    await putJson("0/objects/again", { other: "2" });
    const object = await fetch(url("0/objects/again"), { headers: { accept: "application/json" } });
    const { entries } = (await object.json()) as { entries: object };
    expect(Object.keys(entries)).toEqual(["other"]);
  });
});

describe("upstream defect 11: numeric-looking ids are re-printed", () => {
  it("007 stays 007 in every verb", async () => {
    await putJson("0/objects/007", { k: "v" });
    expect((await fetch(url("0/objects/7"))).status).toBe(404);
    expect((await fetch(url("0/objects/007/entries/k"))).status).toBe(200);
    expect((await fetch(url("0/objects/007"), { method: "DELETE" })).status).toBe(204);
    expect((await fetch(url("0/objects/007"))).status).toBe(404);
  });
});

describe("upstream defect 15: capabilities differ by whom one asks", () => {
  it("the gateway says what odgm says", async () => {
    const direct = createGrpcClient(DataService, { address: odgmAddress });
    const request = create(CapabilitiesRequestSchema);
    const said = await direct.capabilities(request, { timeoutMs });
    expect(await data.capabilities(request, { timeoutMs })).toEqual(said);
    direct.close();
  });
});

describe("the whole DataService over gRPC: upstream's gateway answered UNIMPLEMENTED", () => {
  const scope = { clsId: CLASS, partitionId: 1, objectId: "grpc" };

  it("sets, merges, reads, batches, lists and deletes values", async () => {
    const value = (text: string) => ({ data: Buffer.from(text), type: 0 as const });
    const one = create(SetObjectRequestSchema, {
      ...scope,
      object: { entries: { a: value("1") } },
    });
    await data.set(one, { timeoutMs });
    const two = create(SetObjectRequestSchema, {
      ...scope,
      object: { entries: { b: value("2") } },
    });
    const merged = await data.merge(two, { timeoutMs });
    expect(Object.keys(merged.obj?.entries ?? {}).sort()).toEqual(["a", "b"]);
    expect(merged.obj?.metadata).toMatchObject(scope);
    await data.setValue(create(SetKeyRequestSchema, { ...scope, key: "c", value: value("3") }), {
      timeoutMs,
    });
    const got = await data.getValue(create(SingleKeyRequestSchema, { ...scope, key: "c" }), {
      timeoutMs,
    });
    expect([Buffer.from(got.value?.data ?? "").toString(), got.objectVersion]).toEqual(["3", 3n]);
    const batch = { ...scope, values: { d: value("4") }, deleteKeys: ["a"] };
    const stale = create(BatchSetValuesRequestSchema, { ...batch, expectedObjectVersion: 2n });
    const failure = await failureOf(data.batchSetValues(stale, { timeoutMs }));
    expect([failure.status, failure.code]).toEqual([GrpcCode.aborted, "VERSION_MISMATCH"]);
    const fresh = create(BatchSetValuesRequestSchema, { ...batch, expectedObjectVersion: 3n });
    await data.batchSetValues(fresh, { timeoutMs });
    const keys: string[] = [];
    const list = create(ListValuesRequestSchema, { ...scope, limit: 2 });
    for await (const found of data.listValues(list, { timeoutMs })) keys.push(found.key);
    expect(keys).toEqual(["b", "c"]);
    await data.deleteValue(create(SingleKeyRequestSchema, { ...scope, key: "b" }), { timeoutMs });
    await data.delete(create(SingleObjectRequestSchema, scope), { timeoutMs });
    const gone = await failureOf(data.get(create(SingleObjectRequestSchema, scope), { timeoutMs }));
    expect([gone.status, gone.code]).toEqual([GrpcCode.notFound, "NO_OBJECT"]);
  });

  it("an empty listing ends with OK and no message", async () => {
    const request = create(ListObjectsRequestSchema, {
      clsId: CLASS,
      partitionId: 1,
      objectIdPrefix: "none-such",
    });
    const found: unknown[] = [];
    for await (const each of data.listObjects(request, { timeoutMs })) found.push(each);
    expect(found).toEqual([]);
  });

  it("Stats counts the objects of every shard", async () => {
    const { shards } = await data.stats(create(StatsRequestSchema), { timeoutMs });
    expect(shards.map((shard) => shard.partitionId)).toEqual([0, 1, 2]);
    expect(shards.every((shard) => shard.collection === CLASS)).toBe(true);
  });

  it("a Set without object is refused", async () => {
    const failure = await failureOf(
      data.set(create(SetObjectRequestSchema, { ...scope }), { timeoutMs }),
    );
    expect(failure.status).toBe(GrpcCode.invalidArgument);
  });

  it("InvokeObj passes through unchanged", async () => {
    const request = create(ObjectInvocationRequestSchema, {
      partitionId: 2,
      clsId: CLASS,
      fnId: "about",
      objectId: "x",
      options: { deep: "yes" },
    });
    const response = await fn.invokeObj(request, { timeoutMs });
    const seen = JSON.parse(Buffer.from(response.payload ?? "").toString()) as object;
    expect(seen).toMatchObject({ partition: 2, object: "x", options: { deep: "yes" } });
    expect(response.headers).toMatchObject({ color: "red" });
  });

  it("a message over the limit is RESOURCE_EXHAUSTED", async () => {
    const request = create(SetKeyRequestSchema, {
      ...scope,
      key: "k",
      value: { data: Buffer.alloc(5_000_000) },
    });
    const failure = await failureOf(data.setValue(request, { timeoutMs }));
    expect(failure.status).toBe(GrpcCode.resourceExhausted);
  });
});

describe("when odgm is away", () => {
  it("calls fail with 502 and Retry-After, and succeed once it is back with its data", async () => {
    await putJson("0/objects/kept", { k: "v" });
    await odgm.kill();
    const failed = await fetch(url("0/objects/kept"));
    expect([failed.status, failed.headers.get("retry-after")]).toEqual([502, "1"]);
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
    odgm = await startProgram(
      "odgm",
      ["--listen", odgmAddress, "--data", join(folder.path, "data")],
      "serving",
      { LOG_FORMAT: "json" },
    );
    await waitUntil(async () => (await fetch(url("0/objects/kept"))).status === 200, {
      what: "the object after the restart",
      deadlineMs: 15_000,
    });
  }, 40_000);
});
