// The program itself: usage, refusals, drain, gRPC details on raw connections, functions' Services.
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";

import { OprcFunction } from "#api/gen/oprc-invoke_pb.ts";
import { waitUntil } from "#test/support/wait.ts";
import { createGrpcClient } from "#workloads/platform/grpc/index.ts";
import { silentLogger } from "#workloads/platform/log/index.ts";
import type { FunctionServer } from "#workloads/sdk/index.ts";
import { serveFunctions } from "#workloads/sdk/index.ts";

import { http2Request } from "./support/http2.ts";
import type { ScriptedMember } from "./support/member.ts";
import { startMember } from "./support/member.ts";
import type { GatewayProgram } from "./support/process.ts";
import { makeFolder, startGatewayProgram, startProgram } from "./support/process.ts";
import { explicitClass, hashedClass, writeRoutes } from "./support/routes.ts";

let folder: Awaited<ReturnType<typeof makeFolder>>;
let member: ScriptedMember;
let gateway: GatewayProgram;
let functions: FunctionServer;
let routesFile: string;
let gates: (() => void)[] = [];

/** Waits until the test lets it go or its caller gives up. */
function held(call: { readonly signal: AbortSignal }): Promise<object> {
  return new Promise((resolve) => {
    gates.push(() => resolve({}));
    call.signal.addEventListener("abort", () => resolve({}));
  });
}

const handlers = {
  echo: (call: { readonly payload: Uint8Array }) => ({ payload: call.payload }),
  slow: held,
  short: held,
  left: (call: { readonly remainingMs: number }) => ({ payload: String(call.remainingMs) }),
};

beforeAll(async () => {
  folder = await makeFolder();
  member = await startMember({ service: "Link" });
  functions = await serveFunctions(handlers, { host: "127.0.0.1", port: 0, log: silentLogger });
  routesFile = join(folder.path, "routes.json");
  const url = `http://127.0.0.1:${functions.port}`;
  const stateless = { stateless: true, url };
  await writeRoutes(routesFile, [
    hashedClass("p.H", [member.address, member.address], {
      functions: [{ name: "echo", ...stateless }],
    }),
    explicitClass("p.E", member.address, {
      functions: [
        { name: "echo", ...stateless },
        { name: "slow", ...stateless },
        { name: "short", ...stateless, timeoutMs: 100 },
        { name: "left", ...stateless, timeoutMs: 90_000 },
        { name: "away", stateless: true, url: "http://127.0.0.1:9" },
        { name: "broken", stateless: true, url: "ftp://somewhere" },
      ],
    }),
  ]);
  gateway = await startGatewayProgram(["--insecure", "--routes", routesFile]);
}, 30_000);

afterEach(() => {
  for (const open of gates) open();
  gates = [];
});

afterAll(async () => {
  await gateway.stop();
  await member.close();
  await functions.close(0);
  await folder.remove();
}, 30_000);

describe("usage", () => {
  it.each([
    ["no target", [], "one of routing, routes or odgm"],
    ["a remote odgm", ["--odgm", "10.0.0.1:8080"], "not a loopback address"],
    ["links without certificates", ["--routes", "/none"], "tls-dir is missing"],
    [
      "insecure on all addresses",
      ["--routes", "/none", "--insecure", "--listen", "0.0.0.0:0"],
      "insecure is allowed only on loopback",
    ],
  ])("%s is refused with exit code 2", async (_name, args, message) => {
    const refused = startProgram("gateway", args, "gateway serves");
    const text = await refused.then(() => "it serves", String);
    expect(text).toContain("gateway ended with 2");
    expect(text).toContain(message);
  });

  it("plaintext links to other machines are refused", async () => {
    const file = join(folder.path, "remote.json");
    await writeRoutes(file, [explicitClass("p.Far", "10.255.255.1:8081")]);
    const far = await startGatewayProgram(["--insecure", "--routes", file]);
    const response = await fetch(`${far.url}/api/class/p.Far/0/objects/a`);
    expect(response.status).toBe(502);
    expect(await response.text()).toContain("not on loopback");
    expect(await far.stop()).toBe(0);
  });

  it("is not ready before it has a table, and says so on both ports and over gRPC", async () => {
    const none = await startGatewayProgram([
      "--insecure",
      "--routes",
      join(folder.path, "later.json"),
    ]);
    expect((await fetch(`${none.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${none.healthUrl}/readyz`)).status).toBe(503);
    expect((await fetch(`${none.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${none.url}/api/class/p.E/0/objects/a`)).status).toBe(503);
    await writeRoutes(join(folder.path, "later.json"), []);
    await waitUntil(async () => (await fetch(`${none.healthUrl}/readyz`)).status === 200, {
      what: "readiness",
      deadlineMs: 10_000,
    });
    expect(await none.stop()).toBe(0);
  });
});

