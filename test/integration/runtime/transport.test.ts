// The transport on real sockets: connections are shared, credentials re-read, and every way in which
// a connection can go wrong ends in one kind of error. The server is a plain one of our own.

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, describe, expect, it } from "@jest/globals";

import type { Credentials } from "#controllers/runtime/client/credentials.ts";
import { UndiciTransport } from "#controllers/runtime/client/undici-transport.ts";

interface Rig {
  readonly transport: UndiciTransport;
  readonly connections: () => number;
}

const open: { readonly server: Server; readonly transport: UndiciTransport }[] = [];

afterEach(async () => {
  for (const { server, transport } of open.splice(0)) {
    await transport.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function rig(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  tokens: readonly string[] = [],
): Promise<Rig> {
  const server = createServer(handle);
  let connections = 0;
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  let token = 0;
  const credentials: Credentials = {
    current: () =>
      Promise.resolve({
        server: `http://127.0.0.1:${port}`,
        tls: {},
        authorization: `Bearer ${tokens[token] ?? "t"}`,
      }),
    invalidate: () => {
      token++;
    },
  };
  const transport = new UndiciTransport({ credentials, userAgent: "test" });
  open.push({ server, transport });
  return { transport, connections: () => connections };
}

function json(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

const get = { method: "GET", path: "/api/v1/pods" } as const;

describe("calls", () => {
  it("share a few connections", async () => {
    const { transport, connections } = await rig((_request, response) => json(response, 200, {}));
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 40 }, () => transport.request(get)));
    }
    expect(connections()).toBeLessThanOrEqual(16);
  });

  it("bring status, body, sizes and Retry-After, whatever the status", async () => {
    const { transport } = await rig((_request, response) =>
      json(response, 429, { kind: "Status" }, { "retry-after": "7" }),
    );
    const response = await transport.request({ ...get, method: "POST", body: { a: "é" } });
    expect(response).toEqual({
      status: 429,
      retryAfterMs: 7_000,
      body: { kind: "Status" },
      bytes: 17,
      sentBytes: 10,
    });
  });

  it("read a date in Retry-After too", async () => {
    const at = new Date(Date.now() + 90_000).toUTCString();
    const { transport } = await rig((_request, response) =>
      json(response, 503, {}, { "retry-after": at }),
    );
    const { retryAfterMs = 0 } = await transport.request(get);
    expect(retryAfterMs).toBeGreaterThan(80_000);
    expect(retryAfterMs).toBeLessThanOrEqual(90_000);
  });

  it("read credentials again after a 401", async () => {
    const { transport } = await rig(
      (request, response) =>
        json(response, request.headers.authorization === "Bearer new" ? 200 : 401, {}),
      ["old", "new"],
    );
    expect((await transport.request(get)).status).toBe(401);
    expect((await transport.request(get)).status).toBe(200);
  });

  it.each([
    {
      name: "a reset",
      handle: (request: IncomingMessage) => request.socket.destroy(),
      want: { code: "KUBE_TRANSPORT", aborted: false },
    },
    {
      name: "half an answer",
      handle: (request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(200, { "content-length": "100" });
        response.write("{");
        setImmediate(() => request.socket.destroy());
      },
      want: { code: "KUBE_TRANSPORT", aborted: false },
    },
    {
      name: "silence",
      handle: () => undefined,
      want: { code: "KUBE_TRANSPORT", aborted: false },
    },
  ])("end in a TransportError after $name", async ({ handle, want }) => {
    const { transport } = await rig(handle);
    await expect(transport.request({ ...get, timeoutMs: 300 })).rejects.toMatchObject(want);
  });

  it("end at once when their signal aborts", async () => {
    const stop = new AbortController();
    const { transport } = await rig(() => stop.abort());
    const call = transport.request({ ...get, signal: stop.signal });
    await expect(call).rejects.toMatchObject({ code: "KUBE_TRANSPORT", aborted: true });
  });
});

describe("watches", () => {
  const event = (name: string): string =>
    `${JSON.stringify({ type: "ADDED", object: { metadata: { name } } })}\n`;

  async function collect(transport: UndiciTransport): Promise<readonly string[]> {
    const seen: string[] = [];
    const response = await transport.watch({ ...get, timeoutMs: 1_000 });
    for await (const { object } of response.events) {
      seen.push((object as { readonly metadata: { readonly name: string } }).metadata.name);
    }
    return seen;
  }

  it("yield lines however they are cut, and end with the stream", async () => {
    const { transport } = await rig((_request, response) => {
      const text = `${event("a")}${event("\u{1f600}")}`;
      const bytes = Buffer.from(text);
      response.writeHead(200);
      response.write(bytes.subarray(0, 60));
      setImmediate(() => response.end(bytes.subarray(60)));
    });
    expect(await collect(transport)).toEqual(["a", "\u{1f600}"]);
  });

  it.each([
    {
      name: "a reset",
      handle: (request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(200);
        response.write(event("a"));
        setTimeout(() => request.socket.destroy(), 50);
      },
    },
    {
      name: "a line that is no JSON",
      handle: (_request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(200);
        response.end(`${event("a")}<html>\n`);
      },
    },
  ])("throw a TransportError after $name", async ({ handle }) => {
    const { transport } = await rig(handle);
    await expect(collect(transport)).rejects.toMatchObject({ code: "KUBE_TRANSPORT" });
  });

  it("end quietly when closed, also while silent", async () => {
    const { transport } = await rig((_request, response) => {
      response.writeHead(200);
      response.write(event("a"));
    });
    const response = await transport.watch(get);
    const seen: unknown[] = [];
    for await (const line of response.events) {
      seen.push(line);
      setTimeout(() => response.close(), 50);
    }
    expect(seen).toHaveLength(1);
  });

  it("give the answer where it is not 200", async () => {
    const { transport } = await rig((_request, response) =>
      json(response, 410, { kind: "Status", code: 410 }),
    );
    const response = await transport.watch(get);
    expect([response.status, response.body]).toEqual([410, { kind: "Status", code: 410 }]);
  });

  it("give up where the answer is not 200 and does not end", async () => {
    const { transport } = await rig((_request, response) => {
      response.writeHead(503, { "content-length": "100" });
      response.write("{");
    });
    const watch = transport.watch({ ...get, timeoutMs: 300 });
    await expect(watch).rejects.toMatchObject({ code: "KUBE_TRANSPORT", aborted: false });
  });

  it("do not hold up calls", async () => {
    const { transport } = await rig((request, response) => {
      if (request.url?.includes("watch") === true) {
        response.writeHead(200);
        response.flushHeaders();
      } else {
        json(response, 200, {});
      }
    });
    const watches = await Promise.all(
      Array.from({ length: 40 }, () => transport.watch({ ...get, query: { watch: "true" } })),
    );
    expect((await transport.request(get)).status).toBe(200);
    for (const one of watches) one.close();
  });
});
