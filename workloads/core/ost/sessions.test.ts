// Transcripts of the session machines: inputs and the exact effects they have.
import { describe, expect, it } from "@jest/globals";

import { startClientSession, stepClient } from "./client-session.ts";
import type { ClientInput } from "./client-session.ts";
import type { ObjectId, OstRequest } from "./protocol.ts";
import { startServerSession, stepServer } from "./server-session.ts";
import type { ServerInput } from "./server-session.ts";

const id = "0190aaaa-bbbb-7ccc-8ddd-000000000001" as ObjectId;
/** Stands for XXH3: the number of bytes. */
const hasher = (data: Uint8Array): bigint => BigInt(data.byteLength);
const limits = { writeBacklogBytesMax: 8, readBacklogBytesMax: 8 };

const write = (cid: number, length: number, hash = BigInt(length)): OstRequest => ({
  command: "write",
  cid,
  offset: 0,
  payload: new Uint8Array(length),
  hash,
  sync: false,
});
const read = (cid: number, lengthBytes: number): OstRequest => ({
  command: "read",
  cid,
  offset: 0,
  lengthBytes,
});
const setObject: OstRequest = { command: "set-object", cid: 0, id };

function server() {
  const state = startServerSession(limits, hasher);
  const feed = (input: ServerInput) =>
    stepServer(state, input).effects.map((effect) => {
      if (effect.kind === "execute") return `execute ${effect.operation.kind} #${effect.ticket}`;
      if (effect.kind !== "respond") return effect.kind;
      const { command, cid, result } = effect.response;
      return `respond ${command} ${cid} ${result}`;
    });
  const ask = (request: OstRequest) => feed({ kind: "request", request });
  const finish = (ticket: number, result: number, object?: number) =>
    feed({
      kind: "finished",
      ticket,
      outcome: object === undefined ? { result } : { result, object },
    });
  return { feed, ask, finish };
}

describe("server session", () => {
  it("answers I/O without an object with -EBADF", () => {
    const { ask } = server();
    expect(ask(read(1, 4))).toEqual(["respond read 1 -9"]);
    expect(ask(write(2, 4))).toEqual(["respond write 2 -9"]);
    expect(ask({ command: "flush", cid: 3 })).toEqual(["respond flush 3 -9"]);
  });

  it("holds what follows SET_OBJECT until the object is bound", () => {
    const { ask, finish } = server();
    expect(ask(setObject)).toEqual(["execute open #1"]);
    expect(ask(write(1, 4))).toEqual(["pause"]);
    expect(ask(read(2, 4))).toEqual([]);
    expect(finish(1, 0, 77)).toEqual([
      "respond set-object 0 0",
      "execute write #2",
      "execute read #3",
      "resume",
    ]);
    expect(finish(3, 4)).toEqual(["respond read 2 4"]);
    expect(finish(2, 4)).toEqual(["respond write 1 4"]);
  });

  it("binds nothing after a failed SET_OBJECT, ALLOCATE or LIST", () => {
    for (const command of [
      { command: "set-object", cid: 5, id },
      { command: "allocate", cid: 5, id, sizeBytes: 1 },
      { command: "list", cid: 5, after: id, limit: 0 },
    ] as const) {
      const { ask, finish } = server();
      ask(setObject);
      finish(1, 0, 77);
      ask(command);
      finish(2, -2);
      expect(ask(read(6, 4))).toEqual(["respond read 6 -9"]);
    }
  });

  it("stays bound after RELEASE, SPEC and LOCATION_INFO", () => {
    const { ask, finish } = server();
    ask(setObject);
    finish(1, 0, 77);
    ask({ command: "spec", cid: 1, id });
    finish(2, -2);
    ask({ command: "release", cid: 2, id });
    finish(3, 0);
    expect(ask(read(3, 4))).toEqual(["execute read #4"]);
  });

  it.each([
    { name: "a WRITE with a wrong hash", request: write(1, 4, 99n), want: "respond write 1 -5" },
    { name: "a WRITE of length 0", request: write(1, 0, 99n), want: "respond write 1 0" },
    { name: "a READ of length 0", request: read(1, 0), want: "respond read 1 0" },
    { name: "a READ above 64 MiB", request: read(1, (1 << 26) + 1), want: "respond read 1 -22" },
    {
      name: "a negative offset",
      request: { command: "read", cid: 1, offset: -1, lengthBytes: 4 } as const,
      want: "respond read 1 -22",
    },
  ])("answers $name at once and goes on", ({ request, want }) => {
    const { ask, finish } = server();
    ask(setObject);
    finish(1, 0, 77);
    expect(ask(request)).toEqual([want]);
    expect(ask(write(2, 4))).toEqual(["execute write #2"]);
  });

  it("refuses a WRITE beyond the backlog with -EBUSY until one is done", () => {
    const { ask, finish } = server();
    ask(setObject);
    finish(1, 0, 77);
    expect(ask(write(1, 8))).toEqual(["execute write #2"]);
    expect(ask(write(2, 1))).toEqual(["respond write 2 -16"]);
    finish(2, 8);
    expect(ask(write(3, 1))).toEqual(["execute write #3"]);
  });

  it("lets READs beyond the backlog wait, and one of any size through", () => {
    const { ask, finish } = server();
    ask(setObject);
    finish(1, 0, 77);
    expect(ask(read(1, 100))).toEqual(["execute read #2"]);
    expect(ask(read(2, 100))).toEqual(["pause"]);
    expect(finish(2, 100)).toEqual(["respond read 1 100", "execute read #3", "resume"]);
  });

  it("starts nothing while the peer does not read", () => {
    const { ask, feed, finish } = server();
    ask(setObject);
    finish(1, 0, 77);
    expect(feed({ kind: "congested" })).toEqual(["pause"]);
    expect(ask(read(1, 4))).toEqual([]);
    expect(feed({ kind: "drained" })).toEqual(["execute read #2", "resume"]);
  });
});

