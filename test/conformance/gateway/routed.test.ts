// A gateway with a routing table before scripted members: routing, refusals, retries, cancellation.
import { join } from "node:path";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { Method } from "#api/gen/oaas-stream_pb.ts";
import {
  DataService,
  ListObjectsRequestSchema,
  ObjectMetaEnvelopeSchema,
  ObjectResponseSchema,
  SingleObjectRequestSchema,
} from "#api/gen/oprc-data_pb.ts";
import {
  InvocationResponseSchema,
  ObjectInvocationRequestSchema,
  OprcFunction,
} from "#api/gen/oprc-invoke_pb.ts";
import { AccessModifier } from "#api/gen/oprc-route_pb.ts";
import { GrpcCode } from "#workloads/core/rest/index.ts";
import type { GrpcClient } from "#workloads/platform/grpc/index.ts";
import { createGrpcClient, GrpcFailure } from "#workloads/platform/grpc/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import { waitUntil } from "#test/support/wait.ts";

import type { ScriptedMember } from "./support/member.ts";
import { refuse, startMember } from "./support/member.ts";
import type { GatewayProgram } from "./support/process.ts";
import { makeFolder, startGatewayProgram } from "./support/process.ts";
import { explicitClass, hashedClass, writeRoutes } from "./support/routes.ts";

const functions = [
  { name: "add", url: "http://127.0.0.1:9" },
  { name: "read", url: "http://127.0.0.1:9", immutable: true },
  { name: "inner", url: "http://127.0.0.1:9", access: AccessModifier.INTERNAL },
  { name: "own", url: "http://127.0.0.1:9", access: AccessModifier.PRIVATE },
];

function idInPartition(partition: number): string {
  for (let index = 0; ; index += 1) {
    const id = `object-${index}`;
    if (Number(xxh3(Buffer.from(id)) % 4096n) >> 11 === partition) return id;
  }
}

const inFirst = idInPartition(0);
const inSecond = idInPartition(1);

let folder: Awaited<ReturnType<typeof makeFolder>>;
let members: [ScriptedMember, ScriptedMember];
let gateway: GatewayProgram;
let data: GrpcClient<typeof DataService>;
let fn: GrpcClient<typeof OprcFunction>;
let routesFile: string;

const timeoutMs = 10_000;

async function errorOf(response: Response): Promise<{ code: string; message: string }> {
  const body = (await response.json()) as { error: { code: string; message: string } };
  return body.error;
}

async function failureOf(call: Promise<unknown>): Promise<GrpcFailure> {
  const failure: unknown = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (failure instanceof GrpcFailure) return failure;
  throw new Error(`the call should have failed, got ${String(failure)}`);
}

beforeAll(async () => {
  folder = await makeFolder();
  routesFile = join(folder.path, "routes.json");
  members = [await startMember({ service: "Link" }), await startMember({ service: "Link" })];
  const addresses = [members[0].address, members[1].address] as const;
  await writeRoutes(routesFile, [
    hashedClass("p.Hashed", addresses, { functions }),
    explicitClass("p.Explicit", addresses[0], { functions }),
    explicitClass("p.Off", addresses[0], { disabled: true }),
  ]);
  gateway = await startGatewayProgram(["--insecure", "--routes", routesFile]);
  data = createGrpcClient(DataService, { address: gateway.address });
  fn = createGrpcClient(OprcFunction, { address: gateway.address });
}, 30_000);

afterAll(async () => {
  data.close();
  fn.close();
  expect(await gateway.stop()).toBe(0);
  await Promise.all(members.map((member) => member.close()));
  await folder.remove();
}, 30_000);

beforeEach(() => {
  for (const member of members) (member.calls as unknown[]).length = 0;
});

afterEach(() => {
  for (const member of members) member.script = (_call, respond) => respond.ok([new Uint8Array(0)]);
});

