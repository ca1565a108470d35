// Exactly once on a Basic partition of a real process (design 5b): requests with an idempotency key,
// and exclusive calls with their tokens.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { sendUnaryData, ServerUnaryCall } from "@grpc/grpc-js";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";

import type { ObjectInvocationRequest, InvocationResponse } from "#api/gen/oprc-invoke_pb.ts";
import { OprcFunction, ResponseStatus } from "#api/gen/oprc-invoke_pb.ts";
import type { GrpcClient } from "#workloads/platform/index.ts";
import { createGrpcClient, messageDefinition } from "#workloads/platform/index.ts";

import { DataClient, failureOf, values } from "./data-client.ts";
import { COLLECTION, Grid, options } from "./members.ts";
import { clearAll } from "./odgm-process.ts";

let grid: Grid;
let client: DataClient;
let invoker: GrpcClient<typeof OprcFunction>;
let functionServer: Server;

/** A call of the function that has begun; it ends when the test says so. */
interface Begun {
  readonly payload: string;
  readonly token: string;
  answer(): void;
}

const begun: Begun[] = [];
let wake: (() => void) | undefined;

async function whenBegun(count: number): Promise<Begun> {
  for (;;) {
    const call = begun[count - 1];
    if (call !== undefined) return call;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

async function startFunction(): Promise<string> {
  functionServer = new Server();
  const answer = (
    call: ServerUnaryCall<ObjectInvocationRequest, Partial<InvocationResponse>>,
    done: sendUnaryData<Partial<InvocationResponse>>,
  ): void => {
    const { payload } = call.request;
    begun.push({
      payload: Buffer.from(payload).toString(),
      token: String(call.metadata.get("x-oprc-exclusive")[0] ?? ""),
      answer: () => {
        const response = { payload, status: ResponseStatus.OKAY, headers: {}, invocationId: "" };
        done(null, { $typeName: "oprc.InvocationResponse", ...response });
      },
    });
    wake?.();
  };
  functionServer.addService(messageDefinition(OprcFunction), { invokeObj: answer });
  return new Promise((resolve, reject) => {
    functionServer.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(`http://127.0.0.1:${port}`);
      else reject(error);
    });
  });
}

function connect(): void {
  const address = grid.pods[0]?.odgm.at("grpc") ?? "";
  client = new DataClient(address, COLLECTION);
  invoker = createGrpcClient(OprcFunction, { address });
}

function disconnect(): void {
  client.close();
  invoker.close();
}

/** SIGKILL and a new process on the same folder. */
async function restart(): Promise<void> {
  disconnect();
  grid.pods[0]?.odgm.kill("SIGKILL");
  await grid.pods[0]?.odgm.ended;
  await grid.start(0);
  connect();
}

beforeAll(async () => {
  const url = await startFunction();
  grid = await Grid.make();
  await grid.start(0);
  await grid.format();
  const alone = { name: "alone", url, concurrency: "Exclusive" };
  const brief = { ...alone, name: "brief", timeoutMs: 150 };
  await grid.rollOut(0n, grid.spec(1, { functions: [alone, brief] }));
  connect();
});

afterAll(async () => {
  disconnect();
  grid.close();
  functionServer.forceShutdown();
  await clearAll();
});

function keyed(key: string) {
  return { ...options, headers: { "idempotency-key": key } };
}

/** A write that holds only if the object has this version. */
function guarded(objectId: string, text: string, expected: number) {
  return {
    ...client.to(objectId),
    values: values({ k: text }),
    deleteKeys: [],
    expectedObjectVersion: BigInt(expected),
  };
}