function client() {
  const state = startClientSession(hasher);
  return (input: ClientInput) =>
    stepClient(state, input).effects.map((effect) => {
      if (effect.kind === "send") return `send ${effect.request.command} ${effect.request.cid}`;
      if (effect.kind === "complete") return `complete ${effect.token} ${effect.response.result}`;
      return effect.kind === "fail" ? `fail ${effect.token} ${effect.failure}` : "end";
    });
}

describe("client session", () => {
  const flush = (token: number, deadlineAtMs = 100): ClientInput => ({
    kind: "call",
    token,
    call: { command: "flush" },
    deadlineAtMs,
  });
  const reading = (token: number): ClientInput => ({
    kind: "call",
    token,
    call: { command: "read", offset: 0, lengthBytes: 4 },
    deadlineAtMs: 100,
  });
  const answer = (cid: number, result = 0): ClientInput => ({
    kind: "response",
    response: { command: "flush", cid, result, hash: 0n },
  });

  it("pairs responses with calls in any order", () => {
    const feed = client();
    expect(feed(flush(10))).toEqual(["send flush 0"]);
    expect(feed(flush(11))).toEqual(["send flush 1"]);
    expect(feed(answer(1))).toEqual(["complete 11 0"]);
    expect(feed(answer(0, -5))).toEqual(["complete 10 -5"]);
  });

  it("skips cids that are still in use when it wraps", () => {
    const feed = client();
    feed(flush(0));
    for (let token = 1; token < 65536; token++) {
      feed(flush(token));
      feed(answer(token));
    }
    expect(feed(flush(70000))).toEqual(["send flush 1"]);
  });

  const foreign: readonly { name: string; response: ClientInput }[] = [
    { name: "an unknown cid", response: answer(7) },
    {
      name: "another command",
      response: {
        kind: "response",
        response: { command: "spec", cid: 0, result: 0, hash: 0n },
      },
    },
  ];
  it.each(foreign)("ends at $name", ({ response }) => {
    const feed = client();
    feed(flush(1));
    expect(feed(response)).toEqual(["fail 1 protocol", "end"]);
    expect(feed(flush(2))).toEqual(["fail 2 lost"]);
  });

  it("ends all calls when one runs out of time", () => {
    const feed = client();
    feed(flush(1, 50));
    feed(flush(2, 100));
    expect(feed({ kind: "tick", nowMs: 49 })).toEqual([]);
    expect(feed({ kind: "tick", nowMs: 50 })).toEqual(["fail 1 timeout", "fail 2 timeout", "end"]);
  });

  it("takes no bytes that do not match their hash, nor more than asked", () => {
    for (const [length, hash, want] of [
      [3, 4n, "fail 1 checksum"],
      [5, 5n, "fail 1 protocol"],
    ] as const) {
      const feed = client();
      feed(reading(1));
      const payload = new Uint8Array(length);
      const response = { command: "read", cid: 0, result: length, hash, payload } as const;
      expect(feed({ kind: "response", response })).toEqual([want, "end"]);
    }
  });

  it("orphans no call when the connection is lost", () => {
    const feed = client();
    feed(flush(1));
    feed(reading(2));
    expect(feed({ kind: "lost" })).toEqual(["fail 1 lost", "fail 2 lost", "end"]);
    expect(feed({ kind: "lost" })).toEqual([]);
  });
});