describe("a Hashed class", () => {
  it("is reached without a partition, by the slot of the id", async () => {
    await fetch(`${gateway.url}/api/class/p.Hashed/objects/${inFirst}`, { method: "DELETE" });
    await fetch(`${gateway.url}/api/class/p.Hashed/objects/${inSecond}`, { method: "DELETE" });
    const partitions = members.map((member) =>
      member.calls.map((call) => fromBinary(SingleObjectRequestSchema, call.request).partitionId),
    );
    expect(partitions).toEqual([[0], [1]]);
    expect(members[1].calls[0]).toMatchObject({ method: Method.DELETE, generation: 1n });
  });

  it("takes a partition that agrees, and answers 409 naming the right one otherwise", async () => {
    const right = `${gateway.url}/api/class/p.Hashed/1/objects/${inSecond}`;
    expect((await fetch(right, { method: "DELETE" })).status).toBe(204);
    const wrong = await fetch(`${gateway.url}/api/class/p.Hashed/0/objects/${inSecond}`);
    expect(wrong.status).toBe(409);
    const error = await errorOf(wrong);
    expect(error.code).toBe("WRONG_PARTITION");
    expect(error.message).toContain("belongs to partition 1");
  });

  it("takes partition 0 of gRPC as not given, and refuses any other that disagrees", async () => {
    await data.delete(
      create(SingleObjectRequestSchema, { clsId: "p.Hashed", objectId: inSecond }),
      { timeoutMs },
    );
    expect(members[1].calls).toHaveLength(1);
    const request = { clsId: "p.Hashed", partitionId: 1, objectId: inFirst };
    const failure = await failureOf(
      data.delete(create(SingleObjectRequestSchema, request), { timeoutMs }),
    );
    expect([failure.status, failure.code]).toEqual([
      GrpcCode.failedPrecondition,
      "WRONG_PARTITION",
    ]);
  });

  it("turns to the new owner when a member says that the slot has moved", async () => {
    members[0].script = (_call, respond) => {
      const moved = { rightPartition: 1, generation: 1n };
      refuse(respond, GrpcCode.failedPrecondition, "WRONG_PARTITION", moved);
    };
    members[1].script = (call, respond) => respond.ok([call.request]);
    const url = `${gateway.url}/api/class/p.Hashed/objects/${inFirst}`;
    expect((await fetch(url, { method: "DELETE" })).status).toBe(204);
    expect(members[0].calls).toHaveLength(1);
    const [call] = members[1].calls;
    const request = fromBinary(SingleObjectRequestSchema, call?.request ?? new Uint8Array());
    expect(request).toMatchObject({ clsId: "p.Hashed", partitionId: 1, objectId: inFirst });
  });

  it("waits at the new owner while the slot is on its way", async () => {
    members[0].script = (_call, respond) => {
      refuse(respond, GrpcCode.failedPrecondition, "WRONG_PARTITION", { rightPartition: 1 });
    };
    members[1].script = (call, respond) => {
      if (members[1].calls.length > 5) respond.ok([call.request]);
      else refuse(respond, GrpcCode.unavailable, "SLOT_MOVING");
    };
    const url = `${gateway.url}/api/class/p.Hashed/objects/${inFirst}`;
    expect((await fetch(url, { method: "DELETE" })).status).toBe(204);
    expect(members[0].calls).toHaveLength(1);
  });

  it("gives up when members send it to and fro, or where it is", async () => {
    members.forEach((member, partition) => {
      member.script = (_call, respond) => {
        const moved = { rightPartition: 1 - partition, generation: 2n };
        refuse(respond, GrpcCode.failedPrecondition, "WRONG_PARTITION", moved);
      };
    });
    const url = `${gateway.url}/api/class/p.Hashed/objects/${inFirst}`;
    expect((await fetch(url, { method: "DELETE" })).status).toBe(409);
    expect(members.flatMap((member) => member.calls)).toHaveLength(5);
    members[0].script = (_call, respond) => {
      refuse(respond, GrpcCode.failedPrecondition, "WRONG_PARTITION", { rightPartition: 0 });
    };
    expect((await fetch(url, { method: "DELETE" })).status).toBe(409);
    expect(members[0].calls).toHaveLength(4);
  });

  it("asks one member for a page of all partitions, and gives its cursor on", async () => {
    const stored = ["a", "b", "c", "d", "e"];
    members[0].script = (call, respond) => {
      const request = fromBinary(ListObjectsRequestSchema, call.request);
      expect(request.partitionId).toBe(0);
      const after = Buffer.from(request.cursor ?? new Uint8Array()).toString();
      const rest = stored.filter((id) => id > after);
      const page = rest.slice(0, request.limit === 0 ? 100 : request.limit);
      const full = page.length === request.limit;
      respond.ok(
        page.map((objectId, index) =>
          toBinary(
            ObjectMetaEnvelopeSchema,
            create(ObjectMetaEnvelopeSchema, {
              objectId,
              version: 18_446_744_073_709_551_615n,
              ...(full && index === page.length - 1 ? { nextCursor: Buffer.from(objectId) } : {}),
            }),
          ),
        ),
      );
    };
    const pages: string[][] = [];
    let cursor = "";
    let text = "";
    do {
      const query = `limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`;
      const response = await fetch(`${gateway.url}/api/class/p.Hashed/objects?${query}`);
      text = await response.text();
      const page = JSON.parse(text) as { objects: { object_id: string }[]; next_cursor?: string };
      pages.push(page.objects.map((object) => object.object_id));
      cursor = page.next_cursor ?? "";
      expect(text).toContain('"version":18446744073709551615');
    } while (cursor !== "" && pages.length < 9);
    expect(pages).toEqual([["a", "b"], ["c", "d"], ["e"]]);
    expect(members[1].calls).toHaveLength(0);

    const listed: string[] = [];
    const request = create(ListObjectsRequestSchema, { clsId: "p.Hashed" });
    for await (const found of data.listObjects(request, { timeoutMs })) listed.push(found.objectId);
    expect(listed).toEqual(stored);
  });
});

