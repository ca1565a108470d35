// The byte examples of reference/rawstor.md A.3, and properties of the decoders.
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { decodeListPage, encodeListPage } from "./listing.ts";
import type { ObjectId, OstRequest, OstResponse } from "./protocol.ts";
import { OFFSET_NEGATIVE, parseObjectId, PAYLOAD_BYTES_MAX } from "./protocol.ts";
import { encodeRequest, RequestDecoder } from "./request.ts";
import { encodeResponse, ResponseDecoder } from "./response.ts";

const id = "0190aaaa-bbbb-7ccc-8ddd-000000000001" as ObjectId;
const ping = Buffer.from("ping");
const pingHash = 0x03400e82594d193an;

const requests: readonly { name: string; hex: string; request: OstRequest }[] = [
  {
    name: "ALLOCATE 1 MiB",
    hex: "72747372 0400 0000 0190aaaabbbb7ccc8ddd000000000001 0000000000000000 0000100000000000",
    request: { command: "allocate", cid: 0, id, sizeBytes: 1 << 20 },
  },
  {
    name: "SET_OBJECT",
    hex: "72747372 0000 0000 0190aaaabbbb7ccc8ddd000000000001 0000000000000000 0000000000000000",
    request: { command: "set-object", cid: 0, id },
  },
  {
    name: 'WRITE "ping" at 0',
    hex: "72747372 0200 0100 0000000000000000 04000000 3a194d59820e4003 00 70696e67",
    request: { command: "write", cid: 1, offset: 0, payload: ping, hash: pingHash, sync: false },
  },
  {
    name: "READ 4 at 0",
    hex: "72747372 0100 0200 0000000000000000 04000000 0000000000000000 00",
    request: { command: "read", cid: 2, offset: 0, lengthBytes: 4 },
  },
];

const responses: readonly { name: string; hex: string; response: OstResponse }[] = [
  {
    name: "SET_OBJECT ok",
    hex: "72747372 0000 0000 00000000 0000000000000000",
    response: { command: "set-object", cid: 0, result: 0, hash: 0n },
  },
  {
    name: "SET_OBJECT of a missing object",
    hex: "72747372 0000 0000 feffffff 0000000000000000",
    response: { command: "set-object", cid: 0, result: -2, hash: 0n },
  },
  {
    name: "WRITE ok",
    hex: "72747372 0200 0100 04000000 3a194d59820e4003",
    response: { command: "write", cid: 1, result: 4, hash: pingHash },
  },
  {
    name: "READ ok",
    hex: "72747372 0100 0200 04000000 3a194d59820e4003 70696e67",
    response: { command: "read", cid: 2, result: 4, hash: pingHash, payload: ping },
  },
];

const bytesOf = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(" ", ""), "hex");

function wire(request: OstRequest): Buffer {
  const { head, payload } = encodeRequest(request);
  return Buffer.concat([head, payload ?? new Uint8Array(0)]);
}

/** Plain arrays, so that views and Buffers compare by content. */
function plain(frame: OstRequest | OstResponse): object {
  const payload = "payload" in frame ? Array.from(frame.payload ?? []) : [];
  return { ...frame, payload };
}

function decodeRequests(chunks: readonly Uint8Array[]) {
  const decoder = new RequestDecoder();
  const results = chunks.map((chunk) => decoder.push(chunk));
  return { frames: results.flatMap(({ frames }) => frames), reject: results.at(-1)?.reject };
}