describe("stateless functions", () => {
  const invoke = (fn: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${gateway.url}/api/class/p.E/1/invokes/${fn}`, { method: "POST", ...init });

  it("are called at their Service, on a class, on an object and without a partition", async () => {
    const payload = Buffer.from([0, 255, 10, 13]);
    const answered = async (response: Promise<Response>): Promise<Buffer> =>
      Buffer.from(await (await response).arrayBuffer());
    expect(await answered(invoke("echo", { body: payload }))).toEqual(payload);
    for (const path of ["p.H/invokes/echo", "p.H/objects/a/invokes/echo", "p.H/1/invokes/echo"]) {
      const init = { method: "POST", body: payload };
      expect(await answered(fetch(`${gateway.url}/api/class/${path}`, init))).toEqual(payload);
    }
    expect(member.calls).toHaveLength(0);
  });

  it("end with 504 after the function's own time, or the caller's if that is shorter", async () => {
    expect((await invoke("short")).status).toBe(504);
    const timed = await invoke("slow", { headers: { "x-oprc-timeout-ms": "100" } });
    expect(timed.status).toBe(504);
  });

  it("get their own time instead of the gateway's default, and never more than is asked", async () => {
    const left = async (init: RequestInit): Promise<number> =>
      Number(await (await invoke("left", init)).text());
    expect(await left({})).toBeGreaterThan(30_000);
    expect(await left({ headers: { "x-oprc-timeout-ms": "20000" } })).toBeLessThanOrEqual(20_000);
  });

  it("that cannot be reached are 502 with Retry-After; a URL that is none is 502", async () => {
    const away = await invoke("away");
    expect([away.status, away.headers.get("retry-after")]).toEqual([502, "1"]);
    expect((await invoke("broken")).status).toBe(502);
  });
});

describe("gRPC on raw connections", () => {
  function unary(
    path: string,
    body: Buffer,
    headers: Record<string, string> = {},
  ): Promise<{ status: string; message: string }> {
    return new Promise((resolve, reject) => {
      const session = connectHttp2(gateway.url);
      session.on("error", reject);
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
        ...headers,
      });
      const seen: Record<string, unknown> = {};
      stream.on("response", (head) => Object.assign(seen, head));
      stream.on("trailers", (trailers) => Object.assign(seen, trailers));
      stream.on("error", reject);
      stream.on("close", () => {
        session.close();
        resolve({ status: String(seen["grpc-status"]), message: String(seen["grpc-message"]) });
      });
      stream.resume();
      stream.end(body);
    });
  }
  const framed = (message: Buffer, flag = 0): Buffer => {
    const prefix = Buffer.alloc(5);
    prefix[0] = flag;
    prefix.writeUInt32BE(message.length, 1);
    return Buffer.concat([prefix, message]);
  };
  const get = "/oprc.DataService/Get";

  it.each([
    ["an unknown method", "/oprc.DataService/Nothing", framed(Buffer.alloc(0)), 12],
    ["a compressed message", get, framed(Buffer.alloc(1), 1), 12],
    ["no message", get, Buffer.alloc(0), 12],
    ["two messages", get, Buffer.concat([framed(Buffer.alloc(0)), framed(Buffer.alloc(0))]), 12],
    ["half a message", get, framed(Buffer.from([0x0a, 0x05])).subarray(0, 6), 13],
    ["bytes that are no request", get, framed(Buffer.from([0x0a, 0x05])), 3],
    ["an unknown class", get, framed(Buffer.from([0x0a, 0x01, 0x78])), 5],
  ])("%s is answered with its status", async (_name, path, body, status) => {
    expect((await unary(path, body)).status).toBe(String(status));
  });

  it("a malformed grpc-timeout is refused", async () => {
    const seen = await unary(get, framed(Buffer.alloc(0)), { "grpc-timeout": "soon" });
    expect(seen.status).toBe("13");
  });

  it("health is served", async () => {
    const serving = await http2Request(gateway.url, "/grpc.health.v1.Health/Check", {
      method: "POST",
      headers: { "content-type": "application/grpc", te: "trailers" },
      body: framed(Buffer.alloc(0)),
    });
    expect(serving.body).toEqual(framed(Buffer.from([8, 1])));
    const unknown = await unary(
      "/grpc.health.v1.Health/Check",
      framed(Buffer.concat([Buffer.from([0x0a, 3]), Buffer.from("abc")])),
    );
    expect(unknown.status).toBe("5");
  });

  it.each(["v1", "v1alpha"])("reflection %s lists services and finds a symbol", async (version) => {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const ask = async (request: Buffer): Promise<string> => {
      const response = await http2Request(gateway.url, path, {
        method: "POST",
        headers: { "content-type": "application/grpc", te: "trailers" },
        body: framed(request),
      });
      return response.body.toString("latin1");
    };
    const services = await ask(Buffer.from([(7 << 3) | 2, 0]));
    for (const name of ["oprc.DataService", "oprc.OprcFunction", "grpc.health.v1.Health"]) {
      expect(services).toContain(name);
    }
    const symbol = Buffer.from("oprc.DataService.BatchSetValues");
    const file = await ask(Buffer.concat([Buffer.from([(4 << 3) | 2, symbol.length]), symbol]));
    expect(file).toContain("ObjectMetaEnvelope");
    const none = Buffer.from("no.such");
    const missing = await ask(Buffer.concat([Buffer.from([(4 << 3) | 2, none.length]), none]));
    expect(missing).toContain("is unknown");
  });
});

describe("connections", () => {
  it("a request that comes byte by byte is understood, whatever the protocol", async () => {
    const text = "GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connectTcp(gateway.port, "127.0.0.1");
      socket.setNoDelay(true);
      let seen = "";
      socket.on("error", reject);
      socket.on("data", (chunk: Buffer) => {
        seen += chunk.toString();
      });
      socket.on("end", () => resolve(seen));
      const bytes = [...text];
      const next = (): void => {
        const byte = bytes.shift();
        if (byte !== undefined) socket.write(byte, () => setImmediate(next));
      };
      next();
    });
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*ok$/);
  });

  it("bytes that are no protocol are answered with 400", async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connectTcp(gateway.port, "127.0.0.1", () => socket.write("\u0001\u0002\r\n"));
      let seen = "";
      socket.on("error", reject);
      socket.on("data", (chunk: Buffer) => {
        seen += chunk.toString();
      });
      socket.on("end", () => resolve(seen));
    });
    expect(answer).toContain("400 Bad Request");
  });

  it("metrics name templates, never ids", async () => {
    await fetch(`${gateway.url}/api/class/p.E/0/objects/very-secret-id`, { method: "DELETE" });
    const text = await (await fetch(`${gateway.healthUrl}/metrics`)).text();
    expect(text).toContain('route="/api/class/{cls}/{pid}/objects/{oid}"');
    expect(text).toContain('oaas_gateway_calls_total{class="p.E"');
    expect(text).not.toContain("very-secret-id");
  });
});

describe("the end", () => {
  it("SIGTERM lets calls in flight end, and exits with 0", async () => {
    const ending = await startGatewayProgram(["--insecure", "--routes", routesFile]);
    const call = fetch(`${ending.url}/api/class/p.E/0/invokes/slow`, { method: "POST" });
    const client = createGrpcClient(OprcFunction, { address: ending.address });
    const request = { clsId: "p.E", fnId: "slow", partitionId: 0, options: {} };
    const second = client.invokeFn(
      { $typeName: "oprc.InvocationRequest", payload: new Uint8Array(0), ...request },
      { timeoutMs: 10_000 },
    );
    await waitUntil(() => gates.length === 2, { what: "both calls", deadlineMs: 5000 });
    const exited = ending.stop();
    await waitUntil(() => ending.lines.some((line) => line.includes("shutting down")), {
      what: "the signal's arrival",
      deadlineMs: 5000,
    });
    for (const open of gates) open();
    expect((await call).status).toBe(200);
    expect((await second).status).toBe(0);
    client.close();
    expect(await exited).toBe(0);
  });

  it("does not wait for connections that are idle or have said nothing", async () => {
    const ending = await startGatewayProgram(["--insecure", "--routes", routesFile]);
    const silent = connectTcp(ending.port, "127.0.0.1");
    const closed = new Promise((resolve) =>
      silent.on("close", resolve).on("error", () => resolve(0)),
    );
    await new Promise((resolve) => silent.on("connect", resolve));
    const idle = connectHttp2(ending.url);
    await new Promise((resolve) => idle.on("remoteSettings", resolve));
    expect((await fetch(`${ending.url}/healthz`)).status).toBe(200);
    expect(await ending.stop()).toBe(0);
    await closed;
    expect(ending.lines.some((line) => line.includes("were cut"))).toBe(false);
    idle.destroy();
  });

  it("after it nobody listens", async () => {
    const ending = await startGatewayProgram(["--insecure", "--routes", routesFile]);
    expect(await ending.stop()).toBe(0);
    const refused = await new Promise<string>((resolve) => {
      const socket = connectTcp(ending.port, "127.0.0.1", () => resolve("connected"));
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    expect(refused).toBe("ECONNREFUSED");
  });
});