describe("a request with an idempotency key", () => {
  it("is carried out once and has one answer, over a crash, too", async () => {
    await client.set("order", { k: "zero" });
    const version = await client.version("order");
    const once = { ...client.to("order"), key: "k", value: { data: Buffer.from("once") } };
    await client.raw.setValue(once, keyed("o-2"));
    await client.setValue("order", "k", "later");
    await client.raw.setValue(once, keyed("o-2"));
    expect(await client.value("order", "k")).toMatchObject({
      value: "later",
      version: (version ?? 0n) + 2n,
    });
    await restart();
    await client.raw.setValue(once, keyed("o-2"));
    expect(await client.value("order", "k")).toMatchObject({
      value: "later",
      version: (version ?? 0n) + 2n,
    });
  });

  it("keeps the answer that it had, a refusal and an object as well", async () => {
    await client.set("answer", { k: "first" });
    const refused = guarded("answer", "x", 9);
    const failure = await failureOf(client.raw.batchSetValues(refused, keyed("a-1")));
    expect(failure).toMatchObject({ status: status.ABORTED, code: "VERSION_MISMATCH" });
    const merge = { ...client.to("answer"), object: { entries: values({ k: "merged" }) } };
    const before = await client.raw.merge(merge, keyed("a-2"));
    await client.set("answer", { k: "second" });
    const again = await failureOf(client.raw.batchSetValues(refused, keyed("a-1")));
    expect(again.message).toBe(failure.message);
    expect(await client.raw.merge(merge, keyed("a-2"))).toEqual(before);
    expect(await client.get("answer")).toEqual({ k: "second" });
  });

  it("is told apart from another one under the same key, which is not carried out", async () => {
    const write = (text: string) => {
      return { ...client.to("apart"), object: { entries: values({ k: text }) } };
    };
    await client.raw.set(write("one"), keyed("p-1"));
    const failure = await failureOf(client.raw.set(write("two"), keyed("p-1")));
    expect(failure).toMatchObject({ status: status.FAILED_PRECONDITION, code: "KEY_REUSED" });
    expect(failure.message).toMatch(/"p-1" came with another request before/);
    expect(await client.get("apart")).toEqual({ k: "one" });
  });

  it("that comes many times at once is carried out once", async () => {
    const write = { ...client.to("many"), key: "k", value: { data: Buffer.from("v") } };
    await Promise.all(Array.from({ length: 20 }, () => client.raw.setValue(write, keyed("m-1"))));
    expect(await client.version("many")).toBe(1n);
  });

  it("is refused where its answer would not be kept", async () => {
    const call = { clsId: COLLECTION, fnId: "alone", objectId: "x", payload: Buffer.from("p") };
    const failure = await failureOf(invoker.invokeObj(call, keyed("f-1")));
    expect(failure).toMatchObject({ status: status.UNIMPLEMENTED, code: "UNSUPPORTED" });
    expect(
      await failureOf(client.raw.set({ ...client.to("x"), object: {} }, keyed("a b"))),
    ).toMatchObject({ status: status.INVALID_ARGUMENT, code: "INVALID_IDEMPOTENCY_KEY" });
  });
});

describe("exclusive calls of one object", () => {
  const invoke = (fnId: string, objectId: string, text: string) =>
    invoker.invokeObj({ clsId: COLLECTION, fnId, objectId, payload: Buffer.from(text) }, options);

  /** What a function writes with the token that it was given. */
  const write = (objectId: string, text: string, token: string) =>
    client.raw.setValue(
      { ...client.to(objectId), key: "k", value: { data: Buffer.from(text) } },
      { ...options, headers: { "x-oprc-exclusive": token } },
    );

  it("come one after the other, those of other objects do not wait", async () => {
    begun.length = 0;
    const first = invoke("alone", "cart", "first");
    await whenBegun(1);
    const second = invoke("alone", "cart", "second");
    const other = invoke("alone", "basket", "other");
    expect((await whenBegun(2)).payload).toBe("other");
    begun[1]?.answer();
    await other;
    expect(begun.length).toBe(2);
    begun[0]?.answer();
    await first;
    expect((await whenBegun(3)).payload).toBe("second");
    begun[2]?.answer();
    await second;
  });

  it("that were given up cannot write to the object once a later call has begun", async () => {
    begun.length = 0;
    expect(await failureOf(invoke("brief", "fenced", "old"))).toMatchObject({
      status: status.DEADLINE_EXCEEDED,
    });
    const old = await whenBegun(1);
    await write("fenced", "still mine", old.token);
    const call = invoke("alone", "fenced", "new");
    const { token, answer } = await whenBegun(2);
    expect(await failureOf(write("fenced", "stale", old.token))).toMatchObject({
      status: status.ABORTED,
      code: "TOKEN_STALE",
    });
    await write("fenced", "newest", token);
    await write("elsewhere", "not its object", old.token);
    expect(await client.get("fenced")).toEqual({ k: "newest" });
    expect(await client.get("elsewhere")).toEqual({ k: "not its object" });
    answer();
    await call;
  });

  it("of before a crash cannot write after it", async () => {
    begun.length = 0;
    const call = invoke("alone", "crashed", "old").catch((cause: unknown) => cause);
    const { token } = await whenBegun(1);
    await write("crashed", "before", token);
    await restart();
    await call;
    expect(await failureOf(write("crashed", "after", token))).toMatchObject({
      code: "TOKEN_STALE",
    });
    expect(await client.get("crashed")).toEqual({ k: "before" });
  });

  it("are refused where there is no object to be alone with", async () => {
    const call = invoker.invokeFn({ clsId: COLLECTION, fnId: "alone" }, options);
    expect(await failureOf(call)).toMatchObject({ code: "UNSUPPORTED" });
  });
});
