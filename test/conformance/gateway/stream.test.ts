// oaas.DataStream and oaas.Link on real sockets (design 5b, Links): a control and a bulk stream per
// peer, frames of at most 256 KiB, queues bounded in bytes, deadline and cancel per operation.
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { DataStream, Method } from "#api/gen/oaas-stream_pb.ts";
import { GrpcCode } from "#api/workload/reasons.ts";
import type { GrpcServer, Responder, WireCall, WireReply } from "#workloads/platform/index.ts";
import {
  addExchange,
  decodeReplies,
  encodeCalls,
  methodPath,
  openChannel,
  same,
  silentLogger,
  startGrpcServer,
  StreamClient,
} from "#workloads/platform/index.ts";

const FRAME_BYTES_MAX = 256 * 1024;
const MIB = 1024 * 1024;

let server: GrpcServer;
/** Calls of GET_VALUE, which are never answered. */
const stuck: { call: WireCall; respond: Responder; cancelled: boolean }[] = [];

beforeAll(async () => {
  server = await startGrpcServer({ listen: { host: "127.0.0.1", port: 0 } }, (grpc) => {
    addExchange(grpc, "DataStream", (call, respond) => {
      if (call.method === Method.GET_VALUE) {
        const entry = { call, respond, cancelled: false };
        stuck.push(entry);
        return () => {
          entry.cancelled = true;
        };
      }
      respond.ok([call.request]);
      return undefined;
    });
  });
});

afterAll(async () => {
  await server.close(0);
});

const address = (): string => `127.0.0.1:${server.port}`;

function openClient(queueBytesMax?: number): StreamClient {
  return new StreamClient({
    target: { address: address() },
    service: "DataStream",
    log: silentLogger,
    ...(queueBytesMax === undefined ? {} : { queueBytesMax }),
  });
}

/** A caller that speaks the protocol by hand. */
class RawStream {
  readonly frames: Buffer[] = [];
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #channel = openChannel({ address: address() });
  #wake: (() => void) | undefined;

