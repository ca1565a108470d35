// Links over a network that goes silent without ending a connection, as when a pod's network goes
// before the last packet of its program: TCP itself notices after minutes.
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { Method } from "#api/gen/oaas-stream_pb.ts";
import { waitUntil } from "#test/support/wait.ts";
import type { GrpcServer } from "#workloads/platform/index.ts";
import {
  addExchange,
  silentLogger,
  startGrpcServer,
  StreamClient,
} from "#workloads/platform/index.ts";

/** Passes bytes between a client and a server until the connections so far are told to be silent. */
class SilentNetwork {
  /** New connections are accepted and nothing more. */
  swallowNew = false;
  readonly #pairs: [Socket, Socket | undefined][] = [];
  readonly #server = createServer((client) => this.#join(client));
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, "127.0.0.1", () => resolve(this.port));
    });
  }

  /** Where it listens. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** No byte of the connections so far arrives any more, and none of them ends. */
  silence(): void {
    for (const [client, server] of this.#pairs) {
      client.unpipe();
      client.resume();
      server?.unpipe();
      server?.resume();
    }
  }

  close(): void {
    this.#server.close();
    for (const [client, server] of this.#pairs) {
      client.destroy();
      server?.destroy();
    }
  }

  #join(client: Socket): void {
    const server = this.swallowNew ? undefined : connect(this.#port, "127.0.0.1");
    this.#pairs.push([client, server]);
    for (const socket of [client, server]) socket?.on("error", () => socket.destroy());
    if (server === undefined) client.resume();
    else client.pipe(server).pipe(client);
  }
}

let server: GrpcServer;
let network: SilentNetwork;
let link: StreamClient;

beforeEach(async () => {
  server = await startGrpcServer({ listen: { host: "127.0.0.1", port: 0 } }, (grpc) => {
    addExchange(grpc, "DataStream", (call, respond) => {
      respond.ok([call.request]);
      return undefined;
    });
  });
  network = new SilentNetwork(server.port);
  link = linkTo(await network.listen());
});

function linkTo(port: number, options: Readonly<Record<string, number>> = {}): StreamClient {
  const target = { address: `127.0.0.1:${port}`, options };
  return new StreamClient({ target, service: "DataStream", log: silentLogger });
}

afterEach(async () => {
  link.close();
  network.close();
  await server.close(0);
});

const ask = (timeoutMs: number): Promise<readonly Uint8Array[]> =>
  link.request({ method: Method.GET, request: Buffer.from("ping"), timeoutMs });

/** The limit is the test's own. */
async function untilAnswered(): Promise<void> {
  for (;;) {
    const [result] = await Promise.allSettled([ask(500)]);
    if (result.status === "fulfilled") return;
    await delay(50);
  }
}

describe("a link", () => {
  it("that was not connected within a call's time says so: the call has surely not left", async () => {
    network.swallowNew = true;
    await expect(ask(100)).rejects.toMatchObject({ code: "LINK_DOWN" });
  });

  it("is away from its loss until it is connected again, and no call is lost for that", async () => {
    link.close();
    const pings = { "grpc.keepalive_time_ms": 100, "grpc.keepalive_timeout_ms": 200 };
    link = linkTo(network.port, pings);
    expect(link.isAway).toBe(false);
    await ask(5_000);
    expect(link.isAway).toBe(false);
    network.swallowNew = true;
    network.silence();
    await expect(ask(60_000)).rejects.toMatchObject({ code: "LINK_LOST" });
    expect(link.isAway).toBe(true);
    // Longer than a call waits for a connection: who has a choice never sees it come back.
    const tried = ask(60_000);
    const seen: boolean[] = [];
    const watch = setInterval(() => seen.push(link.isAway), 20);
    await expect(tried).rejects.toMatchObject({ code: "LINK_DOWN" });
    const { length } = seen;
    await waitUntil(() => Promise.resolve(seen.length > length + 30), {
      what: "the time after a loss to pass",
      deadlineMs: 20_000,
    });
    clearInterval(watch);
    expect(seen.slice(length)).not.toContain(false);
    // Nobody calls: whoever asks whether it is away makes it connect.
    network.swallowNew = false;
    await waitUntil(() => Promise.resolve(!link.isAway), {
      what: "the connection",
      deadlineMs: 20_000,
    });
    await ask(5_000);
  });

  it("that is never connected is refused soon, and is there once the network is", async () => {
    network.swallowNew = true;
    await expect(ask(60_000)).rejects.toMatchObject({ code: "LINK_DOWN" });
    network.swallowNew = false;
    await untilAnswered();
  });

  it("whose connection falls silent is made anew", async () => {
    await ask(5_000);
    network.silence();
    const lost = ask(60_000);
    await expect(lost).rejects.toMatchObject({ code: "LINK_LOST" });
    await untilAnswered();
  });
});
