// The client against a scripted target: the scenarios of reference/rawstor.md A.8 for "another
// client". Where ours differs on purpose the name says so: a refusal is an answer, not a reason to
// connect again.
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import { afterEach, describe, expect, it } from "@jest/globals";

import type { ObjectId, OstRequest, OstResponse } from "#workloads/core/ost/index.ts";
import { encodeResponse, RequestDecoder } from "#workloads/core/ost/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";
import { OstClient } from "#workloads/rawstor/index.ts";

const id = "0190aaaa-bbbb-7ccc-8ddd-000000000001" as ObjectId;
const garbage = Buffer.from("7374727300000000000000000000000000000000", "hex");

/** What the target does with a request: bytes, silence, or the end of the connection. */
type Reaction = Uint8Array | "silence" | "close";

const servers: Server[] = [];
const sockets = new Set<Socket>();
const clients: OstClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) {
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Answers `request` on connection number `connection` (from 1). */
type Script = (request: OstRequest, connection: number) => Reaction;

async function scripted(
  script: Script,
  options: { readonly attempts?: number; readonly requestMs?: number } = {},
) {
  const seen: string[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    const connection = connections;
    sockets.add(socket);
    socket.on("error", () => undefined);
    const decoder = new RequestDecoder();
    socket.on("data", (chunk: Buffer) => {
      for (const request of decoder.push(chunk).frames) {
        seen.push(`${String(connection)} ${request.command}`);
        const reaction = script(request, connection);
        if (reaction === "close") socket.destroy();
        else if (reaction !== "silence") socket.write(reaction);
      }
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new OstClient({
    address: { host: "127.0.0.1", port: (server.address() as AddressInfo).port },
    retry: { attempts: options.attempts ?? 3, delayMinMs: 1, delayMaxMs: 2 },
    timeouts: { requestMs: options.requestMs ?? 5000 },
  });
  clients.push(client);
  return { client, seen };
}

function answer(request: OstRequest, result: number, more: Partial<OstResponse> = {}): Uint8Array {
  const { command, cid } = request;
  return encodeResponse({ command, cid, result, hash: 0n, ...more });
}

/** Binds, and reacts to everything else as told. */
const after =
  (script: Script): Script =>
  (request, connection) =>
    request.command === "set-object" ? answer(request, 0) : script(request, connection);

describe("opening", () => {
  it.each([
    { name: "a wrong magic on SET_OBJECT", reaction: garbage, code: "RAWSTOR_PROTOCOL" },
    { name: "a connection that closes", reaction: "close" as const, code: "RAWSTOR_UNREACHABLE" },
  ])("fails after three times $name", async ({ reaction, code }) => {
    const { client, seen } = await scripted(() => reaction);
    await expect(client.open(id)).rejects.toMatchObject({ code });
    expect(seen).toEqual(["1 set-object", "2 set-object", "3 set-object"]);
  });

  it("tells at once that an object is missing (upstream tries three times)", async () => {
    const { client, seen } = await scripted((request) => answer(request, -2));
    expect(await client.open(id)).toBeUndefined();
    expect(seen).toEqual(["1 set-object"]);
  });

  it("fails when nobody listens", async () => {
    const { client } = await scripted(() => "silence");
    const [server] = servers.splice(0);
    await new Promise((resolve) => server?.close(resolve));
    await expect(client.open(id)).rejects.toMatchObject({ code: "RAWSTOR_UNREACHABLE" });
  });
});

describe("writing", () => {
  it("fails after three connections with a wrong magic", async () => {
    const { client, seen } = await scripted(after(() => garbage));
    const object = await client.open(id);
    const write = object?.write(0, Buffer.from("ping"));
    await expect(write).rejects.toMatchObject({ code: "RAWSTOR_PROTOCOL" });
    expect(seen.filter((each) => each.endsWith("write"))).toEqual([
      "1 write",
      "2 write",
      "3 write",
    ]);
  });

  it("fails at once when refused (upstream tries three times)", async () => {
    const { client, seen } = await scripted(after((request) => answer(request, -2)));
    const object = await client.open(id);
    const write = object?.write(0, Buffer.from("ping"));
    await expect(write).rejects.toMatchObject({ code: "RAWSTOR_NOT_FOUND" });
    expect(seen).toEqual(["1 set-object", "1 write"]);
  });

  it("tries EBUSY again on the same connection", async () => {
    let busy = 2;
    const { client, seen } = await scripted(
      after((request) => {
        busy -= 1;
        return answer(request, busy >= 0 ? -16 : 4);
      }),
    );
    const object = await client.open(id);
    await object?.write(0, Buffer.from("ping"));
    expect(seen).toEqual(["1 set-object", "1 write", "1 write", "1 write"]);
  });

  it("fails after three connections that close on it", async () => {
    const { client, seen } = await scripted(after(() => "close"));
    const object = await client.open(id);
    const write = object?.write(0, Buffer.from("ping"));
    await expect(write).rejects.toMatchObject({ code: "RAWSTOR_UNREACHABLE" });
    expect(seen.filter((each) => each.endsWith("write"))).toHaveLength(3);
  });

  it("goes on over a new connection, bound again", async () => {
    const { client, seen } = await scripted(
      after((request, connection) => (connection === 1 ? "close" : answer(request, 4))),
    );
    const object = await client.open(id);
    await object?.write(0, Buffer.from("ping"));
    expect(seen).toEqual(["1 set-object", "1 write", "2 set-object", "2 write"]);
  });

  it("orphans none of two writes in flight when the connection closes", async () => {
    let count = 0;
    const { client } = await scripted(
      after(() => {
        count += 1;
        return count % 2 === 0 ? "close" : "silence";
      }),
      { attempts: 2 },
    );
    const object = await client.open(id);
    if (object === undefined) throw new Error("the script binds every object");
    const writes = [1, 2].map((n) => object.write(n, Buffer.from([n])));
    const settled = await Promise.allSettled(writes);
    expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  it("gives up on a target that stalls, within its deadline (D10)", async () => {
    const { client } = await scripted(
      after(() => "silence"),
      { attempts: 2, requestMs: 100 },
    );
    const object = await client.open(id);
    const write = object?.write(0, Buffer.from("ping"));
    await expect(write).rejects.toMatchObject({ code: "RAWSTOR_TIMEOUT" });
  });

  it("reports a metadata call to a frozen target instead of crashing (D9)", async () => {
    const { client } = await scripted(() => "silence", { attempts: 1, requestMs: 100 });
    await expect(client.info()).rejects.toMatchObject({ code: "RAWSTOR_TIMEOUT" });
  });
});

describe("reading", () => {
  it("reads again, elsewhere, what does not match its hash", async () => {
    const payload = Buffer.from("ping");
    const { client, seen } = await scripted(
      after((request, connection) =>
        answer(request, 4, { payload, hash: connection === 1 ? 1n : xxh3(payload) }),
      ),
    );
    const object = await client.open(id);
    expect(Buffer.from((await object?.read(0, 4)) ?? []).toString()).toBe("ping");
    expect(seen).toEqual(["1 set-object", "1 read", "2 set-object", "2 read"]);
  });

  it("trusts a short result", async () => {
    const payload = Buffer.from("pi");
    const { client } = await scripted(
      after((request) => answer(request, 2, { payload, hash: xxh3(payload) })),
    );
    const object = await client.open(id);
    expect(await object?.read(0, 4)).toHaveLength(2);
  });
});

describe("flushing", () => {
  it("fails once when unsynced writes went over a connection that broke", async () => {
    const { client } = await scripted(
      after((request, connection) => {
        if (request.command === "read" && connection === 1) return "close";
        return answer(request, request.command === "write" ? 4 : 0);
      }),
    );
    const object = await client.open(id);
    await object?.write(0, Buffer.from("ping"));
    await object?.read(0, 4);
    await expect(object?.flush()).rejects.toMatchObject({ code: "RAWSTOR_IN_DOUBT" });
    await object?.write(0, Buffer.from("ping"));
    await object?.flush();
  });

  it("fails also when the connection breaks during the flush itself", async () => {
    const { client, seen } = await scripted(
      after((request, connection) => {
        if (request.command === "flush" && connection === 1) return "close";
        return answer(request, request.command === "write" ? 4 : 0);
      }),
    );
    const object = await client.open(id);
    await object?.write(0, Buffer.from("ping"));
    await expect(object?.flush()).rejects.toMatchObject({ code: "RAWSTOR_IN_DOUBT" });
    expect(seen).toContain("2 flush");
  });

  it("is well after a broken connection when everything was synced", async () => {
    const { client } = await scripted(
      after((request, connection) => {
        if (request.command === "read" && connection === 1) return "close";
        return answer(request, request.command === "write" ? 4 : 0);
      }),
    );
    const object = await client.open(id);
    await object?.write(0, Buffer.from("ping"), { sync: true });
    await object?.read(0, 4);
    await object?.flush();
  });
});
