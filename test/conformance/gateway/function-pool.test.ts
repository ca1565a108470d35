// How calls of a stateless function spread over connections, which is what Kubernetes balances.
import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";

import { create, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { InvocationRequestSchema } from "#api/gen/oprc-invoke_pb.ts";
import { waitUntil } from "#test/support/wait.ts";
import type { FunctionPoolLimits } from "#workloads/gateway/calls/function-pool.ts";
import {
  FUNCTION_PATHS,
  FUNCTION_POOL_LIMITS,
  FunctionPool,
} from "#workloads/gateway/calls/function-pool.ts";
import { silentLogger } from "#workloads/platform/log/index.ts";
import type { FunctionServer } from "#workloads/sdk/index.ts";
import { serveFunctions } from "#workloads/sdk/index.ts";

let functions: FunctionServer;
let proxy: Server;
let pool: FunctionPool;
let open: Set<Socket>;
let accepted = 0;
let gates: (() => void)[] = [];

beforeEach(async () => {
  accepted = 0;
  gates = [];
  open = new Set();
  const held = (): Promise<object> =>
    new Promise((resolve) => {
      gates.push(() => resolve({}));
    });
  functions = await serveFunctions({ held }, { host: "127.0.0.1", port: 0, log: silentLogger });
  proxy = createServer((socket) => {
    accepted += 1;
    open.add(socket);
    const inner = connect(functions.port, "127.0.0.1");
    socket.pipe(inner).pipe(socket);
    const end = (): void => {
      open.delete(socket);
      socket.destroy();
      inner.destroy();
    };
    for (const each of [socket, inner]) each.on("error", end).on("close", end);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", () => resolve()));
});

afterEach(async () => {
  pool.close();
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => proxy.close(resolve));
  await functions.close(0);
});

function start(limits: Partial<FunctionPoolLimits>): void {
  pool = new FunctionPool({ ...FUNCTION_POOL_LIMITS, ...limits });
}

const request = toBinary(
  InvocationRequestSchema,
  create(InvocationRequestSchema, { clsId: "c", fnId: "held" }),
);

function call(): Promise<string> {
  const { port } = proxy.address() as AddressInfo;
  return new Promise((resolve) => {
    pool.call(
      {
        url: `http://127.0.0.1:${port}`,
        path: FUNCTION_PATHS.invokeFn,
        request,
        timeoutMs: 20_000,
      },
      { done: () => resolve("done"), fail: ({ fault }) => resolve(fault.reason) },
    );
  });
}

function arrived(count: number): Promise<unknown> {
  return waitUntil(() => gates.length === count, { what: `${count} calls`, deadlineMs: 10_000 });
}

describe("FunctionPool", () => {
  it("spreads calls over several connections, and no more than its limit", async () => {
    start({ connectionsMax: 3 });
    const calls = Array.from({ length: 9 }, call);
    await arrived(9);
    expect(accepted).toBe(3);
    for (const gate of gates) gate();
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 9 }, () => "done"));
  });

  it("keeps to one connection while one call at a time is made", async () => {
    start({});
    for (let count = 1; count <= 3; count += 1) {
      const one = call();
      await arrived(count);
      gates[count - 1]?.();
      expect(await one).toBe("done");
    }
    expect(accepted).toBe(1);
  });

  it("turns to new connections with age, and cuts no call for it", async () => {
    start({ ageMaxMs: 1 });
    const first = call();
    await arrived(1);
    const second = call();
    await arrived(2);
    expect(accepted).toBe(2);
    gates[1]?.();
    gates[0]?.();
    expect(await Promise.all([first, second])).toEqual(["done", "done"]);
    const third = call();
    await arrived(3);
    gates[2]?.();
    expect(await third).toBe("done");
    await waitUntil(() => open.size <= 1, { what: "old connections closing", deadlineMs: 10_000 });
  });

  it("refuses calls over its limit instead of queueing them", async () => {
    start({ callsMax: 1 });
    const first = call();
    await arrived(1);
    expect(await call()).toBe("OVERLOADED");
    gates[0]?.();
    expect(await first).toBe("done");
  });
});