describe("weak spot access modifiers", () => {
  it.each(["inner", "own"])(
    "a function that is not Public is not called from outside: %s",
    async (fnId) => {
      const path = `/api/class/p.Explicit/0/objects/a/invokes/${fnId}`;
      const response = await fetch(gateway.url + path, { method: "POST" });
      expect([response.status, (await errorOf(response)).code]).toEqual([403, "ACCESS_DENIED"]);
      const request = create(ObjectInvocationRequestSchema, {
        clsId: "p.Explicit",
        objectId: "a",
        fnId,
      });
      const failure = await failureOf(fn.invokeObj(request, { timeoutMs }));
      expect([failure.status, failure.code]).toEqual([GrpcCode.permissionDenied, "ACCESS_DENIED"]);
      expect(members.flatMap((member) => member.calls)).toHaveLength(0);
    },
  );
});

describe("refusals", () => {
  it.each([
    ["GET", "/api/class/p.None/0/objects/a", 404, "NO_CLASS"],
    ["GET", "/api/class/p.Off/0/objects/a", 503, "CLASS_DISABLED"],
    ["GET", "/api/class/p.Explicit/9/objects/a", 404, "NO_PARTITION"],
    ["GET", "/api/class/p.Explicit/objects/a", 400, "PARTITION_REQUIRED"],
    ["POST", "/api/class/p.Explicit/0/invokes/none", 404, "NO_FUNCTION"],
    ["POST", "/api/class/p.Explicit/0/invokes/inner", 403, "ACCESS_DENIED"],
    ["POST", "/api/class/p.Explicit/0/objects/a/invokes/own", 403, "ACCESS_DENIED"],
  ])("%s %s is %i %s", async (method, path, status, code) => {
    const response = await fetch(gateway.url + path, { method });
    expect(response.status).toBe(status);
    expect((await errorOf(response)).code).toBe(code);
    expect(members.flatMap((member) => member.calls)).toHaveLength(0);
  });

  it("are the same over gRPC, with the reason in a trailer", async () => {
    const request = { clsId: "p.Explicit", fnId: "own" };
    const failure = await failureOf(
      fn.invokeFn(
        {
          $typeName: "oprc.InvocationRequest",
          partitionId: 0,
          options: {},
          payload: new Uint8Array(),
          ...request,
        },
        { timeoutMs },
      ),
    );
    expect([failure.status, failure.code]).toEqual([GrpcCode.permissionDenied, "ACCESS_DENIED"]);
  });

  it.each([
    [GrpcCode.notFound, "NO_OBJECT", 404],
    [GrpcCode.unavailable, "STORE_EMPTY", 503],
    [GrpcCode.resourceExhausted, "STORAGE_FULL", 507],
    [GrpcCode.resourceExhausted, "RESOURCE_EXHAUSTED", 429],
    [GrpcCode.internal, "INTERNAL", 502],
    [GrpcCode.deadlineExceeded, "DEADLINE_EXCEEDED", 504],
  ])("a member's code %i %s is %i", async (code, reason, status) => {
    members[0].script = (_call, respond) => refuse(respond, code, reason);
    const response = await fetch(`${gateway.url}/api/class/p.Explicit/0/objects/a`);
    expect(response.status).toBe(status);
    const retry = response.headers.get("retry-after");
    expect(retry === null).toBe(status !== 503 && status !== 429);
  });
});

