// Two members of a hashed collection with mutual TLS: life of a store, generations, forwarding,
// functions, and who is let in.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { create, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import type { sendUnaryData, ServerUnaryCall } from "@grpc/grpc-js";

import { CollectionSpecSchema, StoreState } from "#api/gen/oaas-admin_pb.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import { SingleObjectRequestSchema } from "#api/gen/oprc-data_pb.ts";
import type { InvocationRequest, InvocationResponse } from "#api/gen/oprc-invoke_pb.ts";
import { OprcFunction, ResponseStatus } from "#api/gen/oprc-invoke_pb.ts";
import { slotOf } from "#workloads/core/slots/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";
import type { TlsFolder } from "#workloads/platform/index.ts";
import {
  createGrpcClient,
  messageDefinition,
  silentLogger,
  StreamClient,
} from "#workloads/platform/index.ts";

import { waitUntil } from "#test/support/wait.ts";

import { makeAuthority, writeLeaf } from "./certificates.ts";
import { DataClient, failureOf } from "./data-client.ts";
import { COLLECTION, GATEWAY, Grid, MEMBER, OPERATOR, options } from "./members.ts";
import { clearAll, launch, stopOdgm } from "./odgm-process.ts";

const PARTITIONS = 4;
let grid: Grid;
let functionServer: Server;
let functionUrl: string;

/** The partition that owns an id. */
function owner(id: string): number {
  return Math.floor((slotOf(xxh3, id) * PARTITIONS) / 4096);
}

/** An id that this member owns. */
function idOf(ordinal: number, prefix = "id"): string {
  for (let at = 0; ; at += 1) {
    if (owner(`${prefix}-${at}`) % 2 === ordinal) return `${prefix}-${at}`;
  }
}

const pod = (ordinal: number) => grid.pod(ordinal);

async function startFunction(): Promise<void> {
  functionServer = new Server();
  const answer = (
    call: ServerUnaryCall<InvocationRequest, Partial<InvocationResponse>>,
    done: sendUnaryData<Partial<InvocationResponse>>,
  ): void => {
    const { fnId, payload, clsId } = call.request;
    if (fnId === "fail") {
      done({ code: status.OUT_OF_RANGE, details: "as the function says" });
      return;
    }
    if (fnId === "slow") return;
    const headers = { cls: clsId };
    done(null, {
      $typeName: "oprc.InvocationResponse",
      payload,
      status: ResponseStatus.OKAY,
      headers,
      invocationId: "",
    });
  };
  functionServer.addService(messageDefinition(OprcFunction), {
    invokeFn: answer,
    invokeObj: answer,
  });
  functionUrl = await new Promise((resolve, reject) => {
    functionServer.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(`http://127.0.0.1:${port}`);
      else reject(error);
    });
  });
}

beforeAll(async () => {
  await startFunction();
  grid = await Grid.make();
  await grid.start(0);
  await grid.start(1);
});

afterAll(async () => {
  grid.close();
  functionServer.forceShutdown();
  await clearAll();
});

describe("an empty store", () => {
  it("serves nothing but the admin service", async () => {
    const client = new DataClient(pod(0).odgm.at("grpc"), COLLECTION);
    const failure = await failureOf(client.set("a", {}));
    expect(failure).toMatchObject({ status: status.UNAVAILABLE, code: "STORE_EMPTY" });
    client.close();
    const state = await pod(0).admin.getStatus({}, options);
    expect(state).toMatchObject({ storeState: StoreState.EMPTY, incarnation: "", generation: 0n });
    const spec = create(CollectionSpecSchema, { ...grid.spec(PARTITIONS), generation: 1n });
    expect(await failureOf(pod(0).admin.apply({ spec }, options))).toMatchObject({
      code: "STORE_EMPTY",
    });
  });

  it("is ready for its probes all the same", async () => {
    const response = await fetch(`http://${pod(0).odgm.at("health")}/readyz`);
    expect(response.status).toBe(200);
  });

  it("is formatted once and answers its incarnation again", async () => {
    const [first, other] = await grid.format();
    expect(first).toMatch(/^[0-9a-f-]{36}$/);
    expect(other).not.toBe(first);
    expect(await grid.format()).toEqual([first, other]);
    const again = { collection: COLLECTION, ordinal: 0, identity: "identity-2" };
    expect(await failureOf(pod(0).admin.format(again, options))).toMatchObject({
      status: status.FAILED_PRECONDITION,
      code: "STORE_FORMATTED",
    });
    const wrong = { collection: COLLECTION, ordinal: 1, identity: "identity-1" };
    expect(await failureOf(pod(0).admin.format(wrong, options))).toMatchObject({
      code: "WRONG_MEMBER",
    });
    const client = new DataClient(pod(0).odgm.at("grpc"), COLLECTION);
    expect(await failureOf(client.set("a", {}))).toMatchObject({ code: "NO_GENERATION" });
    client.close();
  });
});