  constructor() {
    const path = methodPath(DataStream.method.exchange);
    this.stream = this.#channel.makeBidiStreamRequest(path, same, same, new Metadata());
    this.stream.on("data", (frame: Buffer) => {
      this.frames.push(frame);
      this.#wake?.();
    });
    this.stream.on("error", () => this.#wake?.());
  }

  send(...calls: readonly Partial<WireCall>[]): void {
    this.stream.write(
      encodeCalls(
        calls.map((call) => {
          const base = { id: 1, method: Method.GET, request: new Uint8Array(0), deadlineMs: 0 };
          return { ...base, generation: 0n, forwarded: false, headers: {}, ...call };
        }),
      ),
    );
  }

  get replies(): readonly WireReply[] {
    return this.frames.flatMap((frame) => decodeReplies(frame));
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.stream.cancel();
    this.#channel.close();
  }
}

describe("frames", () => {
  it("are at most 256 KiB both ways, however large request and response are", async () => {
    const raw = new RawStream();
    const large = Buffer.alloc(3 * MIB, 7);
    for (let at = 0; at < large.length; at += 100_000) {
      const request = large.subarray(at, at + 100_000);
      raw.send({ request, partial: at + 100_000 < large.length });
    }
    await raw.until(() => raw.replies.some(({ partial }) => partial !== true));
    const whole = Buffer.concat(raw.replies.map(({ response }) => response));
    expect(whole.equals(large)).toBe(true);
    expect(Math.max(...raw.frames.map(({ length }) => length))).toBeLessThanOrEqual(
      FRAME_BYTES_MAX,
    );
    raw.close();
  });

  it("are put together again by our own client", async () => {
    const client = openClient();
    const request = Buffer.alloc(5 * MIB + 1, 9);
    const [response] = await client.request({ method: Method.SET, request, timeoutMs: 20_000 });
    expect(request.equals(response ?? Buffer.alloc(0))).toBe(true);
    client.close();
  });

  it("of a request beyond 16 MiB are refused, and the stream goes on", async () => {
    const client = openClient(64 * MIB);
    const call = { method: Method.SET, request: Buffer.alloc(16 * MIB + 1), timeoutMs: 20_000 };
    await expect(client.request(call)).rejects.toMatchObject({ code: "REQUEST_TOO_LARGE" });
    const small = { ...call, request: Buffer.from("x") };
    expect(await client.request(small)).toEqual([Buffer.from("x")]);
    client.close();
  });
});

describe("control and bulk", () => {
  it("are streams of their own: what must not wait passes a peer that reads no more bulk", async () => {
    const client = openClient();
    const before = stuck.length;
    const request = Buffer.alloc(MIB);
    for (let count = 0; count < 24; count += 1) {
      client.call({ method: Method.GET_VALUE, request, timeoutMs: 20_000 }, () => undefined);
    }
    const control = { method: Method.GET, request: Buffer.from("now"), lane: "control" as const };
    expect(await client.request({ ...control, timeoutMs: 20_000 })).toEqual([Buffer.from("now")]);
    // The peer holds 16 MiB of requests and leaves the rest on the wire.
    expect(stuck.length - before).toBeLessThan(24);
    client.close();
  });

  it("queue no more than their bound: beyond it a call was surely not sent", async () => {
    const client = openClient(2 * MIB);
    const request = Buffer.alloc(MIB);
    const ends: string[] = [];
    for (let count = 0; count < 4; count += 1) {
      client.call({ method: Method.GET_VALUE, request, timeoutMs: 20_000 }, ({ reason }) => {
        ends.push(reason);
      });
    }
    expect(ends).toEqual(["LINK_BUSY", "LINK_BUSY"]);
    client.close();
  });
});

describe("an operation", () => {
  it("ends at its deadline on the answering side, too, and is cancelled there", async () => {
    const raw = new RawStream();
    const before = stuck.length;
    raw.send({ id: 5, method: Method.GET_VALUE, deadlineMs: 30 }, { id: 6 });
    await raw.until(() => raw.replies.length === 2);
    expect(raw.replies.map(({ id, code }) => [id, code])).toEqual([
      [6, GrpcCode.ok],
      [5, GrpcCode.deadlineExceeded],
    ]);
    expect(stuck[before]?.cancelled).toBe(true);
    raw.close();
  });

  it("is cancelled alone", async () => {
    const raw = new RawStream();
    const before = stuck.length;
    raw.send({ id: 1, method: Method.GET_VALUE }, { id: 2, method: Method.GET_VALUE });
    raw.send({ id: 1, method: Method.CANCEL }, { id: 3 });
    await raw.until(() => raw.replies.length === 1);
    expect(stuck.slice(before).map(({ cancelled }) => cancelled)).toEqual([true, false]);
    stuck[before]?.respond.ok([Buffer.from("too late")]);
    stuck[before + 1]?.respond.ok([Buffer.from("here")]);
    await raw.until(() => raw.replies.length === 2);
    expect(raw.replies.map(({ id }) => id)).toEqual([3, 2]);
    raw.close();
  });

  it("that is given up while its request is in pieces leaves nothing behind", async () => {
    const raw = new RawStream();
    raw.send({ id: 1, request: Buffer.from("a"), partial: true });
    raw.send({ id: 1, method: Method.CANCEL });
    raw.send({ id: 1, request: Buffer.from("b") });
    await raw.until(() => raw.replies.length === 1);
    expect(Buffer.from(raw.replies[0]?.response ?? []).toString()).toBe("b");
    raw.close();
  });
});

describe("what goes beside a request and a response", () => {
  it("arrives as it was sent", async () => {
    const raw = new RawStream();
    const before = stuck.length;
    const marks = [{ incarnation: "i", index: 12 }];
    const token = { term: 2, sequence: 3, cls: "a.B", object: "o" };
    const session = { kind: "session" as const, session: "s", sequence: 4, settledBelow: 2 };
    raw.send({
      method: Method.GET_VALUE,
      identity: session,
      demand: { strong: false, boundMs: 250, marks },
      wantsHint: true,
      token,
    });
    raw.send({ id: 2, method: Method.GET_VALUE, identity: { kind: "key", key: "k" } });
    raw.send({ id: 3 });
    await raw.until(() => raw.replies.length === 1);
    const [one, two] = stuck.slice(before);
    expect(one?.call).toMatchObject({
      identity: session,
      demand: { strong: false, boundMs: 250, marks },
      wantsHint: true,
      token,
    });
    expect(two?.call.identity).toEqual({ kind: "key", key: "k" });
    one?.respond.ok([new Uint8Array(0)], { mark: { incarnation: "j", index: 9 }, repeated: true });
    await raw.until(() => raw.replies.length === 2);
    expect(raw.replies[1]).toMatchObject({
      mark: { incarnation: "j", index: 9 },
      repeated: true,
    });
    raw.close();
  });
});