describe("a function's answer", () => {
  it("cannot break the response: what HTTP cannot carry is left out", async () => {
    members[0].script = (_call, respond) => {
      const response = create(InvocationResponseSchema, {
        payload: Buffer.from("fine"),
        invocationId: "a\r\nset-cookie: b",
        headers: { good: "1", "bad name": "2", bad: "a\r\nb", "content-type": "text/\u0000" },
      });
      respond.ok([toBinary(InvocationResponseSchema, response)]);
    };
    const url = `${gateway.url}/api/class/p.Explicit/0/objects/a/invokes/add`;
    const response = await fetch(url, { method: "POST" });
    expect([response.status, await response.text()]).toEqual([200, "fine"]);
    expect(response.headers.get("x-oprc-h-good")).toBe("1");
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(response.headers.get("x-oprc-invocation-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("that is no InvocationResponse is 502", async () => {
    members[0].script = (_call, respond) => respond.ok([Buffer.from([0x0a, 0x7f])]);
    const url = `${gateway.url}/api/class/p.Explicit/0/objects/a/invokes/add`;
    const response = await fetch(url, { method: "POST" });
    expect(response.status).toBe(502);
    expect((await errorOf(response)).code).toBe("DECODE_ERROR");
  });
});

describe("upstream defect 11: gateway retries never run", () => {
  it("tries again what was surely not carried out, also a write", async () => {
    members[0].script = (_call, respond) => {
      if (members[0].calls.length === 1) refuse(respond, GrpcCode.unavailable, "SHARD_NOT_READY");
      else respond.ok([new Uint8Array(0)]);
    };
    const url = `${gateway.url}/api/class/p.Explicit/0/objects/a`;
    const response = await fetch(url, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: '{"entries":{}}',
    });
    expect(response.status).toBe(200);
    expect(members[0].calls).toHaveLength(2);
  });

  it("stops after the configured attempts", async () => {
    members[0].script = (_call, respond) => refuse(respond, GrpcCode.unavailable, "STORE_EMPTY");
    const response = await fetch(`${gateway.url}/api/class/p.Explicit/0/objects/a`);
    expect(response.status).toBe(503);
    expect(members[0].calls).toHaveLength(3);
  });

  it("asks any member, which knows the other replicas, when the owner cannot take it", async () => {
    members[1].script = (_call, respond) =>
      refuse(respond, GrpcCode.unavailable, "SHARD_NOT_READY");
    const url = `${gateway.url}/api/class/p.Hashed/objects/${inSecond}`;
    expect((await fetch(url, { method: "DELETE" })).status).toBe(204);
    expect([members[1].calls.length, members[0].calls.length]).toEqual([1, 1]);
    const [taken] = members[0].calls;
    const request = fromBinary(SingleObjectRequestSchema, taken?.request ?? new Uint8Array(0));
    expect([request.objectId, request.partitionId]).toEqual([inSecond, 1]);
  });

  it("does not try again a write that may have been carried out", async () => {
    members[0].script = (_call, respond) => refuse(respond, GrpcCode.internal, "INTERNAL");
    const url = `${gateway.url}/api/class/p.Explicit/0/objects/a`;
    expect((await fetch(url, { method: "DELETE" })).status).toBe(502);
    expect(members[0].calls).toHaveLength(1);
  });
});

describe("time", () => {
  /** Long enough for a call to reach its member on a busy machine. */
  const TIMEOUT_MS = 1_000;

  it("x-oprc-timeout-ms ends a call with 504 and cancels it at the member", async () => {
    const cancelled = new Promise<void>((resolve) => {
      members[0].script = () => resolve;
    });
    const response = await fetch(`${gateway.url}/api/class/p.Explicit/0/objects/a`, {
      headers: { "x-oprc-timeout-ms": String(TIMEOUT_MS) },
    });
    expect(response.status).toBe(504);
    await cancelled;
    expect(members[0].calls[0]?.deadlineMs).toBeLessThanOrEqual(TIMEOUT_MS);
  });

  it("a gRPC deadline does the same", async () => {
    members[0].script = () => undefined;
    const request = create(SingleObjectRequestSchema, { clsId: "p.Explicit", objectId: "a" });
    const failure = await failureOf(data.get(request, { timeoutMs: TIMEOUT_MS }));
    expect(failure.status).toBe(GrpcCode.deadlineExceeded);
    expect(members[0].calls[0]?.deadlineMs).toBeLessThanOrEqual(TIMEOUT_MS);
  });

  it("a malformed timeout is refused", async () => {
    const response = await fetch(`${gateway.url}/api/class/p.Explicit/0/objects/a`, {
      headers: { "x-oprc-timeout-ms": "soon" },
    });
    expect(response.status).toBe(400);
  });

  it.each(["http1", "grpc"])("a caller that goes away cancels its call (%s)", async (protocol) => {
    let arrived: () => void = () => undefined;
    const here = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const cancelled = new Promise<void>((resolve) => {
      members[0].script = () => {
        arrived();
        return resolve;
      };
    });
    const abort = new AbortController();
    const call =
      protocol === "http1"
        ? fetch(`${gateway.url}/api/class/p.Explicit/0/objects/a`, { signal: abort.signal })
        : data.get(create(SingleObjectRequestSchema, { clsId: "p.Explicit", objectId: "a" }), {
            timeoutMs,
            signal: abort.signal,
          });
    const ended = call.then(
      () => "answered",
      () => "aborted",
    );
    await here;
    abort.abort();
    expect(await ended).toBe("aborted");
    await cancelled;
  });
});

describe("upstream defect 1: REST GET of an existing object is 404 and of a missing one 502", () => {
  it("sets metadata that the data service left out", async () => {
    members[0].script = (_call, respond) => {
      const object = create(ObjectResponseSchema, {
        obj: { entries: { k: { data: Buffer.from("v") } } },
        objectVersion: 3n,
      });
      respond.ok([toBinary(ObjectResponseSchema, object)]);
    };
    const response = await fetch(`${gateway.url}/api/class/p.Explicit/2/objects/a`, {
      headers: { accept: "application/json" },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("etag")).toBe('"3"');
    expect(await response.json()).toEqual({
      metadata: { cls_id: "p.Explicit", partition_id: 2, object_id: "a" },
      event: null,
      entries: { k: { data: "dg==", type: 0 } },
    });
  });
});

describe("the entity tag of an Mst object", () => {
  it("has the digest of its content, and a conditional write sends both on", async () => {
    const objectDigest = new Uint8Array(16).fill(0xab);
    members[0].script = (_call, respond) => {
      const object = create(ObjectResponseSchema, { obj: {}, objectVersion: 3n, objectDigest });
      respond.ok([toBinary(ObjectResponseSchema, object)]);
    };
    const url = `${gateway.url}/api/class/p.Explicit/2/objects/a`;
    const etag = (await fetch(url)).headers.get("etag") ?? "";
    expect(etag).toBe(`"3-${"ab".repeat(16)}"`);
    expect((await fetch(url, { headers: { "if-none-match": etag } })).status).toBe(304);
    const other = { "if-none-match": `"3-${"cd".repeat(16)}"` };
    expect((await fetch(url, { headers: other })).status).toBe(200);
    await fetch(url, { method: "DELETE", headers: { "if-match": etag } });
    const sent = members[0].calls.at(-1)?.request ?? new Uint8Array(0);
    const request = fromBinary(SingleObjectRequestSchema, sent);
    expect(request.expectedObjectVersion).toBe(3n);
    expect(Buffer.from(request.expectedObjectDigest ?? []).toString("hex")).toBe("ab".repeat(16));
  });
});

describe("the table", () => {
  it("follows the file while the gateway runs", async () => {
    const url = `${gateway.url}/api/class/p.Late/0/objects/a`;
    expect((await fetch(url, { method: "DELETE" })).status).toBe(404);
    await writeRoutes(routesFile, [
      hashedClass("p.Hashed", [members[0].address, members[1].address], { functions }),
      explicitClass("p.Explicit", members[0].address, { functions }),
      explicitClass("p.Late", members[1].address),
    ]);
    await waitUntil(async () => (await fetch(url, { method: "DELETE" })).status === 204, {
      what: "the class of the new file",
      deadlineMs: 10_000,
    });
    expect((await fetch(`${gateway.url}/api/class/p.Off/0/objects/a`)).status).toBe(404);
  });
});