const anyId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString("hex"))
  .map((hex) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5") as ObjectId);
const cid = fc.nat(65535);
const range = { offset: fc.maxSafeNat(), lengthBytes: fc.nat(0xffff_ffff) };
const anyRequest: fc.Arbitrary<OstRequest> = fc.oneof(
  fc.record({ command: fc.constantFrom("set-object", "release", "spec"), cid, id: anyId }),
  fc.record({ command: fc.constantFrom("location-info", "flush"), cid }),
  fc.record({
    command: fc.constant("allocate" as const),
    cid,
    id: anyId,
    sizeBytes: fc.maxSafeNat(),
  }),
  fc.record({ command: fc.constant("list" as const), cid, after: anyId, limit: fc.maxSafeNat() }),
  fc.record({ command: fc.constant("read" as const), cid, ...range }),
  fc.record({ command: fc.constant("discard" as const), cid, ...range, sync: fc.boolean() }),
  fc.record({
    command: fc.constant("write" as const),
    cid,
    offset: fc.maxSafeNat(),
    payload: fc.uint8Array({ maxLength: 200 }),
    hash: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    sync: fc.boolean(),
  }),
);

describe("requests (A.3)", () => {
  it.each(requests)("$name", ({ hex, request }) => {
    expect(wire(request).toString("hex")).toBe(hex.replaceAll(" ", ""));
    expect(decodeRequests([bytesOf(hex)]).frames.map(plain)).toEqual([plain(request)]);
  });

  it("come out whole however the bytes are split", () => {
    fc.assert(
      fc.property(
        fc.array(anyRequest, { maxLength: 8 }),
        fc.array(fc.nat(4096), { maxLength: 20 }),
        (sent, cuts) => {
          const bytes = Buffer.concat(sent.map(wire));
          const ends = [...cuts.filter((cut) => cut < bytes.length), bytes.length];
          ends.sort((a, b) => a - b);
          const chunks = ends.map((end, i) => Buffer.from(bytes.subarray(ends[i - 1] ?? 0, end)));
          expect(decodeRequests(chunks).frames.map(plain)).toEqual(sent.map(plain));
        },
      ),
    );
  });

  it("come out whole one byte at a time", () => {
    const bytes = Buffer.concat(requests.map(({ request }) => wire(request)));
    const chunks = Array.from(bytes, (byte) => new Uint8Array([byte]));
    expect(decodeRequests(chunks).frames.map(plain)).toEqual(
      requests.map(({ request }) => plain(request)),
    );
  });

  it("never throw on garbage", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
        decodeRequests(chunks);
      }),
    );
  });

  it.each([
    { name: "wrong magic", hex: "73747372 0400 0000", want: "bad-magic" },
    { name: "big-endian magic", hex: "72737472 0400 0000", want: "bad-magic" },
    { name: "unknown command", hex: "72747372 0a00 0000", want: "unknown-command" },
    {
      name: "a WRITE above 64 MiB",
      hex: "72747372 0200 0000 0000000000000000 01000004 0000000000000000 00",
      want: "frame-too-large",
    },
  ])("rejects $name", ({ hex, want }) => {
    expect(decodeRequests([bytesOf(hex)]).reject).toBe(want);
    expect(decodeRequests(Array.from(bytesOf(hex), (b) => new Uint8Array([b]))).reject).toBe(want);
  });

  it("stay rejected", () => {
    const decoder = new RequestDecoder();
    decoder.push(bytesOf("73747372 0400 0000"));
    const again = decoder.push(bytesOf(requests[0]?.hex ?? ""));
    expect(again).toEqual({ frames: [], reject: "bad-magic" });
  });

  it("take a WRITE of exactly 64 MiB", () => {
    const head = bytesOf("72747372 0200 0000 0000000000000000 00000004 0000000000000000 00");
    const { frames } = decodeRequests([head, new Uint8Array(PAYLOAD_BYTES_MAX)]);
    expect(frames).toHaveLength(1);
  });

  it("tell offsets of 2^63 and more from those past 2^53", () => {
    const read = (offset: string) =>
      decodeRequests([bytesOf(`72747372 0100 0200 ${offset} 04000000 0000000000000000 00`)])
        .frames[0];
    expect(read("0000000000000080")).toMatchObject({ offset: OFFSET_NEGATIVE });
    expect(read("ffffffffffffff7f")).toMatchObject({ offset: Number.MAX_SAFE_INTEGER });
  });
});

describe("responses (A.3)", () => {
  it.each(responses)("$name", ({ hex, response }) => {
    expect(Buffer.from(encodeResponse(response)).toString("hex")).toBe(hex.replaceAll(" ", ""));
    const { frames } = new ResponseDecoder().push(bytesOf(hex));
    expect(frames.map(plain)).toEqual([plain(response)]);
  });

  it("come out whole one byte at a time", () => {
    const decoder = new ResponseDecoder();
    const bytes = Buffer.concat(responses.map(({ response }) => encodeResponse(response)));
    const frames = Array.from(bytes, (b) => decoder.push(new Uint8Array([b])).frames).flat();
    expect(frames.map(plain)).toEqual(responses.map(({ response }) => plain(response)));
  });

  it("reject a payload above 64 MiB", () => {
    const decoded = new ResponseDecoder().push(
      bytesOf("72747372 0100 0200 01000004 0000000000000000"),
    );
    expect(decoded.reject).toBe("frame-too-large");
  });

  it("carry exactly `result` bytes or are not sent at all", () => {
    expect(() =>
      encodeResponse({ command: "read", cid: 0, result: -22, hash: 0n, payload: ping }),
    ).toThrow("exactly");
  });
});

describe("list pages", () => {
  it("end with a zero token", () => {
    expect(Array.from(encodeListPage({ ids: [] }))).toEqual(Array.from(new Uint8Array(16)));
    expect(decodeListPage(encodeListPage({ ids: [id] }))).toEqual({ ids: [id] });
    expect(decodeListPage(encodeListPage({ ids: [id], next: id }))).toEqual({
      ids: [id],
      next: id,
    });
  });

  it("may be empty altogether", () => {
    expect(decodeListPage(new Uint8Array(0))).toEqual({ ids: [] });
    expect(decodeListPage(new Uint8Array(15))).toBeUndefined();
  });
});

describe("ids", () => {
  it.each([
    { given: "0190AAAA-bbbb-7ccc-8ddd-000000000001", want: id },
    { given: "0190aaaabbbb7ccc8ddd000000000001", want: undefined },
    { given: "../../etc/passwd", want: undefined },
  ])("$given", ({ given, want }) => {
    expect(parseObjectId(given)).toBe(want);
  });
});