describe("generations", () => {
  it("are made by the voter, in order, and the same content makes none", async () => {
    const wanted = grid.spec(PARTITIONS);
    const stranger = { expectedGeneration: 0n, wanted };
    expect(await failureOf(pod(1).admin.propose(stranger, options))).toMatchObject({
      code: "NOT_META_VOTER",
    });
    const early = { expectedGeneration: 5n, wanted };
    expect(await failureOf(pod(0).admin.propose(early, options))).toMatchObject({
      status: status.FAILED_PRECONDITION,
      code: "GENERATION_CONFLICT",
    });
    expect(await grid.rollOut(0n, wanted)).toBe(1n);
    const same = await pod(0).admin.propose({ expectedGeneration: 0n, wanted }, options);
    expect(same.generation).toBe(1n);
  });

  it("are served, with state and digest", async () => {
    const [zero, one] = await Promise.all(
      grid.pods.map(({ admin }) => admin.getStatus({}, options)),
    );
    expect(zero).toMatchObject({ generation: 1n, metaGeneration: 1n });
    expect(one).toMatchObject({ generation: 1n, metaGeneration: 0n });
    expect(zero?.contentDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(one?.contentDigest).toBe(zero?.contentDigest);
    expect(zero?.shards.map((shard) => shard.partition)).toEqual([0, 2]);
    expect(one?.shards.map((shard) => shard.partition)).toEqual([1, 3]);
    expect(zero?.capacityBytes).toBeGreaterThan(0n);
  });

  const refused: readonly { name: string; more: object; want: object }[] = [
    { name: "another shard type", more: { shardType: "Paxos" }, want: { code: "UNSUPPORTED" } },
    { name: "another hash", more: { hashVersion: 2 }, want: { code: "UNSUPPORTED" } },
    {
      name: "a partition that moves",
      more: {
        partitions: [0, 1, 2, 3].map((partition) => ({ partition, members: [1n] })),
      },
      want: { code: "UNSUPPORTED" },
    },
    {
      name: "slots that go without a move",
      more: { slots: [{ first: 0, last: 4095, partition: 0 }] },
      want: { code: "INVALID_SPEC" },
    },
    { name: "slots with a gap", more: { slots: [] }, want: { code: "INVALID_SPEC" } },
    { name: "no members", more: { members: [] }, want: { code: "INVALID_SPEC" } },
  ];
  it.each(refused)("are refused with $name", async ({ more, want }) => {
    const wanted = grid.spec(PARTITIONS, more);
    const failure = await failureOf(
      pod(0).admin.propose({ expectedGeneration: 1n, wanted }, options),
    );
    expect(failure).toMatchObject(want);
  });

  it("of another incarnation are not applied", async () => {
    const spec = create(CollectionSpecSchema, { ...grid.spec(PARTITIONS), generation: 9n });
    for (const member of spec.members) member.incarnation = "somebody else";
    expect(await failureOf(pod(1).admin.apply({ spec }, options))).toMatchObject({
      code: "INCARNATION_MISMATCH",
    });
  });

  it("change functions while running, and an older one is not gone back to", async () => {
    const functions = ["echo", "fail", "slow"].map((name) => ({ name, url: functionUrl }));
    const wanted = grid.spec(PARTITIONS, { functions });
    expect(await grid.rollOut(1n, wanted)).toBe(2n);
    const old = create(CollectionSpecSchema, { ...grid.spec(PARTITIONS), generation: 1n });
    expect((await pod(0).admin.apply({ spec: old }, options)).generation).toBe(2n);
    const client = createGrpcClient(OprcFunction, { address: pod(1).odgm.at("grpc") });
    const payload = Buffer.from("hello");
    const echoed = await client.invokeFn({ clsId: COLLECTION, fnId: "echo", payload }, options);
    expect(Buffer.from(echoed.payload ?? []).toString()).toBe("hello");
    client.close();
  });

  it("are told by WatchStatus", async () => {
    const abort = new AbortController();
    const seen: bigint[] = [];
    const watch = pod(1).admin.watchStatus({}, { ...options, signal: abort.signal });
    for await (const state of watch) {
      seen.push(state.generation);
      if (seen.length === 2) break;
      const functions = ["echo", "fail", "slow", "more"].map((name) => ({
        name,
        url: functionUrl,
      }));
      await grid.rollOut(2n, grid.spec(PARTITIONS, { functions }));
    }
    abort.abort();
    expect(seen).toEqual([2n, 3n]);
  });
});

describe("every member", () => {
  it("answers for every partition", async () => {
    const [zero, one] = grid.pods.map(({ odgm }) => new DataClient(odgm.at("grpc"), COLLECTION));
    if (zero === undefined || one === undefined) throw new Error("two members");
    for (const id of [idOf(0), idOf(1)]) {
      await zero.set(id, { from: "zero" });
      expect(await one.get(id)).toEqual({ from: "zero" });
      await one.merge(id, { and: "one" });
      expect(await zero.listValues(id)).toHaveLength(2);
      expect(await failureOf(zero.batch(id, { x: "1" }, { expected: 9 }))).toMatchObject({
        status: status.ABORTED,
        code: "VERSION_MISMATCH",
      });
      expect(await one.listValues(`none-${id}`)).toEqual([]);
    }
    expect(await one.counts()).toEqual(await zero.counts());
    zero.close();
    one.close();
  });

  it("lists all partitions in one order, page by page", async () => {
    const client = new DataClient(pod(1).odgm.at("grpc"), COLLECTION);
    const ids = Array.from({ length: 25 }, (_, at) => `list-${String(at).padStart(2, "0")}`);
    await Promise.all(ids.map((id) => client.set(id, {})));
    const seen: string[] = [];
    let cursor: Uint8Array | undefined;
    do {
      const at = cursor === undefined ? {} : { cursor };
      const page = await client.listObjects({ objectIdPrefix: "list-", limit: 7, ...at });
      seen.push(...page.map((item) => item.name));
      cursor = page.at(-1)?.cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(ids);
    client.close();
  });

  it("refuses a partition that disagrees and names the right one", async () => {
    const id = idOf(0, "wrong");
    const right = owner(id);
    const wrong = new DataClient(pod(1).odgm.at("grpc"), COLLECTION, right === 1 ? 3 : 1);
    const failure = await failureOf(wrong.set(id, {}));
    expect(failure).toMatchObject({
      status: status.FAILED_PRECONDITION,
      code: "WRONG_PARTITION",
      rightPartition: right,
      generation: 3n,
    });
    const given = new DataClient(pod(1).odgm.at("grpc"), COLLECTION, right);
    if (right !== 0) await given.set(id, {});
    wrong.close();
    given.close();
  });

  it("never hands a call on that was handed on before", async () => {
    const link = await linkAs(await grid.tls(GATEWAY));
    const id = idOf(1, "forwarded");
    const request = toBinary(
      SingleObjectRequestSchema,
      create(SingleObjectRequestSchema, { clsId: COLLECTION, objectId: id }),
    );
    const call = { method: Method.DELETE, request, timeoutMs: 5000 };
    await expect(link.request(call)).resolves.toEqual([Buffer.alloc(0)]);
    const failure = await failureOf(link.request({ ...call, forwarded: true }));
    expect(failure).toMatchObject({ code: "WRONG_PARTITION", rightPartition: owner(id) });
    link.close();
  });
});

describe("a function", () => {
  it("is called by the owner of the object, and its own status is passed through", async () => {
    const client = createGrpcClient(OprcFunction, { address: pod(0).odgm.at("grpc") });
    const payload = Buffer.from("p");
    for (const objectId of [idOf(0), idOf(1)]) {
      const request = { clsId: COLLECTION, fnId: "echo", objectId, payload };
      const response = await client.invokeObj(request, options);
      expect(response.headers).toEqual({ cls: COLLECTION });
      const failure = await failureOf(client.invokeObj({ ...request, fnId: "fail" }, options));
      expect(failure).toMatchObject({
        status: status.OUT_OF_RANGE,
        code: "FUNCTION_STATUS",
        message: "as the function says",
      });
    }
    client.close();
  });

  it("that is unknown, gone or slow is told apart", async () => {
    const client = createGrpcClient(OprcFunction, { address: pod(0).odgm.at("grpc") });
    const request = { clsId: COLLECTION, payload: new Uint8Array() };
    expect(await failureOf(client.invokeFn({ ...request, fnId: "none" }, options))).toMatchObject({
      status: status.NOT_FOUND,
      code: "NO_FUNCTION",
    });
    const functions = [
      { name: "gone", url: "http://127.0.0.1:1" },
      { name: "slow", url: functionUrl, timeoutMs: 50 },
      { name: "off", url: functionUrl, disabled: true },
      { name: "alone", url: functionUrl, concurrency: "Exclusive" },
    ];
    await grid.rollOut(3n, grid.spec(PARTITIONS, { functions }));
    const want: readonly [string, object][] = [
      ["gone", { status: status.UNAVAILABLE, code: "FUNCTION_UNAVAILABLE" }],
      ["slow", { status: status.DEADLINE_EXCEEDED }],
      ["off", { status: status.FAILED_PRECONDITION, code: "FUNCTION_DISABLED" }],
      ["alone", { status: status.UNIMPLEMENTED, code: "UNSUPPORTED" }],
    ];
    for (const [fnId, failure] of want) {
      const call = client.invokeFn({ ...request, fnId }, options);
      expect(await failureOf(call)).toMatchObject(failure);
    }
    client.close();
  });
});

async function linkAs(folder: TlsFolder, serverIdentity = MEMBER): Promise<StreamClient> {
  const target = { address: pod(0).odgm.at("link"), tls: { folder, serverIdentity } };
  return new StreamClient({ service: "Link", target, log: silentLogger });
}

const stats = { method: Method.STATS, request: new Uint8Array(), timeoutMs: 5000 };

describe("weak spot authn/z: who is let in between parts", () => {
  it("on the link: the gateway and members, not the operator or a stranger", async () => {
    for (const uri of [GATEWAY, MEMBER]) {
      const link = await linkAs(await grid.tls(uri));
      expect(await link.request(stats)).toHaveLength(1);
      link.close();
    }
    const strangers = [await grid.tls(OPERATOR), await grid.stranger("spiffe://c/ns/x/odgm/cart")];
    for (const folder of strangers) {
      const link = await linkAs(folder);
      expect((await failureOf(link.request(stats))).message).toMatch(/is not admitted here/);
      link.close();
    }
  });

  it("on the admin port: only the operator", async () => {
    for (const uri of [GATEWAY, MEMBER]) {
      const admin = await grid.adminAt(pod(0).odgm.at("admin"), await grid.tls(uri));
      expect(await failureOf(admin.getStatus({}, options))).toMatchObject({
        status: status.PERMISSION_DENIED,
        code: "PEER_NOT_ADMITTED",
      });
    }
  });

  it("not with a certificate of another authority, and not to a server of another name", async () => {
    const other = await grid.stranger(OPERATOR, await makeAuthority("other"));
    const admin = await grid.adminAt(pod(0).odgm.at("admin"), other);
    expect(await failureOf(admin.getStatus({}, options))).toMatchObject({
      status: status.UNAVAILABLE,
    });
    const link = await linkAs(await grid.tls(GATEWAY), "spiffe://c/ns/shop/odgm/other");
    expect((await failureOf(link.request(stats))).message).toMatch(/server is not spiffe/);
    link.close();
  });
});

describe("a member that comes back", () => {
  it("serves its last generation without the operator, and links are made again", async () => {
    const id = idOf(1, "back");
    const zero = new DataClient(pod(0).odgm.at("grpc"), COLLECTION);
    await zero.set(id, { kept: "yes" });
    const linkPort = pod(1).odgm.ports.link;
    expect(await stopOdgm(pod(1).odgm)).toMatchObject({ code: 0 });
    expect(await failureOf(zero.set(id, { lost: "yes" }))).toMatchObject({
      status: status.UNAVAILABLE,
    });
    await grid.start(1, ["--link-listen", `127.0.0.1:${linkPort}`]);
    const one = new DataClient(pod(1).odgm.at("grpc"), COLLECTION);
    expect(await one.get(id)).toEqual({ kept: "yes" });
    const state = await pod(1).admin.getStatus({}, options);
    expect(state).toMatchObject({ storeState: StoreState.READY, generation: 4n });
    const what = "the link of member 0 to be made again";
    const seen = await waitUntil(() => zero.get(id), { what, deadlineMs: 20_000 });
    expect(seen).toEqual({ kept: "yes" });
    zero.close();
    one.close();
  });

  it("with a store of another member or a newer format says so and serves nothing", async () => {
    const { dataDir } = pod(1);
    await stopOdgm(pod(1).odgm);
    const foreign = await grid.start(1, ["--ordinal", "5"]);
    const state = await foreign.admin.getStatus({}, options);
    expect(state.storeState).toBe(StoreState.FOREIGN);
    expect(state.storeMessage).toMatch(/formatted for shop\.Cart ordinal 1, not for .* ordinal 5/);
    await stopOdgm(foreign.odgm);
    writeFileSync(join(dataDir, "format.json"), JSON.stringify({ formatVersion: 3 }));
    const newer = await grid.start(1);
    const refused = await newer.admin.getStatus({}, options);
    expect(refused.storeState).toBe(StoreState.REFUSED);
    expect(refused.storeMessage).toMatch(/format version 3; this program knows up to 2/);
    const client = new DataClient(newer.odgm.at("grpc"), COLLECTION);
    expect(await failureOf(client.get("a"))).toMatchObject({ code: "STORE_REFUSED" });
    client.close();
  });

  it("never shares its folder with another process", async () => {
    const second = launch({ args: grid.args(0, pod(0).dataDir) });
    expect(await second.ended).toMatchObject({ code: 3 });
    expect(second.log()).toMatch(/in use by another process/);
  });
});

describe("certificates", () => {
  it("are renewed without a restart, through a change of authority", async () => {
    const next = await makeAuthority("next");
    const folder = grid.tlsDir(MEMBER);
    await writeLeaf(folder, { uri: MEMBER, by: next, trusted: [next] });
    const gateway = await grid.stranger(GATEWAY, next);
    await writeLeaf(grid.tlsDir(GATEWAY), { uri: GATEWAY, by: next, trusted: [next] });
    await gateway.refresh();
    const renewed = await grid.tls(GATEWAY);
    const isRenewed = (): boolean => pod(0).odgm.log().includes("certificates renewed");
    await waitUntil(isRenewed, { what: "the renewal of certificates", deadlineMs: 30_000 });
    const link = await linkAs(renewed);
    expect(await link.request({ ...stats, forwarded: true })).toHaveLength(1);
    link.close();
  });
});
